#include "transport/verbs_talk.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

#include "transport/conformance.hpp"

namespace tutti::verbs_double {
namespace {

constexpr std::byte kReused{0xee};

/// Made once: there are many conversations.
const std::vector<std::byte>& known(std::size_t bytes, Tag seed) {
  static std::map<std::pair<std::size_t, Tag>, std::vector<std::byte>> all;
  auto& one = all[{bytes, seed}];
  if (one.size() != bytes) one = conformance::pattern(bytes, seed);
  return one;
}

// By memcmp and memset: a sanitizer looks at each range once, not at each of its bytes; the sweeps compare
// gigabytes.
bool same(const std::byte* one, const std::byte* other, std::size_t bytes) {
  return bytes == 0 || std::memcmp(one, other, bytes) == 0;
}
void reuse(std::vector<std::byte>& memory) {
  std::memset(memory.data(), static_cast<int>(kReused), memory.size());
}
bool is_reused(const std::vector<std::byte>& memory) {
  return memory.front() == kReused && same(memory.data(), memory.data() + 1, memory.size() - 1);
}

/// A message from one piece of memory to another. Either is used for something else as soon as it is given
/// back.
struct Parcel {
  Parcel(Pair& pair, std::size_t bytes, Tag its_tag)
      : source(pair.take_memory(bytes)),
        target(pair.take_memory(bytes)),
        expected(known(bytes, its_tag)),
        tag(its_tag) {
    source = expected;
  }
  std::vector<std::byte>&source, &target;
  const std::vector<std::byte>& expected;
  Tag tag;
  bool got = false;
};

}  // namespace

void talk_through_the_ring(Pair& pair) {
  constexpr std::size_t kSizes[] = {40, 5000, 0, 60'000};
  constexpr Tag kAhead = 3, kMessages = 24;
  std::vector<std::span<const std::byte>> messages;
  for (Tag i = 0; i < kMessages; ++i) messages.push_back(known(kSizes[i % 4], i));
  Tag next = 0;
  const auto write = [&](Tag end) {
    for (; next < std::min(end, kMessages); ++next) {
      std::byte* const slot = pair.outlet->lease(messages[next].size());
      if (slot == nullptr) return;
      std::copy(messages[next].begin(), messages[next].end(), slot);
      if (next % 5 == 0) pair.progress();  // a rail may die while a slot is leased
      pair.outlet->commit(messages[next].size(), next);
    }
  };
  for (Tag read = 0; read < kMessages; ++read) {
    const std::byte* got = nullptr;
    const std::size_t bytes = messages[read].size();
    ASSERT_TRUE(pair.until([&] {
      write(read + kAhead);
      return (got = pair.inlet->borrow(bytes, read)) != nullptr;
    }));
    ASSERT_TRUE(same(messages[read].data(), got, bytes)) << "message " << read;
    pair.inlet->release();
  }
}

void talk_straight(Pair& pair) {
  constexpr std::size_t kSizes[] = {300'000, 3, 20'000, 150'001, 70'000};
  std::vector<Parcel> parcels;
  for (const std::size_t bytes : kSizes) parcels.emplace_back(pair, bytes, static_cast<Tag>(parcels.size()));
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    if (i != 3) pair.transports[0]->add_memory(parcels[i].source.data(), parcels[i].source.size());
    pair.transports[1]->add_memory(parcels[i].target.data(), parcels[i].target.size());
  }
  const std::uint64_t sent = pair.outlet->completed(), placed = pair.inlet->placed();
  for (Parcel& parcel : parcels) {
    ASSERT_TRUE(pair.until(
        [&] { return pair.inlet->expect(parcel.target.data(), parcel.target.size(), parcel.tag); }));
    ASSERT_TRUE(pair.until(
        [&] { return pair.outlet->send(parcel.source.data(), parcel.source.size(), parcel.tag); }));
  }
  ASSERT_TRUE(pair.until([&] {
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      Parcel& parcel = parcels[i];
      if (pair.outlet->completed() > sent + i) reuse(parcel.source);
      if (pair.inlet->placed() <= placed + i || std::exchange(parcel.got, true)) continue;
      EXPECT_TRUE(same(parcel.target.data(), parcel.expected.data(), parcel.expected.size()))
          << "message " << i;
      reuse(parcel.target);
    }
    return pair.outlet->completed() == sent + parcels.size() && parcels.back().got;
  }));
  talk_through_the_ring(pair);
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    const auto& target = parcels[i].target;
    EXPECT_TRUE(is_reused(target)) << "message " << i << " was written late";
    if (i != 3) pair.transports[0]->remove_memory(parcels[i].source.data(), parcels[i].source.size());
    pair.transports[1]->remove_memory(parcels[i].target.data(), parcels[i].target.size());
  }
}

void talk_across(Pair& pair) {
  constexpr std::size_t kBytes = 200'000, kPiece = 50'001;
  constexpr Tag kTold = 7;
  std::vector<std::byte>& source = pair.take_memory(kBytes);
  std::vector<std::byte>& target = pair.take_memory(kBytes);
  const std::string own = pair.transports[0]->expose(source.data(), kBytes);
  const std::string exposed = pair.transports[1]->expose(target.data(), kBytes);
  if (own.empty() || exposed.empty()) {
    ASSERT_NE(verbs_faults::failed_call(), "") << "nobody refused the memory";
  } else {
    const std::unique_ptr<Reach> reach = pair.outlet->reach(exposed);
    ASSERT_NE(reach, nullptr);
    for (Tag round = 0; round < 2; ++round) {
      const std::vector<std::byte>& data = known(kBytes, kTold + round);
      std::memcpy(source.data(), data.data(), kBytes);
      for (std::size_t at = 0; at < kBytes;) {
        ASSERT_TRUE(pair.until([&] {
          const std::size_t taken = reach->write(at, source.data() + at, std::min(kPiece, kBytes - at));
          at += taken;
          return taken != 0;
        }));
      }
      ASSERT_TRUE(pair.until([&] { return reach->written(); }));
      reuse(source);
      ASSERT_TRUE(pair.until([&] { return pair.outlet->lease(0) != nullptr; }));
      pair.outlet->commit(0, kTold);
      ASSERT_TRUE(pair.until([&] { return pair.inlet->borrow(0, kTold) != nullptr; }));
      EXPECT_TRUE(same(target.data(), data.data(), kBytes)) << "round " << round;
      pair.inlet->release();
    }
  }
  pair.transports[0]->conceal(own);
  pair.transports[1]->conceal(exposed);
}

void talk(Pair& pair, const PairOptions& options) {
  talk_through_the_ring(pair);
  if (!options.zero_copy) return;
  if (!::testing::Test::HasFatalFailure()) talk_straight(pair);
  if (!::testing::Test::HasFatalFailure()) talk_across(pair);
}

void PrintTo(Manner manner, std::ostream* out) {
  constexpr const char* kNames[] = {"cut", "unheard", "late", "slow", "down", "failed", "mute", "lying"};
  *out << kNames[static_cast<int>(manner)];
}

}  // namespace tutti::verbs_double
