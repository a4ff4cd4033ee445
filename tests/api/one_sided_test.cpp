// Windows, puts and signals through the public calls: what is visible when, order, groups, and what is
// refused with which sentence.
#include <atomic>
#include <csignal>
#include <future>
#include <map>
#include <numeric>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

using Ints = std::vector<std::int32_t>;
using testing::Each;
using testing::HasSubstr;

constexpr int kRanks = 3;

tuttiResult_t put(const Ints& data, int peer, tuttiWindow_t window, std::size_t at, tuttiComm_t comm) {
  return tuttiPut(data.data(), data.size(), tuttiInt32, peer, window, at * sizeof(std::int32_t), comm,
                  nullptr);
}

tuttiResult_t put_signal(const Ints& data, int peer, tuttiWindow_t window, std::size_t at, int signal,
                         tuttiComm_t comm) {
  return tuttiPutSignal(data.data(), data.size(), tuttiInt32, peer, window, at * sizeof(std::int32_t), signal,
                        comm, nullptr);
}

tuttiResult_t wait_for(int count, int peer, int signal, tuttiComm_t comm) {
  const tuttiWaitSignalDesc_t desc{count, peer, signal};
  return tuttiWaitSignal(1, &desc, comm, nullptr);
}

/// A rank's part of a window of ints, for as long as it lives; collective at both ends.
class Part {
 public:
  Part(tuttiComm_t comm, std::size_t count, std::int32_t value = -1) : comm_(comm), values(count, value) {
    EXPECT_OK(tuttiWindowRegister(comm, values.data(), count * sizeof(std::int32_t), &window), comm);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() { EXPECT_OK(tuttiWindowDeregister(comm_, window), comm_); }

 private:
  tuttiComm_t comm_;

 public:
  Ints values;
  tuttiWindow_t window = nullptr;
};

/// On each wire, and, mixed, with two hosts of which one has two ranks.
class OneSided : public testing::TestWithParam<const char*> {
 protected:
  static std::string settings(int rank) {
    const std::string wire = GetParam();
    return wire == "mixed" ? "HOSTID=host" + std::to_string(rank / 2) : "TRANSPORT=" + wire;
  }
  Ranks ranks_{kRanks, settings};
};

TEST_P(OneSided, a_ring_of_puts_of_every_length_arrives) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    constexpr std::size_t kMost = 300'000;
    Part part(comm, kMost + 1);
    const int right = (rank + 1) % kRanks, left = (rank + 2) % kRanks;
    for (const std::size_t count : {0UL, 1UL, 8UL, 9UL, 1000UL, 16'384UL, 16'385UL, kMost}) {
      Ints mine(count, rank * 1000 + static_cast<int>(count));
      EXPECT_OK(put_signal(mine, right, part.window, 1, 5, comm), comm);
      std::fill(mine.begin(), mine.end(), -7);  // the source is free again
      EXPECT_OK(wait_for(1, left, 5, comm), comm);
      EXPECT_EQ(part.values[0], -1);
      const Ints got(part.values.begin() + 1, part.values.begin() + 1 + static_cast<std::ptrdiff_t>(count));
      EXPECT_THAT(got, Each(left * 1000 + static_cast<int>(count))) << count << " elements";
      EXPECT_OK(tuttiSignal(left, 6, comm, nullptr), comm);  // read: it may put again
      EXPECT_OK(wait_for(1, right, 6, comm), comm);
    }
  });
}

TEST_P(OneSided, one_signal_stands_for_all_puts_before_it) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    constexpr std::size_t kEach = 20'000, kPuts = 20;
    Part first(comm, kEach * kPuts * kRanks), second(comm, kPuts * kRanks);
    const Ints large(kEach, rank), small(1, rank + 10);
    for (int peer = 0; peer < kRanks; ++peer) {
      for (std::size_t i = 0; i < kPuts; ++i) {
        const std::size_t place = static_cast<std::size_t>(rank) * kPuts + i;
        EXPECT_OK(put(large, peer, first.window, place * kEach, comm), comm);
        EXPECT_OK(put(small, peer, second.window, place, comm), comm);
      }
      EXPECT_OK(tuttiSignal(peer, 0, comm, nullptr), comm);
    }
    for (int peer = 0; peer < kRanks; ++peer) {
      EXPECT_OK(wait_for(1, peer, 0, comm), comm);
      const auto at = [&](std::size_t each) {
        return static_cast<std::ptrdiff_t>(static_cast<std::size_t>(peer) * kPuts * each);
      };
      const auto large_part = first.values.begin() + at(kEach), small_part = second.values.begin() + at(1);
      EXPECT_THAT(Ints(large_part, large_part + static_cast<std::ptrdiff_t>(kPuts * kEach)), Each(peer));
      EXPECT_THAT(Ints(small_part, small_part + static_cast<std::ptrdiff_t>(kPuts)), Each(peer + 10));
    }
  });
}

