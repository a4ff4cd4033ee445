// What ranks tell each other when they join: it survives the way, cut and changed bytes are refused or
// harmless, and what follows from it is the same on every rank.
#include "comm/rank_info.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"

namespace tutti {
namespace {

using testing::ElementsAre;

RankInfo example() {
  RankInfo info;
  info.host = "a boot/4026531840";
  info.cores = {0, 1, 17};
  info.pid = 4711;
  info.control_address = "10.0.0.1:2222";
  info.addresses = {{"shm", std::string("\0binary\xff", 8)}, {"tcp", "10.0.0.1:3333"}};
  info.settings = {{"LANES", "2"}, {"TRANSPORT", ""}};
  info.costs = "version 3\n";
  return info;
}

RankInfo on(std::string host, std::vector<int> cores = {0}) {
  RankInfo info;
  info.host = std::move(host);
  info.cores = std::move(cores);
  return info;
}

void expect_equal(const RankInfo& a, const RankInfo& b) {
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.cores, b.cores);
  EXPECT_EQ(a.pid, b.pid);
  EXPECT_EQ(a.control_address, b.control_address);
  EXPECT_EQ(a.addresses, b.addresses);
  EXPECT_EQ(a.settings, b.settings);
  EXPECT_EQ(a.costs, b.costs);
}

TEST(RankInfo, survives_the_way_as_text) {
  expect_equal(rank_info_from_text(to_text(example())), example());
  expect_equal(rank_info_from_text(to_text(RankInfo{})), RankInfo{});
}

TEST(RankInfo, cut_anywhere_is_refused) {
  const std::string whole = to_text(example());
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW((void)rank_info_from_text(whole.substr(0, length)), Error) << length;
}

TEST(RankInfo, with_changed_bytes_is_refused_or_read_and_nothing_else) {
  const std::string whole = to_text(example());
  std::mt19937_64 random(20);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (auto changes = 1 + random() % 4; changes > 0; --changes)
      text[random() % text.size()] = static_cast<char>(random());
    try {
      const RankInfo info = rank_info_from_text(text);
      EXPECT_LE(info.cores.size() * sizeof(int), text.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::internal_error);
    }
  }
}

TEST(RankInfo, describes_this_process) {
  Settings settings;
  settings.set("LANES", "3");
  const RankInfo info = describe_this_process(settings);
  EXPECT_EQ(info.pid, ::getpid());
  EXPECT_FALSE(info.cores.empty());
  EXPECT_EQ(info.host, describe_this_process(settings).host);
  EXPECT_EQ(info.settings.at("LANES"), "3");
  EXPECT_EQ(info.settings.count("SPIN_US"), 0U);  // everybody's own business
  settings.set("HOSTID", "another");
  EXPECT_EQ(describe_this_process(settings).host, "another");
}

TEST(Agreeing, takes_what_rank_0_has_and_leaves_the_rest) {
  Settings first;
  first.set("ALGORITHM", "ring");
  first.set("SPIN_US", "7");
  Settings second;
  second.set("CHUNK", "4096");
  second.set("SPIN_US", "9");
  agree(second, describe_this_process(first).settings);
  EXPECT_EQ(second.algorithm, "ring");
  EXPECT_EQ(second.chunk_bytes, first.chunk_bytes);
  EXPECT_EQ(second.spin_us, 9);
}

TEST(Hosts, are_numbered_as_they_appear) {
  EXPECT_THAT(hosts_of({on("b"), on("a"), on("b"), on("c"), on("a")}), ElementsAre(0, 1, 0, 2, 1));
  EXPECT_THAT(hosts_of({}), ElementsAre());
}

TEST(Hosts, know_how_many_ranks_share_a_core) {
  const std::vector<RankInfo> infos{on("a", {0, 1}), on("a", {0, 1}), on("a", {1}), on("b", {0, 1, 2, 3})};
  const std::vector<int> host_of = hosts_of(infos);
  EXPECT_DOUBLE_EQ(ranks_per_core(infos, host_of, 0), 1.5);
  EXPECT_DOUBLE_EQ(ranks_per_core(infos, host_of, 1), 0.25);
}

}  // namespace
}  // namespace tutti
