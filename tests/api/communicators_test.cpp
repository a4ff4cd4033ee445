// How communicators are made, shaped, split and ended, and what is known of them.
#include <algorithm>
#include <cstring>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

int rank_of(tuttiComm_t comm) {
  int rank = -1;
  EXPECT_OK(tuttiCommUserRank(comm, &rank), comm);
  return rank;
}

int size_of(tuttiComm_t comm) {
  int size = -1;
  EXPECT_OK(tuttiCommCount(comm, &size), comm);
  return size;
}

/// The members' numbers in the old communicator, in the order of the new one.
std::vector<int> members(tuttiComm_t comm, int old_rank) {
  std::vector<int> all(static_cast<std::size_t>(size_of(comm)), -1);
  EXPECT_OK(tuttiAllGather(&old_rank, all.data(), 1, tuttiInt32, comm, nullptr), comm);
  return all;
}

TEST(Communicators, know_their_size_and_rank) {
  Ranks ranks(3);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(rank_of(ranks.comm(rank)), rank);
    EXPECT_EQ(size_of(ranks.comm(rank)), 3);
  }
}

TEST(Communicators, start_from_the_environment_alone) {
  for (int time = 0; time < 2; ++time) {
    tuttiComm_t comm = nullptr;
    EXPECT_OK(tuttiCommInitFromEnv(&comm), nullptr);
    EXPECT_EQ(size_of(comm), 1);
    EXPECT_EQ(members(comm, 5), std::vector{5});
    EXPECT_OK(tuttiCommDestroy(comm), nullptr);
  }
}

TEST(Communicators, say_farewell_once) {
  Ranks ranks(2);
  ranks.expect_usable();
  ranks.run([](int, tuttiComm_t comm) { EXPECT_OK(tuttiCommFinalize(comm), comm); });
  EXPECT_EQ(size_of(ranks.comm(1)), 2);  // and are destroyed afterwards
}

TEST(Communicators, refuse_calls_after_the_farewell) {
  Ranks ranks(2);
  ranks.expect_usable();  // and with it a cached plan
  ranks.run([](int, tuttiComm_t comm) {
    EXPECT_OK(tuttiCommFinalize(comm), comm);
    int value = 1;
    EXPECT_EQ(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, comm, nullptr), tuttiInvalidUsage);
    EXPECT_THAT(tuttiGetLastError(comm), testing::HasSubstr("tuttiCommFinalize"));
    tuttiComm_t part = nullptr;
    EXPECT_EQ(tuttiCommSplit(comm, 0, 0, &part, nullptr), tuttiInvalidUsage);
  });
}

// --- split

TEST(Split, groups_by_color_and_orders_by_key) {
  Ranks ranks(5);
  ranks.run([](int rank, tuttiComm_t comm) {
    tuttiComm_t part = nullptr;
    EXPECT_OK(tuttiCommSplit(comm, rank % 2, -rank, &part, nullptr), comm);
    const std::vector<int> wanted = rank % 2 == 0 ? std::vector{4, 2, 0} : std::vector{3, 1};
    EXPECT_EQ(members(part, rank), wanted);
    EXPECT_EQ(members(comm, rank), (std::vector{0, 1, 2, 3, 4}));  // the parent goes on
    tuttiComm_t half = nullptr;  // a split of a split; equal keys keep the order
    EXPECT_OK(tuttiCommSplit(part, rank >= 2 ? 1 : 0, 7, &half, nullptr), part);
    if (rank >= 2 && rank % 2 == 0) {
      EXPECT_EQ(members(half, rank), (std::vector{4, 2}));
    }
    if (rank < 2) {
      EXPECT_EQ(members(half, rank), std::vector{rank});
    }
    EXPECT_OK(tuttiCommDestroy(part), nullptr);
    EXPECT_EQ(size_of(half), static_cast<int>(members(half, rank).size()));  // outlives its parent
    EXPECT_OK(tuttiCommDestroy(half), nullptr);
  });
}

TEST(Split, leaves_out_ranks_without_a_color) {
  Ranks ranks(3);
  ranks.run([](int rank, tuttiComm_t comm) {
    auto* part = comm;
    EXPECT_OK(tuttiCommSplit(comm, rank == 1 ? TUTTI_SPLIT_NOCOLOR : 0, 0, &part, nullptr), comm);
    if (rank == 1) {
      EXPECT_EQ(part, nullptr);
    }
    if (rank != 1) {
      EXPECT_EQ(members(part, rank), (std::vector{0, 2}));
    }
    EXPECT_OK(tuttiCommDestroy(part), nullptr);
  });
  ranks.expect_usable();
}