TEST_P(OneSided, signals_are_counted_apart_by_peer_and_index) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Part part(comm, 1);
    for (int peer = 0; peer < kRanks; ++peer) {
      for (int i = 0; i < 5 + rank; ++i) EXPECT_OK(tuttiSignal(peer, 63, comm, nullptr), comm);
      EXPECT_OK(tuttiSignal(peer, 2, comm, nullptr), comm);
    }
    std::vector<tuttiWaitSignalDesc_t> all;
    for (int peer = 0; peer < kRanks; ++peer) {
      all.push_back({2, peer, 63});
      all.push_back({1, peer, 2});
      all.push_back({3 + peer, peer, 63});
      all.push_back({0, peer, 1});
    }
    EXPECT_OK(tuttiWaitSignal(static_cast<int>(all.size()), all.data(), comm, nullptr), comm);
    EXPECT_OK(tuttiWaitSignal(0, nullptr, comm, nullptr), comm);
  });
}

TEST_P(OneSided, a_put_lands_while_its_target_calls_nothing) {
  std::promise<void> landed;
  const auto told = landed.get_future().share();
  ranks_.run([&](int rank, tuttiComm_t comm) {
    constexpr std::size_t kCount = 2'000'000;  // more than any wire holds
    Part part(comm, kCount);
    if (rank == 0) {
      EXPECT_OK(put(Ints(kCount, 42), 1, part.window, 0, comm), comm);
      EXPECT_OK(tuttiFlush(comm, nullptr), comm);
      landed.set_value();
    }
    told.wait();  // ranks 1 and 2 are in no call of the library
    if (rank == 1) {
      EXPECT_OK(wait_for(0, 0, 0, comm), comm);
      EXPECT_THAT(part.values, Each(42));
    }
  });
}

TEST_P(OneSided, puts_to_each_other_and_collectives_do_not_deadlock) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    constexpr std::size_t kCount = 500'000;
    Part part(comm, kCount * kRanks);
    const Ints mine(kCount, rank);
    for (int round = 0; round < 3; ++round) {
      int sum = 1;
      if (rank == 1) {
        EXPECT_OK(tuttiAllReduce(&sum, &sum, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
      }
      for (int peer = 0; peer < kRanks; ++peer)
        EXPECT_OK(put_signal(mine, peer, part.window, static_cast<std::size_t>(rank) * kCount, 0, comm),
                  comm);
      if (rank != 1) {
        EXPECT_OK(tuttiAllReduce(&sum, &sum, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
      }
      EXPECT_EQ(sum, kRanks);
      for (int peer = 0; peer < kRanks; ++peer) EXPECT_OK(wait_for(1, peer, 0, comm), comm);
    }
    for (std::size_t i = 0; i < part.values.size(); ++i)
      ASSERT_EQ(part.values[i], static_cast<int>(i / kCount)) << i;
  });
}

/// Every rank draws the same plan from the seed, makes its puts, and then knows what each part must hold.
TEST_P(OneSided, random_puts_match_a_model) {
  struct Planned {
    int from, to, signal;
    std::size_t window, offset, count;
    bool signals;
    std::int32_t value;
  };
  constexpr std::size_t kWindows = 3, kSlots = 12;
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  ranks_.run([&](int rank, tuttiComm_t comm) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    constexpr std::size_t kRoom[kWindows] = {16, 3'000, 40'000};  // elements of a slot
    std::vector<std::unique_ptr<Part>> parts;
    std::vector<std::vector<Ints>> model(kRanks);  // by rank and window
    for (const std::size_t room : kRoom) {
      parts.push_back(std::make_unique<Part>(comm, room * kSlots, 0));
      for (auto& windows : model) windows.emplace_back(room * kSlots, 0);
    }
    for (int round = 0; round < 6; ++round) {
      std::vector<Planned> plan;
      std::map<std::tuple<int, std::size_t, std::size_t>, bool> taken;  // a slot is put into once a round
      for (int i = 0; i < 40; ++i) {
        Planned next{static_cast<int>(below(kRanks)),
                     static_cast<int>(below(kRanks)),
                     static_cast<int>(below(4)),
                     below(kWindows),
                     0,
                     0,
                     below(3) == 0,
                     static_cast<std::int32_t>(random() & 0xffff)};
        const std::size_t slot = below(kSlots);
        next.count = below(kRoom[next.window]) + 1;
        next.offset = slot * kRoom[next.window] + below(kRoom[next.window] - next.count + 1);
        if (!taken.try_emplace({next.to, next.window, slot}, true).second) continue;
        plan.push_back(next);
      }
      std::map<std::pair<int, int>, int> due;  // by peer and index
      for (const Planned& next : plan) {
        Ints& target = model[static_cast<std::size_t>(next.to)][next.window];
        std::fill_n(target.begin() + static_cast<std::ptrdiff_t>(next.offset), next.count, next.value);
        if (next.to == rank && next.signals) ++due[{next.from, next.signal}];
        if (next.from != rank) continue;
        const Ints data(next.count, next.value);
        const auto window = parts[next.window]->window;
        EXPECT_OK(next.signals ? put_signal(data, next.to, window, next.offset, next.signal, comm)
                               : put(data, next.to, window, next.offset, comm),
                  comm);
      }
      for (int peer = 0; peer < kRanks; ++peer) EXPECT_OK(tuttiSignal(peer, 9, comm, nullptr), comm);
      for (const auto& [from, count] : due) EXPECT_OK(wait_for(count, from.first, from.second, comm), comm);
      for (int peer = 0; peer < kRanks; ++peer) EXPECT_OK(wait_for(1, peer, 9, comm), comm);
      for (std::size_t w = 0; w < kWindows; ++w)
        ASSERT_TRUE(parts[w]->values == model[static_cast<std::size_t>(rank)][w])
            << "rank " << rank << ", window " << w << ", round " << round;
      for (int peer = 0; peer < kRanks; ++peer)
        EXPECT_OK(tuttiSignal(peer, 10, comm, nullptr), comm);  // read
      for (int peer = 0; peer < kRanks; ++peer) EXPECT_OK(wait_for(1, peer, 10, comm), comm);
    }
  });
}

