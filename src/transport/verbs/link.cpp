#include "transport/verbs/link.hpp"

#include "base/error.hpp"
#include "transport/mismatch.hpp"
#include "transport/verbs/status.hpp"

namespace tutti::verbs {

void Link::fail(Code code, int rank, std::string sentence) noexcept {
  broken_ = true;
  failure_.report(code, rank, std::move(sentence));
}

void Link::suspect(std::string sentence) noexcept {
  broken_ = true;
  failure_.suspect(Code::remote_error, peer_, std::move(sentence));
}

void Link::completion_failed(const QueuePair& pair, const ibv_wc& completion) noexcept {
  const std::string_view cause = likely_cause(completion.status);
  std::string sentence = fmt::format(
      "rank {} lost its connection with {} (lane {}): {} (status {}, vendor code {:#x}) on {}, GID {}, queue "
      "pair {}, towards GID {}, queue pair {}{}{}",
      rank_, peer_text_, lane_, words(completion.status), static_cast<int>(completion.status),
      completion.vendor_err, pair.rail().name(), to_text(pair.rail().gid.gid), pair.address().number,
      to_text(pair.peer_gid()), pair.peer().number, cause.empty() ? "" : ": ", cause);
  if (is_remote(completion.status)) return suspect(std::move(sentence));
  fail(Code::system_error, -1, std::move(sentence));
}

void Link::refused(const char* call, const QueuePair& pair, int error_number) noexcept {
  fail(Code::system_error, -1,
       fmt::format("{} on {} (queue pair {}) towards {} (lane {}): {}", call, pair.rail().name(),
                   pair.address().number, peer_text_, lane_, errno_text(error_number)));
}

std::string Link::text() const {
  return fmt::format("rank {}'s connection with {} (lane {})", rank_, peer_text_, lane_);
}

void Link::no_rail_left(const QueuePair& pair) noexcept {
  suspect(fmt::format(
      "{} gave up its queue pair {} towards {} on rank {} (lane {}), and there is no other rail: look "
      "at what rank {} logged last",
      peer_text_, pair.peer().number, pair.rail().name(), rank_, lane_, peer_));
}

void Link::device_failed(const std::string& why) noexcept {
  fail(Code::system_error, -1, fmt::format("{}, and {} has no other rail", why, text()));
}

void Link::acknowledged_but_lost(const QueuePair& pair) noexcept {
  fail(Code::remote_error, peer_,
       fmt::format(
           "{}: the peer's device failed after it had acknowledged data on {} that its rank never got (queue "
           "pair {}): it cannot be sent again",
           text(), pair.rail().name(), pair.address().number));
}

void Link::out_of_reach(std::size_t bytes) noexcept {
  fail(Code::invalid_usage, -1,
       fmt::format("{}: a message of {} bytes for the memory of a GPU came through host memory: what is sent "
                   "there must be of registered memory too, and announced first",
                   text(), bytes));
}

void Link::out_of_order(std::uint32_t immediate) noexcept {
  fail(Code::internal_error, peer_,
       fmt::format("{}: the word {:#010x} came out of order; this is a fault of tutti or of a device", text(),
                   immediate));
}

void Link::set_up_failed(const std::string& why) noexcept {
  fail(Code::remote_error, peer_,
       fmt::format("the RDMA connection from rank {} to {} (lane {}) cannot be set up: {}", rank_, peer_text_,
                   lane_, why));
}

void Link::lost(const std::string& due) noexcept {
  suspect(
      fmt::format("{} closed the connection while {} at rank {} (lane {}); look at what rank {} logged last",
                  peer_text_, due, rank_, lane_, peer_));
}

void Link::mismatched(const Header* sent, std::size_t bytes, Tag tag) noexcept {
  if (sent != nullptr)
    return fail(Code::invalid_usage, peer_,
                mismatch_sentence(peer_text_, {sent->bytes, sent->tag}, rank_, {bytes, tag}, describe_tag_));
  fail(Code::invalid_usage, peer_,
       fmt::format(
           "{} sent a message of another length than the {} bytes that rank {} awaits (lane {}): the two "
           "ranks called different collectives, or the same with different counts or types",
           peer_text_, bytes, rank_, lane_));
}

}  // namespace tutti::verbs