TEST(Split, takes_a_config) {
  Ranks ranks(2);
  ranks.run([](int rank, tuttiComm_t comm) {
    tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
    config.transport = "tcp";
    config.algorithm = "ring";
    tuttiComm_t part = nullptr;
    EXPECT_OK(tuttiCommSplit(comm, 0, 0, &part, &config), comm);
    EXPECT_EQ(members(part, rank), (std::vector{0, 1}));
    EXPECT_OK(tuttiCommDestroy(part), nullptr);
  });
}

TEST(Split, refuses_bad_arguments_and_goes_on) {
  Ranks ranks(2);
  ranks.run([](int, tuttiComm_t comm) {
    tuttiComm_t part = comm;
    EXPECT_EQ(tuttiCommSplit(comm, -2, 0, &part, nullptr), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(comm),
                testing::AllOf(testing::HasSubstr("color"), testing::HasSubstr("-2")));
    EXPECT_EQ(part, nullptr);
    EXPECT_EQ(tuttiCommSplit(comm, 0, 0, nullptr, nullptr), tuttiInvalidArgument);
    EXPECT_OK(tuttiGroupStart(), nullptr);
    EXPECT_EQ(tuttiCommSplit(comm, 0, 0, &part, nullptr), tuttiInvalidUsage);
    EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage);
  });
  ranks.expect_usable();
}

// --- config

TEST(Config, shapes_each_communicator_on_its_own) {
  Ranks over_tcp(3, "TRANSPORT=tcp;ALGORITHM=ring;LANES=2;CHUNK=4096");
  Ranks over_memory(3, "TRANSPORT=shm;ALGORITHM=tree;CHUNK=1024");
  in_threads(3, [&](int rank) {
    for (int round = 0; round < 3; ++round) {
      std::vector<int> first(20'000, rank + 1), second(20'000, 2 * (rank + 1));
      EXPECT_OK(tuttiAllReduce(first.data(), first.data(), first.size(), tuttiInt32, tuttiSum,
                               over_tcp.comm(rank), nullptr),
                over_tcp.comm(rank));
      EXPECT_OK(tuttiAllReduce(second.data(), second.data(), second.size(), tuttiInt32, tuttiSum,
                               over_memory.comm(rank), nullptr),
                over_memory.comm(rank));
      EXPECT_THAT(first, testing::Each(6));
      EXPECT_THAT(second, testing::Each(12));
    }
  });
}

TEST(Config, takes_every_field) {
  tuttiUniqueId id;
  EXPECT_OK(tuttiGetUniqueId(&id), nullptr);
  in_threads(2, [&](int rank) {
    const std::string host = "host" + std::to_string(rank);  // two hosts: tcp between them
    tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
    config.algorithm = "two_shot";
    config.lanes = 2;
    config.chunkBytes = 8192;
    config.reproducible = 1;
    config.timeoutMs = 50'000;
    config.initTimeoutMs = 40'000;
    config.hostId = host.c_str();
    config.socketInterfaces = "=lo";
    config.settings = "SPIN_US=0;LANES=3";  // the field goes before
    config.commName = "all fields";
    tuttiComm_t comm = nullptr;
    EXPECT_OK(tuttiCommInitRankConfig(&comm, 2, id, rank, &config), nullptr);
    EXPECT_EQ(members(comm, rank), (std::vector{0, 1}));
    EXPECT_OK(tuttiCommDestroy(comm), nullptr);
  });
}

TEST(Config, names_the_communicator_in_its_errors) {
  Ranks ranks(1, "COMM_NAME=pipeline stage 3");
  int value = 0;
  EXPECT_EQ(
      tuttiAllReduce(&value, &value, 1, tuttiInt32, static_cast<tuttiRedOp_t>(99), ranks.comm(0), nullptr),
      tuttiInvalidArgument);
  EXPECT_THAT(tuttiGetLastError(ranks.comm(0)),
              testing::StartsWith("communicator \"pipeline stage 3\": op: 99"));
}

