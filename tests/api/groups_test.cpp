// Groups and asynchronous work: what is collected, in which order it runs, and what an error does.
#include <numeric>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

using Ints = std::vector<std::int32_t>;

class Groups : public testing::Test {
 protected:
  Ranks ranks_{3};
};

/// 1 + 2 + 3, times `factor`: what ranks that give (rank + 1) * factor get.
constexpr int sum_of_three(int factor) {
  return 6 * factor;
}

TEST_F(Groups, many_small_sums_all_arrive) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    std::vector<Ints> values;
    for (int i = 0; i < 100; ++i) values.emplace_back(static_cast<std::size_t>(i % 13), (rank + 1) * i);
    std::vector<double> doubles(5, rank);
    EXPECT_OK(tuttiGroupStart(), nullptr);
    for (Ints& each : values) {
      EXPECT_OK(tuttiAllReduce(each.data(), each.data(), each.size(), tuttiInt32, tuttiSum, comm, nullptr),
                comm);
      if (&each == &values[50]) {
        EXPECT_OK(tuttiAllReduce(doubles.data(), doubles.data(), 5, tuttiFloat64, tuttiMax, comm, nullptr),
                  comm);
      }
    }
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    for (int i = 0; i < 100; ++i)
      EXPECT_THAT(values[static_cast<std::size_t>(i)], testing::Each(sum_of_three(i)));
    EXPECT_THAT(doubles, testing::Each(2.0));
  });
}

TEST_F(Groups, nest_and_only_the_outermost_end_issues) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    int value = rank + 1;
    int sum = 0;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(&value, &sum, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(sum, 0);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(sum, 6);
  });
}

TEST_F(Groups, an_empty_one_does_nothing) {
  EXPECT_OK(tuttiGroupStart(), nullptr);
  EXPECT_OK(tuttiGroupEnd(), nullptr);
  EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("tuttiGroupStart"));
}

TEST_F(Groups, exchange_around_a_ring_and_with_oneself) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    for (const std::size_t count : {1, 1000, 300'000}) {
      const int next = (rank + 1) % 3, previous = (rank + 2) % 3;
      const Ints mine(count, rank);
      Ints theirs(count, -1), own(count, -1);
      EXPECT_OK(tuttiGroupStart(), nullptr);
      EXPECT_OK(tuttiSend(mine.data(), count, tuttiInt32, next, comm, nullptr), comm);
      EXPECT_OK(tuttiRecv(own.data(), count, tuttiInt32, rank, comm, nullptr), comm);
      EXPECT_OK(tuttiSend(mine.data(), count, tuttiInt32, rank, comm, nullptr), comm);
      EXPECT_OK(tuttiRecv(theirs.data(), count, tuttiInt32, previous, comm, nullptr), comm);
      EXPECT_OK(tuttiGroupEnd(), nullptr);
      EXPECT_THAT(theirs, testing::Each(previous));
      EXPECT_THAT(own, testing::Each(rank));
    }
  });
}

TEST_F(Groups, messages_between_two_ranks_keep_their_order) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    for (std::int32_t i = 0; i < 50; ++i) {
      const std::size_t count = i % 5 == 0 ? 50'000 : 3;
      Ints values(count, rank == 0 ? i : -1);
      if (rank == 0) {
        EXPECT_OK(tuttiSend(values.data(), count, tuttiInt32, 2, comm, nullptr), comm);
      }
      if (rank == 2) {
        EXPECT_OK(tuttiRecv(values.data(), count, tuttiInt32, 0, comm, nullptr), comm);
      }
      if (rank != 1) {
        EXPECT_THAT(values, testing::Each(i));
      }
    }
  });
}

TEST_F(Groups, a_message_to_oneself_alone_is_refused) {
  int value = 0;
  EXPECT_EQ(tuttiSend(&value, 1, tuttiInt32, 1, ranks_.comm(1), nullptr), tuttiInvalidUsage);
  EXPECT_THAT(tuttiGetLastError(ranks_.comm(1)), testing::HasSubstr("1 sends and 0 receives"));
  ranks_.expect_usable();
}

TEST_F(Groups, mix_messages_and_collectives) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    int sum = rank + 1, message = rank == 0 ? 42 : 0, root = rank;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(&sum, &sum, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
    if (rank == 0) {
      EXPECT_OK(tuttiSend(&message, 1, tuttiInt32, 1, comm, nullptr), comm);
    }
    if (rank == 1) {
      EXPECT_OK(tuttiRecv(&message, 1, tuttiInt32, 0, comm, nullptr), comm);
    }
    EXPECT_OK(tuttiBroadcast(&root, &root, 1, tuttiInt32, 2, comm, nullptr), comm);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(root, 2);
    EXPECT_EQ(message, rank == 2 ? 0 : 42);
  });
}

