// Every algorithm that knows of hosts, proved for layouts of many kinds.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/algorithms/hosts.hpp"
#include "schedule/prove.hpp"

namespace tutti {
namespace {

struct Layout {
  std::string name;
  std::vector<int> host_of;

  [[nodiscard]] Shape shape() const { return {.size = static_cast<int>(host_of.size()), .host_of = host_of}; }
};

/// Ranks in order of hosts: in_a_row({3, 1}) is 0 0 0 1.
std::vector<int> in_a_row(const std::vector<int>& sizes) {
  std::vector<int> host_of;
  for (std::size_t host = 0; host < sizes.size(); ++host) {
    host_of.insert(host_of.end(), static_cast<std::size_t>(sizes[host]), static_cast<int>(host));
  }
  return host_of;
}

/// Ranks dealt out to hosts like cards: 0 1 2 0 1 2.
std::vector<int> dealt(int hosts, int per_host) {
  std::vector<int> host_of;
  for (int rank = 0; rank < hosts * per_host; ++rank) host_of.push_back(rank % hosts);
  return host_of;
}

std::vector<Layout> layouts() {
  return {
      {"two_by_two", in_a_row({2, 2})},
      {"two_by_three", in_a_row({3, 3})},
      {"three_by_two", in_a_row({2, 2, 2})},
      {"four_by_eight", in_a_row({8, 8, 8, 8})},
      {"seven_by_four", in_a_row({4, 4, 4, 4, 4, 4, 4})},
      {"sixteen_by_eight", in_a_row(std::vector<int>(16, 8))},
      {"three_and_one", in_a_row({3, 1})},
      {"one_and_two_and_five", in_a_row({1, 2, 5})},
      {"five_ones_and_a_two", in_a_row({1, 1, 1, 2, 1, 1})},
      {"dealt_to_two", dealt(2, 4)},
      {"dealt_to_three", dealt(3, 3)},
      {"mirrored", {0, 1, 1, 0, 0, 1, 1, 0}},
      {"mixed_and_unequal", {1, 0, 1, 2, 0, 1, 1, 0, 2, 1}},
      {"host_numbers_with_gaps", {7, 7, 3, 3, 9, 9}},
  };
}

class EveryLayout : public testing::TestWithParam<Layout> {};

TEST_P(EveryLayout, is_proved_for_every_root) {
  int applied = 0;
  for (const Algorithm& algorithm : algorithms()) {
    if (algorithm.name.substr(0, 12) != "hierarchical") continue;
    const bool wants_equal_hosts = algorithm.name == "hierarchical_ring";
    const bool applies = algorithm.applies(GetParam().shape());
    ASSERT_TRUE(applies || wants_equal_hosts) << algorithm.name;
    if (!applies) continue;
    prove_every_root(algorithm, GetParam().shape());
    if (HasFatalFailure()) return;
    ++applied;
  }
  EXPECT_GE(applied, 7);
}

INSTANTIATE_TEST_SUITE_P(Hierarchical, EveryLayout, testing::ValuesIn(layouts()),
                         [](const auto& layout) { return layout.param.name; });

TEST(Hierarchical, does_not_apply_to_a_single_level) {
  for (const Algorithm& algorithm : algorithms()) {
    if (algorithm.name.substr(0, 12) != "hierarchical") continue;
    EXPECT_FALSE(algorithm.applies({.size = 4})) << "no hosts given";
    EXPECT_FALSE(algorithm.applies({.size = 4, .host_of = {0, 0, 0, 0}})) << "one host";
    EXPECT_FALSE(algorithm.applies({.size = 4, .host_of = {0, 1, 2, 3}})) << "one rank a host";
    EXPECT_FALSE(algorithm.applies({.size = 1, .host_of = {0}}));
  }
}

// Of an all-reduce among equal hosts, every rank sends its own share over the network: not one rank sends it
// all.
class EveryColumn : public testing::TestWithParam<std::string> {};

TEST_P(EveryColumn, shares_the_network_among_the_ranks_of_a_host) {
  const Shape shape{.size = 6, .host_of = in_a_row({3, 3})};
  for (Rank rank = 0; rank < shape.size; ++rank) {
    const Program program = find_algorithm(Collective::all_reduce, GetParam())->make(shape, rank);
    std::size_t sent_abroad = 0;
    for (const Operation& operation : program.operations()) {
      if (operation.action != Action::send) continue;
      for (const Rank peer : operation.peers) {
        if (shape.host_of.at(peer) != shape.host_of.at(rank)) sent_abroad += operation.blocks.size();
      }
    }
    // A third of the buffer each, of which two hosts exchange half to reduce it and half to gather it.
    EXPECT_EQ(3 * sent_abroad, static_cast<std::size_t>(program.blocks())) << "rank " << rank;
  }
}

INSTANTIATE_TEST_SUITE_P(Hierarchical, EveryColumn, testing::Values("hierarchical", "hierarchical_ring"),
                         [](const auto& name) { return name.param; });

TEST(Hosts, are_numbered_by_their_lowest_rank) {
  const Hosts hosts({.size = 5, .host_of = {4, 2, 4, 2, 4}});
  EXPECT_EQ(hosts.count(), 2);
  EXPECT_EQ(hosts.ranks_on(0), (std::vector{0, 2, 4}));
  EXPECT_EQ(hosts.ranks_on(1), (std::vector{1, 3}));
  EXPECT_EQ(hosts.host_of(3), 1);
  EXPECT_EQ(hosts.index_of(4), 2);
  EXPECT_FALSE(hosts.equal());
  EXPECT_TRUE(hosts.two_levels());
}

}  // namespace
}  // namespace tutti