/// Why a config is refused.
std::string refusal(const tuttiConfig_t& config) {
  auto* comm = reinterpret_cast<tuttiComm_t>(1);  // must become NULL
  EXPECT_EQ(tuttiCommInitFromEnvConfig(&comm, &config), tuttiInvalidArgument);
  EXPECT_EQ(comm, nullptr);
  return tuttiGetLastError(nullptr);
}

TEST(Config, is_refused_with_a_sentence_on_the_field) {
  tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
  config.magic = 7;
  EXPECT_THAT(refusal(config), testing::HasSubstr("TUTTI_CONFIG_INITIALIZER"));
  config = TUTTI_CONFIG_INITIALIZER;
  config.size = 8;
  EXPECT_THAT(refusal(config), testing::HasSubstr("size 8"));
  config = TUTTI_CONFIG_INITIALIZER;
  config.transport = "pigeon";
  EXPECT_THAT(refusal(config), testing::AllOf(testing::HasSubstr("TRANSPORT"), testing::HasSubstr("pigeon"),
                                              testing::HasSubstr("shm")));
  config = TUTTI_CONFIG_INITIALIZER;
  config.lanes = -1;
  EXPECT_THAT(refusal(config), testing::AllOf(testing::HasSubstr("LANES"), testing::HasSubstr("-1")));
  config = TUTTI_CONFIG_INITIALIZER;
  config.settings = "NO_SUCH_THING=1";
  EXPECT_THAT(refusal(config), testing::HasSubstr("NO_SUCH_THING"));
  config.settings = "LANES";
  EXPECT_THAT(refusal(config), testing::HasSubstr("LANES"));
}

TEST(Config, unknown_algorithm_names_those_that_there_are) {
  Ranks ranks(2, "ALGORITHM=magic");
  ranks.run([](int, tuttiComm_t comm) {
    int value = 1;
    EXPECT_EQ(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, comm, nullptr), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(comm),
                testing::AllOf(testing::HasSubstr("\"magic\""), testing::HasSubstr("ring"),
                               testing::HasSubstr("two_shot")));
  });
}

// --- joining

TEST(Joining, refuses_bad_arguments) {
  tuttiUniqueId id;
  EXPECT_OK(tuttiGetUniqueId(&id), nullptr);
  tuttiComm_t comm = nullptr;
  EXPECT_EQ(tuttiCommInitRank(&comm, 0, id, 0), tuttiInvalidArgument);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("nranks: 0"));
  for (const int rank : {-1, 2}) {
    EXPECT_EQ(tuttiCommInitRank(&comm, 2, id, rank), tuttiInvalidArgument);
    EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("rank: " + std::to_string(rank)));
  }
  EXPECT_EQ(tuttiCommInitRank(nullptr, 1, id, 0), tuttiInvalidArgument);
  tuttiUniqueId garbage;
  std::memset(&garbage, 0x5a, sizeof garbage);
  EXPECT_EQ(tuttiCommInitRank(&comm, 1, garbage, 0), tuttiInvalidArgument);
  EXPECT_EQ(tuttiGetUniqueId(nullptr), tuttiInvalidArgument);
  EXPECT_EQ(tuttiCommInitAll(nullptr, 1, nullptr), tuttiInvalidArgument);
  EXPECT_EQ(tuttiCommInitAll(&comm, 0, nullptr), tuttiInvalidArgument);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("ndev: 0"));
  const int device = 0;
  EXPECT_EQ(tuttiCommInitAll(&comm, 1, &device), tuttiInvalidArgument);
  EXPECT_EQ(comm, nullptr);
}

TEST(Joining, within_a_group_is_wrong_use) {
  tuttiUniqueId id;
  EXPECT_OK(tuttiGetUniqueId(&id), nullptr);
  tuttiComm_t comm = nullptr;
  EXPECT_OK(tuttiGroupStart(), nullptr);
  EXPECT_EQ(tuttiCommInitRank(&comm, 1, id, 0), tuttiInvalidUsage);
  EXPECT_EQ(tuttiGroupEnd(), tuttiInvalidUsage);
}

TEST(Joining, names_who_is_missing) {
  tuttiUniqueId id;
  EXPECT_OK(tuttiGetUniqueId(&id), nullptr);
  tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
  config.initTimeoutMs = 300;
  tuttiComm_t comm = nullptr;
  EXPECT_EQ(tuttiCommInitRankConfig(&comm, 2, id, 0, &config), tuttiTimeout);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("rank 1"));
}

}  // namespace
}  // namespace tutti_tests
