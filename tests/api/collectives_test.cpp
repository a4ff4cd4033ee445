// Every plain collective through the C interface: counts, roots, in place, odd addresses, types and
// operators.
#include <atomic>
#include <cstring>

#include "api/elements.hpp"
#include "api/plain.hpp"
#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

constexpr std::byte kGuard{0xa5};
constexpr std::size_t kGuardBytes = 64;

/// Memory between guards, at any address.
class Guarded {
 public:
  Guarded(std::size_t bytes, std::size_t shift) : bytes_(bytes), shift_(shift) {
    memory_.assign(bytes + 2 * kGuardBytes + shift, kGuard);
  }
  [[nodiscard]] std::byte* data() { return memory_.data() + kGuardBytes + shift_; }
  [[nodiscard]] bool guards_hold() const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= kGuardBytes + shift_ && i < kGuardBytes + shift_ + bytes_;
      if (!inside && memory_[i] != kGuard) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_, shift_;
  std::vector<std::byte> memory_;
};

struct Trial {
  Plain what;
  std::size_t count;
  int root = 0;
  bool in_place = false;
  std::size_t shift = 0;  // bytes off an aligned address
};

std::int32_t value_at(const std::byte* memory, std::size_t index) {
  std::int32_t value = 0;
  std::memcpy(&value, memory + 4 * index, 4);
  return value;
}

void write_input(std::byte* memory, int rank, std::size_t elements) {
  for (std::size_t i = 0; i < elements; ++i) {
    const std::int32_t value = input_at(rank, i);
    std::memcpy(memory + 4 * i, &value, 4);
  }
}

void try_on(int rank, int size, tuttiComm_t comm, const Trial& trial) {
  SCOPED_TRACE(testing::Message() << "collective " << static_cast<int>(trial.what) << " rank " << rank
                                  << " of " << size << " count " << trial.count << " root " << trial.root
                                  << (trial.in_place ? " in place" : "") << " shift " << trial.shift);
  const Sizes sizes = sizes_of(trial.what, rank, size, trial.count, trial.root);
  const bool shared =
      trial.in_place && trial.what != Plain::all_to_all && sizes.send > 0 && sizes.receive > 0;
  const std::size_t own = 4 * static_cast<std::size_t>(rank) * trial.count;
  Guarded first(4 * (shared ? std::max(sizes.send, sizes.receive) : sizes.send), trial.shift);
  Guarded second(shared ? 0 : 4 * sizes.receive, trial.shift);
  std::byte* send = first.data() + (shared && sizes.send < sizes.receive ? own : 0);
  std::byte* receive = shared ? first.data() + (sizes.send > sizes.receive ? own : 0) : second.data();
  write_input(send, rank, sizes.send);
  EXPECT_OK(call(trial.what, sizes.send == 0 ? nullptr : send, sizes.receive == 0 ? nullptr : receive,
                 trial.count, tuttiInt32, tuttiSum, trial.root, comm),
            comm);
  for (std::size_t i = 0; i < sizes.receive; ++i) {
    const std::int32_t wanted = output_at(trial.what, rank, size, trial.count, trial.root, i);
    if (value_at(receive, i) != wanted) {
      ADD_FAILURE() << "element " << i << " is " << value_at(receive, i) << ", not " << wanted;
      break;
    }
  }
  EXPECT_TRUE(first.guards_hold() && second.guards_hold()) << "written outside of the buffers";
  if (shared) return;
  for (std::size_t i = 0; i < sizes.send; ++i)
    ASSERT_EQ(value_at(send, i), input_at(rank, i)) << "input changed";
}

class Collectives : public testing::TestWithParam<int> {
 protected:
  /// All ranks do the trials one after the other; twice, the second time from the cache.
  void run(const std::vector<Trial>& trials) {
    ranks_.run([&](int rank, tuttiComm_t comm) {
      for (const Trial& trial : trials) {
        try_on(rank, ranks_.size(), comm, trial);
        try_on(rank, ranks_.size(), comm, trial);
      }
    });
  }
  Ranks ranks_{GetParam()};
};