TEST_P(OneSided, in_a_group_puts_go_first_and_waits_last) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Part part(comm, 4);
    const int right = (rank + 1) % kRanks, left = (rank + 2) % kRanks;
    const Ints mine(4, rank);
    int sum = rank + 1;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(wait_for(1, left, 0, comm), comm);
    EXPECT_OK(tuttiAllReduce(&sum, &sum, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
    EXPECT_OK(put_signal(mine, right, part.window, 0, 0, comm), comm);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(sum, 6);
    EXPECT_THAT(part.values, Each(left));
  });
}

TEST_P(OneSided, a_work_waits_in_the_background) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    constexpr std::size_t kCount = 100'000;
    Part part(comm, kCount);
    const int right = (rank + 1) % kRanks, left = (rank + 2) % kRanks;
    const Ints mine(kCount, rank);
    tuttiWork_t work = nullptr;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(wait_for(1, left, 0, comm), comm);
    EXPECT_OK(put_signal(mine, right, part.window, 0, 0, comm), comm);
    EXPECT_OK(tuttiGroupEndAsync(&work), nullptr);
    EXPECT_OK(tuttiWorkWait(work, -1), nullptr);
    EXPECT_OK(tuttiWorkFree(work), nullptr);
    EXPECT_THAT(part.values, Each(left));
  });
}

TEST_P(OneSided, parts_may_be_empty_and_of_different_sizes) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Ints mine(static_cast<std::size_t>(rank) * 10, -1);
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, rank == 0 ? nullptr : mine.data(), mine.size() * 4, &window), comm);
    const Ints one(1, rank);
    EXPECT_EQ(put(one, 0, window, 0, comm), tuttiInvalidArgument);
    EXPECT_THAT(
        tuttiGetLastError(comm),
        HasSubstr("1 elements of 4 bytes at offset 0 end outside window 0 of rank 0, which has 0 bytes"));
    EXPECT_EQ(put(one, 1, window, 10, comm), tuttiInvalidArgument);
    EXPECT_OK(put_signal(one, 2, window, 10 + static_cast<std::size_t>(rank), 0, comm), comm);
    if (rank == 2) {
      for (int peer = 0; peer < kRanks; ++peer) {
        EXPECT_OK(wait_for(1, peer, 0, comm), comm);
        EXPECT_EQ(mine[10 + static_cast<std::size_t>(peer)], peer);
      }
    }
    EXPECT_OK(tuttiWindowDeregister(comm, window), comm);
  });
  ranks_.expect_usable();
}

