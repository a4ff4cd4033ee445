// Compiled plans: both ends of every connection agree on what goes over it, and passes are fused where they
// should be.
#include "execute/plan.hpp"

#include <algorithm>
#include <random>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/algorithms/algorithm.hpp"
#include "transport/loop/loop.hpp"

namespace tutti {
namespace {

/// Every rank's plan of one call, over a simulated wire that is never run.
class Plans {
 public:
  Plans(const Algorithm& algorithm, Call call, int size, const Parameters& parameters, LoopOptions wire = {})
      : network_(size, 1, wire), ranks_(static_cast<std::size_t>(size)) {
    call.collective = algorithm.collective;
    std::vector<std::string> addresses;
    for (int r = 0; r < size; ++r) {
      Rank& rank = at(r);
      rank.world.rank = r;
      rank.world.size = size;
      rank.world.communicator = 1;
      rank.world.host_of.assign(static_cast<std::size_t>(size), 0);
      rank.world.failure = &rank.failure;
      rank.transport = network_.make(rank.world);
      addresses.push_back(rank.transport->address());
    }
    const Shape shape{size, call.root, std::vector<int>(static_cast<std::size_t>(size), 0)};
    for (Rank& rank : ranks_) {
      rank.transport->meet(addresses);
      rank.connections =
          std::make_unique<Connections>(rank.world, std::vector<Transport*>{rank.transport.get()});
      rank.plan = compile(
          call, [&](int r) { return algorithm.make(shape, r); }, parameters, *rank.connections);
    }
  }
  [[nodiscard]] const Plan& plan(int rank) { return *at(rank).plan; }
  [[nodiscard]] int size() const { return static_cast<int>(ranks_.size()); }

