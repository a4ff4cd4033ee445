#include "bootstrap/rendezvous.hpp"

#include "base/error.hpp"
#include "bootstrap/describe.hpp"
#include "bootstrap/dial.hpp"
#include "bootstrap/rendezvous_server.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {

constexpr int kAnswer_ms = 2'000;  // for the root to say who has not come

// One rank's visit to the rendezvous.
struct Visit {
  const IdContents& id;
  int rank, size;
  const Settings& settings;
  std::vector<SocketAddress> addresses;
};

void check_arguments(int rank, int size, const std::string& info) {
  if (size < 1 || size > kMostRanks)
    fail(Code::invalid_argument, "the number of ranks is {}; it must be 1 to {}", size, kMostRanks);
  if (rank < 0 || rank >= size)
    fail(Code::invalid_argument, "the rank is {} of {}; it must be 0 to {}", rank, size, size - 1);
  if (info.size() > kLargestInfo)
    fail(Code::internal_error, "rank {} gives {} bytes at the rendezvous; {} are allowed", rank, info.size(),
         kLargestInfo);
}

// Both come from the id's secret and from fresh bytes: another rendezvous with the same id gives others, and
// what is sent in the clear does not give them away.
void derive_identity(Membership& membership, const Secret& id_secret, std::string_view salt) {
  membership.secret = derive(id_secret, "session " + std::string(salt));
  const Digest name = hmac(id_secret, "communicator " + std::string(salt));
  Unpacker from({reinterpret_cast<const char*>(name.data()), name.size()});
  membership.communicator = from.number<std::uint64_t>();
}

Membership read_welcome(const Visit& visit, const Frame& frame) {
  Membership membership;
  membership.rank = visit.rank;
  membership.size = visit.size;
  Unpacker from(frame.payload);
  derive_identity(membership, visit.id.secret, from.raw(sizeof(Secret)));
  for (int rank = 0; rank < visit.size && from.ok(); ++rank) membership.infos.emplace_back(from.text());
  if (!from.finished())
    fail(Code::internal_error,
         "rank {} cannot read what the rendezvous at {} says: is another version of tutti there?", visit.rank,
         to_text(visit.addresses));
  return membership;
}

[[noreturn]] void fail_closed(const Visit& visit, const Channel& root) {
  fail(Code::remote_error,
       "rank {} lost the rendezvous at {}: {}. The process that made the unique id has ended, or has ended "
       "the "
       "rendezvous; see its output",
       visit.rank, to_text(visit.addresses), root.reason());
}

// The deadline has passed: asks the root, who alone knows it, which ranks have not come.
[[noreturn]] void fail_late(const Visit& visit, Channel& root) {
  std::string missing = "some ranks (the rendezvous does not say which)";
  root.send(FrameType::who_misses, "");
  const Deadline deadline = after_ms(kAnswer_ms);
  while (auto frame = await_frame(root, deadline)) {
    if (frame->type != FrameType::missing) continue;
    missing = frame->payload;
    break;
  }
  fail(
      Code::timeout,
      "{} did not join within {}: check that every rank was started with the same unique id and can reach {} "
      "(TUTTI_INIT_TIMEOUT_MS is how long to wait)",
      missing, duration_text(visit.settings.init_timeout_ms), to_text(visit.addresses));
}

}  // namespace

Membership join(const UniqueId& id, int rank, int size, std::string info, const Settings& settings) {
  check_arguments(rank, size, info);
  const auto contents = decode(id);
  if (!contents)
    fail(Code::invalid_argument,
         "the unique id is not one that this version of tutti made; all 128 bytes must reach every rank");
  const Deadline deadline = after_ms(settings.init_timeout_ms);
  const Visit visit{*contents, rank, size, settings, candidates(contents->root, settings)};

  const std::string whom = fmt::format(
      "the rendezvous of the unique id (rank {} of {}; the process that made the id "
      "serves it until all ranks have joined)",
      rank, size);
  const auto root = dial({whom, visit.addresses, contents->secret, contents->context, deadline});
  root->send(FrameType::join, Packer().number(size).number(rank).text(describe_self()).text(info).bytes());
  while (auto frame = await_frame(*root, deadline)) {
    if (frame->type == FrameType::welcome) return read_welcome(visit, *frame);
    if (frame->type == FrameType::refused) {
      const FailureReport verdict = unpack_report(frame->payload);
      throw Error(verdict.code, verdict.sentence, verdict.rank);
    }
  }
  if (root->closed()) fail_closed(visit, *root);
  fail_late(visit, *root);
}

Signer make_signer(const Membership& membership) {
  return make_signer(membership.secret);
}

}  // namespace tutti
