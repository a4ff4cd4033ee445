// Every algorithm, executed by all ranks at once over a wire with random delays: the bits must be those of
// the definition, for every wire (slots or zero copy, multicast or not, one slot or several), chunk size,
// lane count and root.
#include <cstring>
#include <random>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/thinned.hpp"
#include "world/expectation.hpp"
#include "world/world.hpp"

namespace tutti::testing {
namespace {

struct Case {
  WorldOptions world;
  Parameters parameters;
  Call call;
  bool in_place = false;

  [[nodiscard]] std::string describe() const {
    return fmt::format(
        "ranks {} root {} count {}{} chunk {} lanes {} lag {} seed {} slots {} zero_copy {} places {} "
        "multicasts {}",
        world.ranks, call.root, call.count, in_place ? " in place" : "", parameters.chunk_bytes,
        parameters.lanes, parameters.lag, world.seed, world.wire.slots, world.wire.zero_copy,
        world.wire.places, world.wire.multicasts);
  }
};

/// One rank's buffers; in place the input lies where the collective wants it.
struct Buffers {
  Ints send, receive;
  std::vector<std::byte*> pointers;
};

Buffers buffers_of(const Case& test, int rank) {
  const Call& call = test.call;
  const int size = test.world.ranks;
  Buffers result{input_of(call, rank, size), Ints(sizes_of(call, rank, size).receive, -1), {}};
  std::int32_t* send = result.send.data();
  std::int32_t* receive = result.receive.data();
  if (test.in_place && !result.send.empty() && !result.receive.empty()) {
    const std::size_t own = static_cast<std::size_t>(rank) * call.count;
    if (result.send.size() > result.receive.size()) {  // the result goes into this rank's share of the input
      receive = send + own;
    } else {
      const std::size_t at = result.send.size() < result.receive.size() ? own : 0;
      std::copy(result.send.begin(), result.send.end(),
                result.receive.begin() + static_cast<std::ptrdiff_t>(at));
      send = receive + at;
    }
  }
  result.pointers = {reinterpret_cast<std::byte*>(send), reinterpret_cast<std::byte*>(receive)};
  return result;
}

/// A wire that takes added memory is told of some buffers, others are left out: by the seed.
class SomeAdded {
 public:
  SomeAdded(TestWorld& world, std::vector<Buffers>& buffers, std::uint64_t seed) : world_(world) {
    std::mt19937_64 random(seed);
    for (std::size_t r = 0; r < buffers.size(); ++r) {
      for (Ints* buffer : {&buffers[r].send, &buffers[r].receive}) {
        const bool left_out = random() % 4 == 0;
        if (left_out || buffer->empty()) continue;
        added_.push_back({static_cast<int>(r), reinterpret_cast<std::byte*>(buffer->data()),
                          buffer->size() * sizeof(int)});
        world.transport(added_.back().rank).add_memory(added_.back().data, added_.back().bytes);
      }
    }
  }
  SomeAdded(const SomeAdded&) = delete;
  SomeAdded& operator=(const SomeAdded&) = delete;
  ~SomeAdded() {
    for (const auto& one : added_) world_.transport(one.rank).remove_memory(one.data, one.bytes);
  }

 private:
  struct Added {
    int rank;
    std::byte* data;
    std::size_t bytes;
  };
  TestWorld& world_;
  std::vector<Added> added_;
};

void check(const Algorithm& algorithm, const Case& test) {
  SCOPED_TRACE(fmt::format("{} {}: {}", name_of(algorithm.collective), algorithm.name, test.describe()));
  TestWorld world(test.world);
  world.compile(
      algorithm,
      [&](int rank) {
        Call call = test.call;
        const Sizes sizes = sizes_of(call, rank, test.world.ranks);
        call.in_place = test.in_place && sizes.send != 0 && sizes.receive != 0;
        return call;
      },
      test.parameters);
  for (int repetition = 0; repetition < 2; ++repetition) {  // a plan runs more than once
    std::vector<Buffers> buffers;
    std::vector<std::vector<std::byte*>> pointers;
    for (int r = 0; r < test.world.ranks; ++r) buffers.push_back(buffers_of(test, r));
    for (const Buffers& each : buffers) pointers.push_back(each.pointers);
    const SomeAdded added(world, buffers, test.world.seed + static_cast<std::uint64_t>(repetition));
    ASSERT_EQ(world.run(pointers), "");
    for (int r = 0; r < test.world.ranks; ++r) {
      const auto i = static_cast<std::size_t>(r);
      const Ints wanted = expected(test.call, r, test.world.ranks);
      const auto* got = reinterpret_cast<const std::int32_t*>(pointers[i][1]);
      ASSERT_TRUE(std::equal(wanted.begin(), wanted.end(), got)) << "rank " << r;
      const bool input_shared = test.in_place && !buffers[i].receive.empty();
      if (input_shared) continue;
      ASSERT_EQ(buffers[i].send, input_of(test.call, r, test.world.ranks)) << "input changed";
    }
  }
}

/// Wires of every kind, the tightest ones too.
std::vector<LoopOptions> wires() {
  std::vector<LoopOptions> result;
  for (const std::size_t slots : {1, 3}) {
    for (const bool zero_copy : {false, true}) {
      for (const bool multicasts : {false, true}) {
        LoopOptions wire;
        wire.slots = slots;
        wire.slot_bytes = 1024;
        wire.zero_copy = wire.places = zero_copy;
        wire.multicasts = multicasts;
        wire.outstanding_expects = slots;
        result.push_back(wire);
      }
    }
  }
  return result;
}

class EveryAlgorithm : public ::testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] const Algorithm& algorithm() const { return algorithms()[GetParam()]; }

