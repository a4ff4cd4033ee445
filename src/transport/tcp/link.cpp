#include "transport/tcp/link.hpp"

#include "base/error.hpp"
#include "transport/mismatch.hpp"

namespace tutti::tcp {

namespace {
std::string size_text(std::size_t bytes) {
  constexpr double kKiB = 1024, kMiB = kKiB * 1024;
  const auto size = static_cast<double>(bytes);
  if (size >= kMiB) return fmt::format("{:.1f} MiB", size / kMiB);
  return size >= kKiB ? fmt::format("{:.1f} KiB", size / kKiB) : fmt::format("{} bytes", bytes);
}
}  // namespace

void Link::fail(Code code, int rank, std::string sentence) noexcept {
  broken_ = true;
  world_.failure->report(code, rank, std::move(sentence));
}

void Link::lost(const Moved& how, std::size_t messages, std::size_t bytes) noexcept {
  const std::string what =
      how.error == 0 ? "closed the connection" : "lost the connection: " + errno_text(how.error);
  broken_ = true;
  world_.failure->suspect(
      Code::remote_error, peer_,
      fmt::format(
          "{} {} while {} message{} ({}) {} due at rank {} (lane {}); look at what rank {} logged last",
          peer_text_, what, messages, messages == 1 ? "" : "s", size_text(bytes),
          messages == 1 ? "was" : "were", world_.rank, lane_, peer_));
}

void Link::mismatched(const Header& sent, std::size_t bytes, Tag tag) noexcept {
  const Announced message{sent.bytes, sent.tag};
  const bool overtook = sent.bytes == bytes && sent.tag == tag;
  fail(Code::invalid_usage, peer_,
       overtook ? overtaken_sentence(peer_text_, message, world_.rank, world_.describe_tag)
                : mismatch_sentence(peer_text_, message, world_.rank, {bytes, tag}, world_.describe_tag));
}

void Link::silent(unsigned milliseconds) noexcept {
  fail(Code::remote_error, peer_,
       fmt::format("{} has acknowledged nothing for {} ms (lane {}): its host is down or the network is cut",
                   peer_text_, milliseconds, lane_));
}

void Link::out_of_memory(int error_number) noexcept {
  fail(Code::system_error, -1,
       fmt::format("no memory for the slots of the connection with {} (lane {}): {}", peer_text_, lane_,
                   errno_text(error_number)));
}

}  // namespace tutti::tcp
