// RDMA writes into memory that the reader has exposed. They go on the carrier, ahead of the message that
// tells of them: who has that message's completion has them, too. When a rail dies, they are repeated like
// all that the carrier's log holds (failover.hpp).
#include <algorithm>
#include <charconv>

#include "transport/verbs/outlet.hpp"
#include "transport/verbs/reach.hpp"

namespace tutti::verbs {
namespace {

/// One request writes no more than this: others of the device get their turn.
constexpr std::size_t kMostAtOnce = 1 << 20;

}  // namespace

std::string expose_memory(Station& station, std::byte* data, std::size_t bytes) {
  Registration memory(station.devices(), {data, bytes}, Use::window);
  std::string words = fmt::format("{:x}", reinterpret_cast<std::uintptr_t>(data));
  for (const Rail& rail : station.rails()) words += fmt::format(" {:x}", memory.region(*rail.device)->rkey);
  station.exposed().push_back({words, std::move(memory)});
  return words;
}

const Registration* find_source(Station& station, const std::byte* data, std::size_t bytes) noexcept {
  for (const ExposedMemory& one : station.exposed())
    if (one.memory.covers(data, bytes)) return &one.memory;
  return station.registrations().find(data, bytes);
}

std::optional<Exposed> parse_exposed(const std::string& text) {
  Exposed exposed;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto& value) {
    const auto read = std::from_chars(at, end, value, 16);
    if (read.ec != std::errc()) return false;
    at = read.ptr;
    if (at != end && *at++ != ' ') return false;
    return true;
  };
  if (!number(exposed.address)) return std::nullopt;
  while (at != end) {
    if (!number(exposed.keys.emplace_back())) return std::nullopt;
  }
  return exposed;
}

class OutletReach final : public Reach {
 public:
  OutletReach(VerbsOutlet& outlet, std::uint64_t address, const Keys& keys)
      : outlet_(outlet), address_(address), to_(keys) {}

  [[nodiscard]] bool takes(const std::byte* data, std::size_t bytes) const noexcept override {
    return find_source(*outlet_.station_, data, bytes) != nullptr;
  }
  [[nodiscard]] std::size_t write(std::size_t offset, const std::byte* data,
                                  std::size_t bytes) noexcept override;
  [[nodiscard]] bool written() noexcept override;

 private:
  void note_posted() noexcept {
    carrier_ = outlet_.carrier();
    moves_ = outlet_.moves();
    posted_ = outlet_.pair(carrier_).signalled();
  }

  VerbsOutlet& outlet_;
  std::uint64_t address_;
  Keys to_;      // the requests under way point to both
  Keys from_{};  // of the source at hand: the next comes when all of it is written
  bool waits_ = false;
  unsigned carrier_ = 0;      // while it waits: the queue pair that carries what was written,
  std::uint32_t posted_ = 0;  // and its last request,
  unsigned moves_ = 0;        // unless another has taken them over
};

std::size_t OutletReach::write(std::size_t offset, const std::byte* data, std::size_t bytes) noexcept {
  const Registration* const memory = find_source(*outlet_.station_, data, bytes);
  if (memory == nullptr || !outlet_.connected_ || !outlet_.flowing() ||
      !outlet_.pair(outlet_.carrier()).room(2)) {
    outlet_.refused_ = true;
    return 0;
  }
  if (!waits_) from_ = outlet_.local_keys(*memory);
  QueuePair& pair = outlet_.pair(outlet_.carrier());
  const std::size_t taken = std::min(bytes, kMostAtOnce);
  pair.write({data, &from_, static_cast<std::uint32_t>(taken)}, {address_ + offset, &to_});
  pair.signal();
  waits_ = true;
  note_posted();
  outlet_.post(carrier_);
  outlet_.refused_ = false;
  return taken;
}

/// What a queue pair owed that was given up is repeated on the next carrier, and acknowledged there.
bool OutletReach::written() noexcept {
  if (!waits_) return true;
  if (outlet_.flowing()) {
    if (moves_ != outlet_.moves()) note_posted();
    waits_ = static_cast<std::int32_t>(outlet_.pair(carrier_).reaped() - posted_) < 0;
  }
  if (waits_) outlet_.refused_ = true;  // if the peer goes now, it is a failure
  return !waits_;
}

std::unique_ptr<Reach> VerbsOutlet::reach(const std::string& exposed) {
  const auto where = parse_exposed(exposed);
  if (!where) return nullptr;
  Keys keys{};
  for (unsigned i = 0; i < pairs(); ++i) {
    const std::size_t rail = offer_.pair[i].peers_rail;
    if (rail >= where->keys.size()) return nullptr;
    keys[i] = where->keys[rail];
  }
  return std::make_unique<OutletReach>(*this, where->address, keys);
}

}  // namespace tutti::verbs