  void run(Case test) {
    const Shape shape{test.world.ranks, test.call.root, test.world.host_of};
    if (!algorithm().applies(shape)) return;
    if (kThinned && (test.world.seed + GetParam()) % 6 != 0) return;  // each algorithm has other cases
    test.call.collective = algorithm().collective;
    test.call.type = ElementType::int32;
    if (algorithm().collective == Collective::all_to_all) test.in_place = false;  // it has none
    if (!algorithm().pipelines) test.parameters.lag = 0;
    check(algorithm(), test);
  }
};

TEST_P(EveryAlgorithm, gives_the_result_on_every_wire) {
  std::uint64_t seed = 1;
  for (const LoopOptions& wire : wires()) {
    for (const int ranks : {1, 2, 3, 5, 8}) {
      for (const std::size_t count : {1, 1000}) {
        Case test{{ranks, ++seed, wire, {}}, {}, {}, seed % 2 == 0};
        test.parameters.chunk_bytes = count == 1000 ? 256 : 1024;
        test.call.count = count;
        test.call.root = static_cast<int>(seed) % ranks;
        run(test);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Chunks that are cut, and whole messages in a slot: a plan that would be a list of calls waits for memory
// then.
TEST_P(EveryAlgorithm, gives_the_result_where_some_memory_was_added) {
  std::uint64_t seed = 3000;
  for (const std::size_t chunk_bytes : {4 << 10, 512 << 10}) {
    for (const int ranks : {2, 3, 5}) {
      for (const bool in_place : {false, true}) {
        Case test{{ranks, ++seed, {}, {}}, {}, {}, in_place};
        test.world.wire.slots = 1 + seed % 4;
        test.world.wire.places = test.world.wire.zero_copy = false;
        test.world.wire.takes_added = true;
        test.world.wire.multicasts = seed % 3 == 0;
        test.world.wire.slot_bytes = 512 << 10;
        test.parameters.chunk_bytes = chunk_bytes;
        test.call.count = static_cast<std::size_t>(5000 * ranks);
        test.call.root = static_cast<int>(seed) % ranks;
        run(test);
        if (HasFatalFailure()) return;
      }
    }
  }
}

// A lent message is over only when its readers have used it: nobody may wait for that in a circle.
TEST_P(EveryAlgorithm, gives_the_result_where_memory_is_lent) {
  std::uint64_t seed = 4000;
  for (const std::size_t chunk_bytes : {4 << 10, 512 << 10}) {
    for (const int lanes : {1, 2}) {
      for (const int ranks : {2, 3, 4, 5}) {
        for (const bool in_place : {false, true}) {
          Case test{{ranks, ++seed, {}, {}}, {}, {}, in_place};
          if (ranks == 4) test.world.host_of = {0, 0, 1, 1};
          test.world.wire.slots = 1 + seed % 4;
          test.world.wire.places = test.world.wire.zero_copy = false;
          test.world.wire.lends_added = true;
          test.world.wire.multicasts = seed % 3 == 0;
          test.world.wire.slot_bytes = 512 << 10;
          test.parameters.chunk_bytes = chunk_bytes;
          test.parameters.lanes = lanes;
          test.parameters.cache_share = 0;
          test.call.count = static_cast<std::size_t>(5'000 * lanes * ranks) + seed % 7;
          test.call.root = static_cast<int>(seed) % ranks;
          run(test);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST_P(EveryAlgorithm, gives_the_result_with_lanes_and_lags) {
  std::uint64_t seed = 1000;
  for (const int lanes : {1, 2, 3}) {
    for (const int lag : {0, 1, 4}) {
      for (const int ranks : {2, 4, 7}) {
        Case test{{ranks, ++seed, {}, {}}, {}, {}, seed % 3 == 0};
        test.world.wire.slot_bytes = 256;
        test.world.wire.slots = 1 + seed % 3;
        test.parameters.chunk_bytes = 128;
        test.parameters.lanes = lanes;
        test.parameters.lag = lag;
        test.call.count = 500 + seed;
        test.call.root = ranks - 1;
        run(test);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_P(EveryAlgorithm, gives_the_result_over_several_hosts) {
  const std::vector<std::vector<int>> layouts = {
      {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 0, 0, 1}, {0, 1, 1, 2, 2, 2}, {0, 0, 1, 1, 2, 2, 3, 3}};
  std::uint64_t seed = 2000;
  for (const auto& layout : layouts) {
    for (const std::size_t count : {3, 700}) {
      Case test{{static_cast<int>(layout.size()), ++seed, {}, layout}, {}, {}, false};
      test.world.wire.slot_bytes = 512;
      test.parameters.chunk_bytes = 512;
      test.call.count = count;
      test.call.root = static_cast<int>(seed % layout.size());
      run(test);
      if (HasFatalFailure()) return;
    }
  }
}

std::string test_name(const ::testing::TestParamInfo<std::size_t>& info) {
  const Algorithm& algorithm = algorithms()[info.param];
  return fmt::format("{}_{}", name_of(algorithm.collective), algorithm.name);
}

INSTANTIATE_TEST_SUITE_P(World, EveryAlgorithm, ::testing::Range<std::size_t>(0, algorithms().size()),
                         test_name);

}  // namespace
}  // namespace tutti::testing