TEST_P(OneSided, finalize_lets_all_land) {
  std::array<Ints, kRanks> memory;
  ranks_.run([&](int rank, tuttiComm_t comm) {
    Ints& mine = memory[static_cast<std::size_t>(rank)];
    mine.assign(200'000, -1);
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, mine.data(), mine.size() * 4, &window), comm);
    EXPECT_OK(put(Ints(mine.size(), rank), (rank + 1) % kRanks, window, 0, comm), comm);
    EXPECT_OK(tuttiCommFinalize(comm), comm);
    EXPECT_THAT(mine, Each((rank + 2) % kRanks));
  });
}

INSTANTIATE_TEST_SUITE_P(wires, OneSided, testing::Values("shm", "tcp", "mixed"),
                         [](const auto& wire) { return std::string(wire.param); });

// What is refused, and how it fails.

class Refused : public testing::Test {
 protected:
  Ranks ranks_{2};
};

TEST_F(Refused, bad_arguments_leave_the_communicator_usable) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    tuttiWindow_t window = nullptr;
    int memory[4] = {};
    const tuttiWaitSignalDesc_t one{1, rank, 0};
    EXPECT_EQ(tuttiSignal(0, 0, comm, nullptr), tuttiInvalidUsage);
    EXPECT_EQ(tuttiWaitSignal(1, &one, comm, nullptr), tuttiInvalidUsage);
    EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("tuttiWindowRegister first"));
    EXPECT_EQ(tuttiWindowRegister(comm, nullptr, 8, &window), tuttiInvalidArgument);
    EXPECT_EQ(tuttiWindowRegister(comm, memory, 8, nullptr), tuttiInvalidArgument);
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_EQ(tuttiWindowRegister(comm, memory, 8, &window), tuttiInvalidUsage);
    EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage);

    EXPECT_OK(tuttiWindowRegister(comm, memory, sizeof memory, &window), comm);
    const auto put = [&](const void* data, std::size_t count, int type, int peer, tuttiWindow_t win,
                         std::size_t offset, int signal) {
      return tuttiPutSignal(data, count, static_cast<tuttiDataType_t>(type), peer, win, offset, signal, comm,
                            nullptr);
    };
    EXPECT_EQ(put(nullptr, 1, tuttiInt32, 0, window, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiNumTypes, 0, window, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiInt32, 2, window, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiInt32, 0, nullptr, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 5, tuttiInt32, 0, window, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiInt32, 0, window, 13, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, ~std::size_t{0}, tuttiInt32, 0, window, 0, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiInt32, 0, window, ~std::size_t{0}, 0), tuttiInvalidArgument);
    EXPECT_EQ(put(memory, 1, tuttiInt32, 0, window, 0, 64), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("sigIdx: 64 given, 0 to 63 allowed"));
    const tuttiWaitSignalDesc_t negative{-1, 0, 0}, nobody{1, 2, 0}, none{1, 0, -1};
    for (const auto* bad : {&negative, &nobody, &none})
      EXPECT_EQ(tuttiWaitSignal(1, bad, comm, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiWaitSignal(-1, &one, comm, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiWaitSignal(1, nullptr, comm, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiFlush(comm, memory), tuttiInvalidArgument);
    EXPECT_OK(tuttiFlush(comm, nullptr), comm);
    EXPECT_OK(tuttiWindowDeregister(comm, window), comm);
    EXPECT_EQ(tuttiWindowDeregister(comm, window), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("was deregistered"));
    EXPECT_EQ(put(memory, 1, tuttiInt32, 0, window, 0, 0), tuttiInvalidArgument);
  });
  ranks_.expect_usable();
}

TEST_F(Refused, deregistering_different_windows_is_noticed) {
  std::atomic<int> noticed = 0;
  ranks_.run([&](int rank, tuttiComm_t comm) {
    int memory[2] = {};
    tuttiWindow_t windows[2] = {};
    for (int i = 0; i < 2; ++i) EXPECT_OK(tuttiWindowRegister(comm, &memory[i], 4, &windows[i]), comm);
    EXPECT_NE(tuttiWindowDeregister(comm, windows[rank]), tuttiSuccess);
    const std::string sentence = tuttiGetLastError(comm);
    if (sentence.find("deregisters window 0") != std::string::npos &&
        sentence.find("window 1") != std::string::npos)
      ++noticed;
  });
  EXPECT_EQ(noticed, 2) << "both ranks say what differed";
}