TEST_P(Collectives, give_the_result_for_every_count) {
  std::vector<Trial> trials;
  for (const Plain what : kPlain) {
    for (const std::size_t count : {0, 1, 7, 1009, 100'000}) {
      for (const bool in_place : {false, true})
        trials.push_back({what, count, static_cast<int>(count) % ranks_.size(), in_place});
    }
  }
  run(trials);
}

TEST_P(Collectives, give_the_result_at_odd_addresses) {
  std::vector<Trial> trials;
  for (const Plain what : kPlain) {
    for (const std::size_t count : {1, 33, 20'001}) {
      for (const bool in_place : {false, true}) trials.push_back({what, count, 0, in_place, 1});
    }
  }
  run(trials);
}

TEST_P(Collectives, take_every_root) {
  std::vector<Trial> trials;
  for (const Plain what : kPlain) {
    if (!has_root(what)) continue;
    for (int root = 0; root < ranks_.size(); ++root) {
      for (const std::size_t count : {3, 30'000}) trials.push_back({what, count, root, root % 2 == 1});
    }
  }
  run(trials);
}

TEST_P(Collectives, meet_at_a_barrier) {
  std::atomic<int> entered{0};
  ranks_.run([&](int, tuttiComm_t comm) {
    for (int round = 1; round <= 20; ++round) {
      // Sequentially consistent by default: the test asks about order in time.
      ++entered;
      EXPECT_OK(tuttiBarrier(comm, nullptr), comm);
      EXPECT_GE(entered.load(), round * ranks_.size());
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Collectives, testing::Values(1, 2, 3, 5), testing::PrintToStringParamName());

// --- types and operators

/// What four ranks' inputs, 1 or 2 each, become: exact in every type, whatever the order.
double reduced(tuttiRedOp_t op, tuttiDataType_t type, std::size_t index, int size) {
  double sum = 0, product = 1, largest = 0, least = 3;
  for (int rank = 0; rank < size; ++rank) {
    const double value = 1 + static_cast<double>((index >> rank) & 1);
    sum += value;
    product *= value;
    largest = std::max(largest, value);
    least = std::min(least, value);
  }
  switch (op) {
    case tuttiSum: return sum;
    case tuttiProd: return product;
    case tuttiMax: return largest;
    case tuttiMin: return least;
    default: return is_integer(type) ? std::floor(sum / size) : sum / size;
  }
}

void expect_reduction(int rank, tuttiComm_t comm, Plain what, tuttiDataType_t type, int op) {
  constexpr int kRanks = 4;
  constexpr std::size_t kCount = 77;
  const auto code = static_cast<tuttiRedOp_t>(op);
  const std::size_t width = bytes_of(type);
  const Sizes sizes = sizes_of(what, rank, kRanks, kCount, 1);
  std::vector<std::byte> send(sizes.send * width), receive(sizes.receive * width), wanted(receive.size());
  for (std::size_t i = 0; i < sizes.send; ++i)
    put(type, &send[i * width], 1 + static_cast<double>((i >> rank) & 1));
  EXPECT_OK(call(what, send.data(), receive.data(), kCount, type, code, 1, comm), comm);
  const std::size_t first = what == Plain::reduce_scatter ? kCount * static_cast<std::size_t>(rank) : 0;
  for (std::size_t i = 0; i < sizes.receive; ++i)
    put(type, &wanted[i * width], reduced(code, type, first + i, kRanks));
  EXPECT_EQ(receive, wanted) << "collective " << static_cast<int>(what) << " type " << type << " op " << op;
}

TEST(Reductions, give_the_result_for_every_type_and_operator) {
  Ranks ranks(4);
  ranks.run([](int rank, tuttiComm_t comm) {
    for (const Plain what : {Plain::all_reduce, Plain::reduce, Plain::reduce_scatter}) {
      for (int type = 0; type < tuttiNumTypes; ++type) {
        for (int op = 0; op < tuttiNumOps; ++op)
          expect_reduction(rank, comm, what, static_cast<tuttiDataType_t>(type), op);
      }
    }
  });
}

TEST(Reductions, truncate_averages_of_integers_towards_zero) {
  Ranks ranks(3);
  ranks.run([](int rank, tuttiComm_t comm) {
    const std::int32_t mine[] = {-rank - 1, rank == 0 ? -5 : 0, rank == 0 ? 5 : 0, 7 * rank};
    std::int32_t average[4] = {};
    EXPECT_OK(tuttiAllReduce(mine, average, 4, tuttiInt32, tuttiAvg, comm, nullptr), comm);
    EXPECT_THAT(average, testing::ElementsAre(-2, -1, 1, 7));
  });
}

TEST(Reductions, wrap_integers_around) {
  Ranks ranks(2);
  ranks.run([](int, tuttiComm_t comm) {
    std::int8_t value = 100;
    EXPECT_OK(tuttiAllReduce(&value, &value, 1, tuttiInt8, tuttiSum, comm, nullptr), comm);
    EXPECT_EQ(value, -56);
  });
}

TEST(Reductions, keep_nan_in_minimum_and_maximum) {
  Ranks ranks(3);
  ranks.run([](int rank, tuttiComm_t comm) {
    for (const tuttiRedOp_t op : {tuttiMin, tuttiMax}) {
      float value = rank == 1 ? std::nanf("") : static_cast<float>(rank);
      EXPECT_OK(tuttiAllReduce(&value, &value, 1, tuttiFloat32, op, comm, nullptr), comm);
      EXPECT_TRUE(std::isnan(value));
    }
  });
}

TEST(PreMultipliedSum, multiplies_each_input_by_its_own_rank_s_scalar) {
  Ranks ranks(3);
  ranks.run([](int rank, tuttiComm_t comm) {
    const double scalar = rank + 1;
    tuttiRedOp_t op{};
    EXPECT_OK(tuttiRedOpCreatePreMulSum(&op, &scalar, tuttiFloat64, tuttiScalarHostImmediate, comm), comm);
    EXPECT_GE(op, tuttiNumOps);
    std::vector<double> values(1000, 2), result(1000);
    EXPECT_OK(tuttiAllReduce(values.data(), result.data(), 1000, tuttiFloat64, op, comm, nullptr), comm);
    EXPECT_THAT(result, testing::Each(12.0));
    EXPECT_THAT(values, testing::Each(2.0));
    std::vector<double> blocks(9, 1);  // in place: this rank's block of the input
    EXPECT_OK(tuttiReduceScatter(blocks.data(), &blocks[3 * static_cast<std::size_t>(rank)], 3, tuttiFloat64,
                                 op, comm, nullptr),
              comm);
    EXPECT_EQ(blocks[3 * static_cast<std::size_t>(rank) + 2], 6);
    EXPECT_OK(tuttiRedOpDestroy(op, comm), comm);
    EXPECT_EQ(tuttiAllReduce(values.data(), result.data(), 1, tuttiFloat64, op, comm, nullptr),
              tuttiInvalidArgument);
  });
  ranks.expect_usable();
}

}  // namespace
}  // namespace tutti_tests