TEST_F(Groups, hold_calls_on_two_communicators) {
  Ranks others(3);
  in_threads(3, [&](int rank) {
    int first = rank + 1, second = 10 * (rank + 1);
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(&first, &first, 1, tuttiInt32, tuttiSum, ranks_.comm(rank), nullptr), nullptr);
    EXPECT_OK(tuttiAllReduce(&second, &second, 1, tuttiInt32, tuttiSum, others.comm(rank), nullptr), nullptr);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(first, 6);
    EXPECT_EQ(second, 60);
  });
}

TEST_F(Groups, let_one_thread_drive_all_ranks) {
  int values[] = {1, 2, 3};
  EXPECT_OK(tuttiGroupStart(), nullptr);
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_OK(
        tuttiAllReduce(&values[rank], &values[rank], 1, tuttiInt32, tuttiSum, ranks_.comm(rank), nullptr),
        nullptr);
  EXPECT_OK(tuttiGroupEnd(), nullptr);
  EXPECT_THAT(values, testing::Each(6));
}

TEST_F(Groups, use_a_pre_multiplying_sum) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    const float scalar = static_cast<float>(rank);
    tuttiRedOp_t op{};
    EXPECT_OK(tuttiRedOpCreatePreMulSum(&op, &scalar, tuttiFloat32, tuttiScalarHostImmediate, comm), comm);
    float first = 2, second = 3;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(&first, &first, 1, tuttiFloat32, op, comm, nullptr), comm);
    EXPECT_OK(tuttiAllReduce(&second, &second, 1, tuttiFloat32, op, comm, nullptr), comm);
    EXPECT_OK(tuttiGroupEnd(), nullptr);
    EXPECT_EQ(first, 6);
    EXPECT_EQ(second, 9);
    EXPECT_OK(tuttiRedOpDestroy(op, comm), comm);
  });
}

TEST_F(Groups, with_a_bad_call_send_nothing_and_return_its_error) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    int value = rank + 1;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
    EXPECT_EQ(tuttiBroadcast(&value, &value, 1, tuttiInt32, 9, comm, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiReduce(&value, &value, 1, tuttiInt32, tuttiSum, -4, comm, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("root: 9 given"));
    EXPECT_EQ(value, rank + 1);
  });
  ranks_.expect_usable();
}

// --- asynchronous

TEST_F(Groups, run_in_the_background) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Ints values(200'000, rank + 1);
    tuttiWork_t work = nullptr;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(
        tuttiAllReduce(values.data(), values.data(), values.size(), tuttiInt32, tuttiSum, comm, nullptr),
        comm);
    EXPECT_OK(tuttiGroupEndAsync(&work), nullptr);
    int done = 0;
    while (done == 0) {  // nobody waits: the progress thread does it
      EXPECT_OK(tuttiWorkTest(work, &done), nullptr);
      std::this_thread::yield();
    }
    EXPECT_THAT(values, testing::Each(6));
    EXPECT_OK(tuttiWorkFree(work), nullptr);
  });
}

TEST_F(Groups, later_calls_run_after_queued_ones) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Ints values(100'000, rank + 1);
    tuttiWork_t works[2] = {};
    for (tuttiWork_t& work : works) {  // 1 + 2 + 3, then three times that
      EXPECT_OK(tuttiGroupStart(), nullptr);
      EXPECT_OK(
          tuttiAllReduce(values.data(), values.data(), values.size(), tuttiInt32, tuttiSum, comm, nullptr),
          comm);
      EXPECT_OK(tuttiGroupEndAsync(&work), nullptr);
    }
    EXPECT_OK(
        tuttiAllReduce(values.data(), values.data(), values.size(), tuttiInt32, tuttiSum, comm, nullptr),
        comm);
    EXPECT_THAT(values, testing::Each(6 * 3 * 3));
    for (const tuttiWork_t work : works) {
      int done = 0;
      EXPECT_OK(tuttiWorkTest(work, &done), nullptr);
      EXPECT_EQ(done, 1);
      EXPECT_OK(tuttiWorkWait(work, -1), nullptr);
      EXPECT_OK(tuttiWorkFree(work), nullptr);
    }
  });
}

TEST_F(Groups, a_wait_without_time_says_that_work_goes_on) {
  const auto start = [&](int rank, int* value, tuttiWork_t* work) {
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(tuttiAllReduce(value, value, 1, tuttiInt32, tuttiSum, ranks_.comm(rank), nullptr), nullptr);
    EXPECT_OK(tuttiGroupEndAsync(work), nullptr);
  };
  int values[] = {1, 2, 3};
  tuttiWork_t works[3] = {};
  start(0, &values[0], &works[0]);
  EXPECT_EQ(tuttiWorkWait(works[0], 0), tuttiInProgress);
  int done = -1;
  EXPECT_OK(tuttiWorkTest(works[0], &done), nullptr);
  EXPECT_EQ(done, 0);
  tuttiResult_t state = tuttiSuccess;
  EXPECT_OK(tuttiCommGetAsyncError(ranks_.comm(0), &state), nullptr);
  EXPECT_EQ(state, tuttiInProgress);
  for (const int rank : {1, 2}) start(rank, &values[rank], &works[rank]);
  for (const tuttiWork_t work : works) EXPECT_OK(tuttiWorkWait(work, -1), nullptr);
  for (const tuttiWork_t work : works) EXPECT_OK(tuttiWorkFree(work), nullptr);
  EXPECT_THAT(values, testing::Each(6));
  EXPECT_OK(tuttiCommGetAsyncError(ranks_.comm(0), &state), nullptr);
  EXPECT_EQ(state, tuttiSuccess);
}

TEST_F(Groups, queue_behind_one_whose_peers_have_not_called_yet) {
  int values[3][2] = {{1, 10}, {2, 20}, {3, 30}};
  tuttiWork_t works[3][2] = {};
  for (int rank = 0; rank < 3; ++rank) {
    for (int call = 0; call < 2; ++call) {  // rank 0's second call: nobody else has made the first
      int* value = &values[rank][call];
      EXPECT_OK(tuttiGroupStart(), nullptr);
      EXPECT_OK(tuttiAllReduce(value, value, 1, tuttiInt32, tuttiSum, ranks_.comm(rank), nullptr), nullptr);
      EXPECT_OK(tuttiGroupEndAsync(&works[rank][call]), nullptr);
    }
  }
  for (int rank = 0; rank < 3; ++rank) {
    for (const tuttiWork_t work : works[rank]) {
      EXPECT_OK(tuttiWorkWait(work, -1), nullptr);
      EXPECT_OK(tuttiWorkFree(work), nullptr);
    }
    EXPECT_THAT(values[rank], testing::ElementsAre(6, 60));
  }
}

TEST_F(Groups, freeing_work_waits_for_it) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    Ints values(300'000, rank + 1);
    tuttiWork_t work = nullptr;
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_OK(
        tuttiAllReduce(values.data(), values.data(), values.size(), tuttiInt32, tuttiSum, comm, nullptr),
        comm);
    EXPECT_OK(tuttiGroupEndAsync(&work), nullptr);
    EXPECT_OK(tuttiWorkFree(work), nullptr);
    EXPECT_THAT(values, testing::Each(6));
  });
}

TEST_F(Groups, asynchronous_ends_are_refused_where_they_make_no_sense) {
  auto* work = reinterpret_cast<tuttiWork_t>(this);  // must become NULL
  EXPECT_EQ(tuttiGroupEndAsync(&work), tuttiInvalidUsage);
  EXPECT_EQ(work, nullptr);
  EXPECT_EQ(tuttiGroupEndAsync(nullptr), tuttiInvalidArgument);
  EXPECT_OK(tuttiGroupStart(), nullptr);
  EXPECT_OK(tuttiGroupStart(), nullptr);
  EXPECT_EQ(tuttiGroupEndAsync(&work), tuttiInvalidUsage);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("within another group"));
  EXPECT_OK(tuttiGroupEnd(), nullptr);
  EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage) << "the error of a call within the group is its result";
  EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage) << "no group is open";
  int done = 0;
  EXPECT_EQ(tuttiWorkWait(nullptr, 0), tuttiInvalidArgument);
  EXPECT_EQ(tuttiWorkTest(nullptr, &done), tuttiInvalidArgument);
  EXPECT_OK(tuttiWorkFree(nullptr), nullptr);
  ranks_.expect_usable();
}

}  // namespace
}  // namespace tutti_tests