TEST_F(Refused, whoever_waits_for_a_rank_that_has_gone_is_told) {
  ranks_.run([this](int rank, tuttiComm_t comm) {
    int memory = 0;
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, &memory, sizeof memory, &window), comm);
    if (rank == 1) {
      const int value = 7;
      EXPECT_OK(tuttiPutSignal(&value, 1, tuttiInt32, 0, window, 0, 3, comm, nullptr), comm);
      EXPECT_OK(tuttiCommDestroy(comm), nullptr);
      ranks_.forget(1);
      return;
    }
    EXPECT_OK(wait_for(1, 1, 3, comm), comm);  // what it put before it went has come
    EXPECT_EQ(memory, 7);
    EXPECT_EQ(wait_for(2, 1, 3, comm), tuttiRemoteError);
    EXPECT_THAT(
        tuttiGetLastError(comm),
        HasSubstr("rank 1 has destroyed its communicator, and rank 0 still waits for 2 of its signals 3"));
  });
}

TEST_F(Refused, an_abort_ends_a_wait) {
  ranks_.run([this](int rank, tuttiComm_t comm) {
    int memory = 0;
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, &memory, sizeof memory, &window), comm);
    if (rank == 1) {
      EXPECT_OK(tuttiCommAbort(comm), nullptr);
      ranks_.forget(1);
      return;
    }
    EXPECT_EQ(wait_for(1, 1, 0, comm), tuttiRemoteError);
    EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("rank 1"));
  });
}

TEST(Stalled, a_signal_that_never_comes_is_named) {
  Ranks ranks(2, "TIMEOUT_MS=300");
  ranks.run([](int rank, tuttiComm_t comm) {
    int memory = 0;
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, &memory, sizeof memory, &window), comm);
    if (rank == 1) {
      EXPECT_OK(tuttiSignal(0, 4, comm, nullptr), comm);
    }
    if (rank == 0) {
      EXPECT_EQ(wait_for(3, 1, 4, comm), tuttiTimeout);
      EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("it waits for 2 more of signal 4 of rank 1"));
    }
  });
}

/// Rank 1 is a process that is killed while rank 0 waits for its signal.
class Killed : public testing::TestWithParam<const char*> {
 protected:
  static tuttiComm_t join(const tuttiUniqueId& id, int rank) {
    tuttiComm_t comm = nullptr;
    tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
    config.settings = GetParam();
    EXPECT_OK(tuttiCommInitRankConfig(&comm, 2, id, rank, &config), nullptr);
    return comm;
  }
  /// Joins, says that it is there, and waits for ever.
  [[noreturn]] static void victim(int pipe) {
    tuttiUniqueId id;
    if (::read(pipe, &id, sizeof id) != sizeof id) ::_exit(1);
    tuttiComm_t comm = join(id, 1);
    int memory = 0;
    tuttiWindow_t window = nullptr;
    EXPECT_OK(tuttiWindowRegister(comm, &memory, sizeof memory, &window), comm);
    EXPECT_OK(tuttiSignal(0, 0, comm, nullptr), comm);
    (void)wait_for(1, 0, 0, comm);
    ::_exit(1);
  }
};

TEST_P(Killed, process_is_named_to_who_waits_for_it) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) victim(pipe[0]);
  tuttiUniqueId id;
  ASSERT_EQ(tuttiGetUniqueId(&id), tuttiSuccess);
  ASSERT_EQ(::write(pipe[1], &id, sizeof id), static_cast<ssize_t>(sizeof id));
  tuttiComm_t comm = join(id, 0);
  int memory = 0;
  tuttiWindow_t window = nullptr;
  EXPECT_OK(tuttiWindowRegister(comm, &memory, sizeof memory, &window), comm);
  EXPECT_OK(wait_for(1, 1, 0, comm), comm);
  std::thread killer([child] { EXPECT_EQ(::kill(child, SIGKILL), 0); });
  EXPECT_EQ(wait_for(1, 1, 0, comm), tuttiRemoteError);
  EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("rank 1"));
  EXPECT_EQ(tuttiPut(&memory, 1, tuttiInt32, 1, window, 0, comm, nullptr), tuttiRemoteError);
  killer.join();
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  (void)tuttiCommAbort(comm);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

INSTANTIATE_TEST_SUITE_P(wires, Killed, testing::Values("TRANSPORT=shm", "TRANSPORT=tcp"),
                         [](const auto& wire) { return std::string(wire.param).substr(10); });

TEST(Alone, a_single_rank_puts_into_its_own_window) {
  Ranks ranks(1);
  Part part(ranks.comm(0), 8);
  EXPECT_OK(put_signal(Ints(4, 3), 0, part.window, 4, 0, ranks.comm(0)), ranks.comm(0));
  EXPECT_OK(wait_for(1, 0, 0, ranks.comm(0)), ranks.comm(0));
  EXPECT_EQ(part.values, (Ints{-1, -1, -1, -1, 3, 3, 3, 3}));
}

}  // namespace
}  // namespace tutti_tests