 private:
  struct Rank {
    Failure failure;
    World world;
    std::unique_ptr<Transport> transport;
    std::unique_ptr<Connections> connections;
    std::unique_ptr<Plan> plan;
  };
  Rank& at(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  LoopNetwork network_;
  std::vector<Rank> ranks_;
};

using Lengths = std::vector<std::size_t>;

std::size_t chunk_length(const Plan& plan, const Turn& turn) {
  const Step& step = plan.steps[turn.step];
  const std::size_t offset = turn.chunk * plan.chunk_bytes;
  return std::min(plan.chunk_bytes, step.bytes - offset);
}

/// The lengths on each queue of one direction. A straight plan goes in the order of its steps.
std::vector<Lengths> lengths(const Plan& plan, bool outgoing) {
  std::vector<Lengths> result(plan.queues.size());
  if (plan.straight) {
    for (const Step& step : plan.steps) {
      if (outgoing && step.out != nullptr) result[step.queue].push_back(step.bytes);
      if (outgoing) continue;
      for (const std::uint32_t q : step.in_queues) result[q].push_back(step.bytes);
    }
  } else {
    for (std::size_t q = 0; q < plan.queues.size(); ++q) {
      const bool wanted = outgoing ? plan.queues[q].out != nullptr : plan.queues[q].in != nullptr;
      for (const Turn& turn : plan.queues[q].turns) {
        if (wanted) result[q].push_back(chunk_length(plan, turn));
      }
    }
  }
  return result;
}

/// Without multicast, each outlet has one inlet: the lengths that a rank writes over all outlets are those
/// that its readers expect of it, connection by connection.
void expect_both_ends_agree(Plans& plans) {
  for (int writer = 0; writer < plans.size(); ++writer) {
    std::vector<Lengths> written, expected;
    const Plan& own = plans.plan(writer);
    const auto sent = lengths(own, true);
    for (std::size_t q = 0; q < own.queues.size(); ++q) {
      if (own.queues[q].out != nullptr) written.push_back(sent[q]);
    }
    for (int reader = 0; reader < plans.size(); ++reader) {
      const Plan& other = plans.plan(reader);
      const auto received = lengths(other, false);
      for (std::size_t q = 0; q < other.queues.size(); ++q) {
        const Incoming* in = other.queues[q].in;
        if (in != nullptr && in->writer == writer) expected.push_back(received[q]);
      }
    }
    std::sort(written.begin(), written.end());
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(written, expected) << "from rank " << writer;
  }
}

TEST(Order, is_the_same_at_both_ends_of_every_connection) {
  std::mt19937 random(7);
  LoopOptions wire;
  wire.multicasts = false;
  for (const Algorithm& algorithm : algorithms()) {
    for (int size = 2; size <= 9; ++size) {
      if (!algorithm.applies({size, 0, std::vector<int>(static_cast<std::size_t>(size), 0)})) continue;
      for (int round = 0; round < 4; ++round) {
        Call call;
        call.type = ElementType::int32;
        call.count = 1 + random() % 2000;
        call.root = static_cast<int>(random() % static_cast<unsigned>(size));
        Parameters parameters;
        parameters.chunk_bytes = 64 * (1 + random() % 8);
        parameters.lanes = 1 + static_cast<int>(random() % 3);
        parameters.lag = algorithm.pipelines ? static_cast<int>(random() % 5) : 0;
        SCOPED_TRACE(fmt::format("{} {}: {} ranks root {} count {} chunk {} lanes {} lag {}",
                                 name_of(algorithm.collective), algorithm.name, size, call.root, call.count,
                                 parameters.chunk_bytes, parameters.lanes, parameters.lag));
        Plans plans(algorithm, call, size, parameters, wire);
        expect_both_ends_agree(plans);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

// --- how single plans are compiled

Parameters with_chunks(std::size_t bytes) {
  Parameters parameters;
  parameters.chunk_bytes = bytes;
  return parameters;
}

Call floats(std::size_t count) {
  Call call;
  call.type = ElementType::float32;
  call.count = count;
  return call;
}

LoopOptions slots_only() {
  LoopOptions wire;
  wire.zero_copy = wire.places = false;
  return wire;
}

const Algorithm& all_reduce_by(const char* name) {
  return *find_algorithm(Collective::all_reduce, name);
}

TEST(Compile, passes_on_what_a_reduction_writes) {
  for (const char* name : {"two_shot", "ring"}) {
    Plans plans(all_reduce_by(name), floats(3000), 3, with_chunks(512), slots_only());
    const Plan& plan = plans.plan(1);
    for (const Step& step : plan.steps) {
      if (step.kind != StepKind::reduce) continue;
      ASSERT_NE(step.fused_send, Step::kNone) << name;
      EXPECT_EQ(plan.steps[step.fused_send].bytes, step.bytes);
    }
  }
}

TEST(Compile, writes_partial_sums_of_a_ring_nowhere_but_into_the_slot) {
  constexpr int kSize = 5;
  Plans plans(all_reduce_by("ring"), floats(5000), kSize, with_chunks(512), slots_only());
  for (int rank = 0; rank < kSize; ++rank) {
    int dead = 0, alive = 0;
    for (const Step& step : plans.plan(rank).steps) {
      if (step.kind == StepKind::reduce) ++(step.target_is_dead ? dead : alive);
    }
    EXPECT_EQ(dead, kSize - 2);
    EXPECT_EQ(alive, 1) << "the complete block is this rank's result";
  }
}

TEST(Compile, does_not_fuse_where_the_wire_takes_messages_from_where_they_lie) {
  Plans plans(all_reduce_by("ring"), floats(3000), 3, with_chunks(512));
  for (const Step& step : plans.plan(0).steps) EXPECT_EQ(step.fused_send, Step::kNone);
}

TEST(Compile, makes_a_list_of_calls_of_small_messages_only) {
  Plans small(all_reduce_by("ring"), floats(48), 3, with_chunks(64), slots_only());
  Plans large(all_reduce_by("ring"), floats(480), 3, with_chunks(64), slots_only());
  EXPECT_TRUE(small.plan(0).straight);
  EXPECT_FALSE(large.plan(0).straight);
  Parameters lanes = with_chunks(64);
  lanes.lanes = 2;
  Plans split(all_reduce_by("ring"), floats(48), 3, lanes, slots_only());
  EXPECT_FALSE(split.plan(0).straight);
}

TEST(Compile, lets_steps_wait_for_earlier_ones_only) {
  for (const Algorithm& algorithm : algorithms()) {
    if (!algorithm.applies({4, 0, {0, 0, 0, 0}})) continue;
    Plans plans(algorithm, floats(1000), 4, with_chunks(128), slots_only());
    for (int rank = 0; rank < 4; ++rank) {
      const Plan& plan = plans.plan(rank);
      for (std::size_t s = 0; s < plan.steps.size(); ++s) {
        for (const Need& need : plan.steps[s].needs) {
          EXPECT_LT(need.step, s);
          // Where chunks of successive rounds may overtake, they are cut alike.
          if (algorithm.pipelines) {
            EXPECT_EQ(need.shift, 0) << name_of(algorithm.collective) << " " << algorithm.name;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti
