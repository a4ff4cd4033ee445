// What goes wrong: bad arguments leave the communicator usable, aborts end everybody's calls.
#include <array>
#include <atomic>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// A call with something wrong, and what its sentence must contain.
struct Mistake {
  std::function<tuttiResult_t(tuttiComm_t)> call;
  std::vector<std::string> words;
};

std::array<int, 16> memory;  // never written: no call of this list gets so far
const std::size_t kOnes[] = {1, 1};
const std::size_t kTwos[] = {2, 2};
const std::size_t kApart[] = {4, 5};

int* buffer(std::size_t element = 0) {
  return &memory[element];
}

/// Within what C++ lets an object of the type hold.
template <typename Enum>
Enum value(int number) {
  return static_cast<Enum>(number);
}

std::vector<Mistake> mistakes_of_buffers() {
  const auto stream = reinterpret_cast<tuttiStream_t>(1);
  return {
      {[](auto c) { return tuttiAllReduce(nullptr, buffer(), 3, tuttiInt32, tuttiSum, c, nullptr); },
       {"sendbuff", "NULL", "3"}},
      {[](auto c) { return tuttiAllReduce(buffer(), nullptr, 3, tuttiInt32, tuttiSum, c, nullptr); },
       {"recvbuff", "NULL"}},
      {[](auto c) { return tuttiAllGather(buffer(), nullptr, 1, tuttiInt32, c, nullptr); }, {"recvbuff"}},
      {[](auto c) { return tuttiAlltoAll(nullptr, buffer(), 1, tuttiInt32, c, nullptr); }, {"sendbuff"}},
      {[](auto c) { return tuttiSend(nullptr, 1, tuttiInt32, 0, c, nullptr); }, {"sendbuff"}},
      {[](auto c) { return tuttiRecv(nullptr, 1, tuttiInt32, 0, c, nullptr); }, {"recvbuff"}},
      {[=](auto c) { return tuttiBarrier(c, stream); }, {"stream", "NULL"}},
      {[=](auto c) { return tuttiSend(buffer(), 1, tuttiInt32, 0, c, stream); }, {"stream"}},
  };
}

std::vector<Mistake> mistakes_of_numbers() {
  return {
      {[](auto c) {
         return tuttiAllReduce(buffer(), buffer(), 1, value<tuttiDataType_t>(12), tuttiSum, c, nullptr);
       },
       {"datatype: 12", "0", "11"}},
      {[](auto c) { return tuttiAllGather(buffer(), buffer(4), 1, value<tuttiDataType_t>(15), c, nullptr); },
       {"datatype: 15"}},
      {[](auto c) {
         return tuttiAllReduce(buffer(), buffer(), 1, tuttiInt32, value<tuttiRedOp_t>(5), c, nullptr);
       },
       {"op: 5", "tuttiRedOpCreatePreMulSum"}},
      {[](auto c) { return tuttiReduce(buffer(), buffer(), 1, tuttiInt32, tuttiMaxRedOp, 0, c, nullptr); },
       {"op: 2147483647"}},
      {[](auto c) { return tuttiBroadcast(buffer(), buffer(), 1, tuttiInt32, 2, c, nullptr); },
       {"root: 2", "0 to 1"}},
      {[](auto c) { return tuttiGather(buffer(), buffer(4), 1, tuttiInt32, -1, c, nullptr); }, {"root: -1"}},
      {[](auto c) { return tuttiScatter(buffer(), buffer(4), 1, tuttiInt32, 99, c, nullptr); }, {"root: 99"}},
      {[](auto c) { return tuttiSend(buffer(), 1, tuttiInt32, 2, c, nullptr); }, {"peer: 2", "0 to 1"}},
      {[](auto c) { return tuttiRecv(buffer(), 1, tuttiInt32, -1, c, nullptr); }, {"peer: -1"}},
  };
}

std::vector<Mistake> mistakes_of_lists() {
  return {
      {[](auto c) {
         return tuttiAllGatherV(buffer(), 1, buffer(4), nullptr, nullptr, tuttiInt32, c, nullptr);
       },
       {"recvcounts", "NULL"}},
      {[](auto c) { return tuttiAllGatherV(buffer(), 1, buffer(4), kTwos, nullptr, tuttiInt32, c, nullptr); },
       {"sendcount: 1", "2"}},
      {[](auto c) {
         return tuttiReduceScatterV(buffer(), buffer(4), nullptr, tuttiInt32, tuttiSum, c, nullptr);
       },
       {"recvcounts", "NULL"}},
      {[](auto c) {
         return tuttiAlltoAllV(buffer(), nullptr, nullptr, buffer(4), kOnes, nullptr, tuttiInt32, c, nullptr);
       },
       {"sendcounts", "NULL"}},
      {[](auto c) {
         return tuttiAlltoAllV(buffer(), kOnes, nullptr, buffer(4), kTwos, nullptr, tuttiInt32, c, nullptr);
       },
       {"sendcounts[rank]: 1", "2"}},
  };
}

/// Buffers that overlap in another way than "in place".
std::vector<Mistake> mistakes_of_places() {
  return {
      {[](auto c) { return tuttiAllReduce(buffer(), buffer(1), 2, tuttiInt32, tuttiSum, c, nullptr); },
       {"overlap"}},
      {[](auto c) { return tuttiAlltoAll(buffer(), buffer(), 2, tuttiInt32, c, nullptr); }, {"overlap"}},
      {[](auto c) { return tuttiAllGather(buffer(1), buffer(), 2, tuttiInt32, c, nullptr); }, {"overlap"}},
      {[](auto c) {
         return tuttiAlltoAllV(buffer(), kOnes, kApart, buffer(1), kOnes, kApart, tuttiInt32, c, nullptr);
       },
       {"overlap"}},
      {[](auto c) { return tuttiReduceScatter(buffer(), buffer(1), 2, tuttiInt32, tuttiSum, c, nullptr); },
       {"overlap"}},
  };
}

std::vector<Mistake> mistakes_of_operators() {
  return {
      {[](auto c) {
         return tuttiRedOpCreatePreMulSum(nullptr, buffer(), tuttiInt32, tuttiScalarHostImmediate, c);
       },
       {"op", "NULL"}},
      {[](auto c) {
         tuttiRedOp_t op{};
         return tuttiRedOpCreatePreMulSum(&op, nullptr, tuttiInt32, tuttiScalarHostImmediate, c);
       },
       {"scalar", "NULL"}},
      {[](auto c) {
         tuttiRedOp_t op{};
         return tuttiRedOpCreatePreMulSum(&op, buffer(), tuttiInt32, tuttiScalarDevice, c);
       },
       {"residence: 0", "tuttiScalarHostImmediate"}},
      {[](auto c) { return tuttiRedOpDestroy(tuttiSum, c); }, {"op: 0"}},
      {[](auto c) { return tuttiCommDeregister(c, buffer()); }, {"handle"}},
      {[](auto c) { return tuttiCommCount(c, nullptr); }, {"count", "NULL"}},
      {[](auto c) { return tuttiCommUserRank(c, nullptr); }, {"rank", "NULL"}},
      {[](auto c) { return tuttiCommGetAsyncError(c, nullptr); }, {"asyncError", "NULL"}},
  };
}

class Mistakes : public testing::Test {
 protected:
  /// Each call is refused by every rank, alone and without asking the others.
  void expect_refused(const std::vector<Mistake>& mistakes) {
    for (int rank = 0; rank < 2; ++rank) {
      tuttiComm_t comm = ranks_.comm(rank);
      for (std::size_t i = 0; i < mistakes.size(); ++i) {
        SCOPED_TRACE(testing::Message() << "mistake " << i << " at rank " << rank);
        EXPECT_EQ(mistakes[i].call(comm), tuttiInvalidArgument);
        for (const std::string& word : mistakes[i].words)
          EXPECT_THAT(tuttiGetLastError(comm), HasSubstr(word));
      }
    }
    ranks_.expect_usable();
  }
  Ranks ranks_{2};
};

TEST_F(Mistakes, in_buffers_are_refused) {
  expect_refused(mistakes_of_buffers());
}
TEST_F(Mistakes, in_numbers_are_refused) {
  expect_refused(mistakes_of_numbers());
}
TEST_F(Mistakes, in_places_are_refused) {
  expect_refused(mistakes_of_places());
}
TEST_F(Mistakes, in_lists_are_refused) {
  expect_refused(mistakes_of_lists());
}
TEST_F(Mistakes, in_operators_and_questions_are_refused) {
  expect_refused(mistakes_of_operators());
}

TEST_F(Mistakes, with_an_operator_of_another_type_are_refused) {
  ranks_.run([](int, tuttiComm_t comm) {
    const float scalar = 2;
    tuttiRedOp_t op{};
    EXPECT_OK(tuttiRedOpCreatePreMulSum(&op, &scalar, tuttiFloat32, tuttiScalarHostImmediate, comm), comm);
    double number = 1;
    EXPECT_EQ(tuttiAllReduce(&number, &number, 1, tuttiFloat64, op, comm, nullptr), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(comm), AllOf(HasSubstr("float"), HasSubstr("double")));
  });
  ranks_.expect_usable();
}

TEST(Handles, null_is_refused_or_harmless) {
  int number = 0;
  tuttiResult_t state{};
  EXPECT_EQ(tuttiAllReduce(&number, &number, 1, tuttiInt32, tuttiSum, nullptr, nullptr),
            tuttiInvalidArgument);
  EXPECT_THAT(tuttiGetLastError(nullptr), HasSubstr("comm: NULL"));
  EXPECT_EQ(tuttiCommCount(nullptr, &number), tuttiInvalidArgument);
  EXPECT_EQ(tuttiCommGetAsyncError(nullptr, &state), tuttiInvalidArgument);
  EXPECT_EQ(tuttiCommFinalize(nullptr), tuttiInvalidArgument);
  EXPECT_EQ(tuttiCommDestroy(nullptr), tuttiSuccess);
  EXPECT_EQ(tuttiCommAbort(nullptr), tuttiSuccess);
  EXPECT_EQ(tuttiGetVersion(nullptr), tuttiInvalidArgument);
  EXPECT_OK(tuttiGetVersion(&number), nullptr);
  EXPECT_EQ(number, TUTTI_VERSION_CODE);
}

TEST(Handles, every_result_has_its_words) {
  for (int result = 0; result < tuttiNumResults; ++result)
    EXPECT_STRNE(tuttiGetErrorString(static_cast<tuttiResult_t>(result)), "unknown result code");
  EXPECT_STREQ(tuttiGetErrorString(tuttiNumResults), "unknown result code");
}

// --- different calls

TEST(Disagreement, is_told_to_the_ranks_that_meet) {
  Ranks ranks(2);
  ranks.run([](int rank, tuttiComm_t comm) {
    int values[4] = {};
    const std::size_t count = rank == 0 ? 2 : 3;
    EXPECT_EQ(tuttiAllReduce(values, values, count, tuttiInt32, tuttiSum, comm, nullptr), tuttiInvalidUsage);
    const std::string first = tuttiGetLastError(comm);
    EXPECT_THAT(first, HasSubstr("all_reduce of int32 with sum"));
    EXPECT_EQ(tuttiBarrier(comm, nullptr), tuttiInvalidUsage);  // the first error stays
    EXPECT_EQ(tuttiGetLastError(comm), first);
  });
}

// --- aborts

TEST(Disagreement, names_what_each_rank_called) {
  for (const char* settings : {"TRANSPORT=shm", "TRANSPORT=tcp"}) {
    Ranks ranks(2, settings);
    ranks.run([](int rank, tuttiComm_t comm) {
      float value = 0;
      if (rank == 0) {
        EXPECT_EQ(tuttiAllReduce(&value, &value, 1, tuttiFloat32, tuttiMax, comm, nullptr),
                  tuttiInvalidUsage);
      } else {
        double other[2] = {};
        EXPECT_EQ(tuttiAllGather(other + 1, other, 1, tuttiFloat64, comm, nullptr), tuttiInvalidUsage);
      }
      EXPECT_THAT(tuttiGetLastError(comm),
                  AllOf(HasSubstr("all_reduce of float with max"), HasSubstr("all_gather of double"),
                        HasSubstr("rank 0"), HasSubstr("rank 1")));
    });
  }
}

TEST(Disagreement, on_who_speaks_ends_on_all_ranks_and_says_what_was_called) {
  Ranks ranks(2, "INIT_TIMEOUT_MS=300");
  ranks.run([](int rank, tuttiComm_t comm) {
    float values[2] = {};
    if (rank == 0) {  // awaits a message of rank 1, which only listens
      EXPECT_EQ(tuttiReduce(values, values, 2, tuttiFloat32, tuttiSum, 0, comm, nullptr), tuttiTimeout);
    } else {
      EXPECT_EQ(tuttiBroadcast(values, values, 2, tuttiFloat32, 0, comm, nullptr), tuttiTimeout);
    }
    EXPECT_THAT(tuttiGetLastError(comm),
                ContainsRegex("rank [01] called (reduce of float with sum|broadcast)"));
  });
}

TEST(Abort, ends_the_calls_of_the_others_and_names_who_aborted) {
  Ranks ranks(3);
  ranks.expect_usable();
  ranks.run([&](int rank, tuttiComm_t comm) {
    if (rank == 2) {
      EXPECT_OK(tuttiCommAbort(comm), nullptr);
      ranks.forget(2);
      return;
    }
    int value = 0;
    EXPECT_EQ(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, comm, nullptr), tuttiRemoteError);
    EXPECT_THAT(tuttiGetLastError(comm), HasSubstr("rank 2"));
    tuttiResult_t state{};
    EXPECT_OK(tuttiCommGetAsyncError(comm, &state), comm);
    EXPECT_EQ(state, tuttiRemoteError);
    EXPECT_EQ(tuttiBarrier(comm, nullptr), tuttiRemoteError);
  });
}

TEST(Abort, ends_a_call_that_waits_for_the_rank) {
  Ranks ranks(2);
  ranks.expect_usable();
  std::atomic<bool> called{false};
  std::thread caller([&] {
    int value = 0;
    called = true;
    EXPECT_EQ(tuttiRecv(&value, 1, tuttiInt32, 1, ranks.comm(0), nullptr), tuttiRemoteError);
  });
  while (!called) std::this_thread::yield();
  tuttiResult_t state = tuttiSuccess;  // rank 1 gives up, rank 0 learns of it
  EXPECT_OK(tuttiCommAbort(ranks.comm(1)), nullptr);
  ranks.forget(1);
  caller.join();
  EXPECT_OK(tuttiCommGetAsyncError(ranks.comm(0), &state), nullptr);
  EXPECT_EQ(state, tuttiRemoteError);
}

TEST(Abort, is_heard_of_between_calls_and_explained) {
  Ranks ranks(2);
  ranks.expect_usable();
  EXPECT_OK(tuttiCommAbort(ranks.comm(1)), nullptr);
  ranks.forget(1);
  tuttiResult_t state = tuttiSuccess;
  while (state == tuttiSuccess) {
    EXPECT_OK(tuttiCommGetAsyncError(ranks.comm(0), &state), nullptr);
    std::this_thread::yield();
  }
  EXPECT_EQ(state, tuttiRemoteError);
  EXPECT_THAT(tuttiGetLastError(ranks.comm(0)), HasSubstr("rank 1"));
}

TEST(Abort, ends_asynchronous_work) {
  Ranks ranks(2);
  int value = 0;
  tuttiWork_t work = nullptr;
  EXPECT_OK(tuttiGroupStart(), nullptr);
  EXPECT_OK(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, ranks.comm(0), nullptr), nullptr);
  EXPECT_OK(tuttiGroupEndAsync(&work), nullptr);
  EXPECT_OK(tuttiCommAbort(ranks.comm(1)), nullptr);
  ranks.forget(1);
  EXPECT_EQ(tuttiWorkWait(work, -1), tuttiRemoteError);
  EXPECT_THAT(tuttiGetLastError(nullptr), HasSubstr("rank 1"));
  EXPECT_OK(tuttiWorkFree(work), nullptr);
}

// --- time

TEST(Timeout, ends_a_call_that_nobody_answers) {
  Ranks ranks(2, "TIMEOUT_MS=500");
  ranks.run([](int rank, tuttiComm_t comm) {  // connected: opening has a limit of its own
    int value = 0;
    EXPECT_OK(rank == 1 ? tuttiSend(&value, 1, tuttiInt32, 0, comm, nullptr)
                        : tuttiRecv(&value, 1, tuttiInt32, 1, comm, nullptr),
              comm);
  });
  int value = 0;
  EXPECT_EQ(tuttiRecv(&value, 1, tuttiInt32, 1, ranks.comm(0), nullptr), tuttiTimeout);
  EXPECT_THAT(tuttiGetLastError(ranks.comm(0)), HasSubstr("rank 1"));
}

}  // namespace
}  // namespace tutti_tests
