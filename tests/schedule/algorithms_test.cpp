// Every algorithm of the registry, proved for every size and every root.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/thinned.hpp"
#include "schedule/prove.hpp"

namespace tutti {
namespace {

std::vector<int> sizes() {
  std::vector<int> all;
  for (int size = 1; size <= (kThinned ? 17 : 33); ++size) all.push_back(size);
  if (!kThinned) all.insert(all.end(), {48, 64, 100, 128});
  return all;
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {
 protected:
  const Algorithm& algorithm = GetParam();
};

TEST_P(EveryAlgorithm, is_proved_for_every_size_and_root) {
  for (const int size : sizes()) {
    const Shape shape{.size = size};
    if (algorithm.applies(shape)) prove_every_root(algorithm, shape);
    if (HasFatalFailure()) return;
  }
}

// What makes shapes of two levels apply is the business of hierarchical_test; here they are part of every
// size.
TEST_P(EveryAlgorithm, is_proved_with_four_ranks_a_host) {
  for (const int size : sizes()) {
    if (size > 33) break;
    Shape shape{.size = size};
    for (Rank rank = 0; rank < size; ++rank) shape.host_of.push_back(rank / 4);
    if (algorithm.applies(shape)) prove_every_root(algorithm, shape);
    if (HasFatalFailure()) return;
  }
}

TEST_P(EveryAlgorithm, has_nothing_to_do_for_one_rank) {
  const Shape alone{.size = 1};
  if (!algorithm.applies(alone)) return;
  EXPECT_TRUE(algorithm.make(alone, 0).operations().empty());
}

TEST_P(EveryAlgorithm, is_found_by_its_name) {
  const Algorithm* found = find_algorithm(algorithm.collective, algorithm.name);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->make, algorithm.make);
}

std::string name_of_case(const testing::TestParamInfo<Algorithm>& info) {
  return std::string(name_of(info.param.collective)) + "_" + std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithm,
                         testing::ValuesIn(algorithms().begin(), algorithms().end()), name_of_case);

TEST(Registry, names_no_algorithm_of_a_collective_twice) {
  std::set<std::pair<Collective, std::string_view>> names;
  for (const Algorithm& algorithm : algorithms()) {
    EXPECT_TRUE(names.emplace(algorithm.collective, algorithm.name).second) << algorithm.name;
  }
}

TEST(Registry, serves_every_collective_for_any_shape) {
  for (int index = 0; index < kCollectives; ++index) {
    const auto collective = static_cast<Collective>(index);
    if (collective == Collective::send_receive) continue;  // its programs are made from the group's calls
    bool served = false;
    for (const Algorithm& algorithm : algorithms()) {
      served |= algorithm.collective == collective && algorithm.applies({.size = 7});
    }
    EXPECT_TRUE(served) << name_of(collective);
  }
}

TEST(Registry, has_a_reproducible_algorithm_for_every_reduction) {
  for (const Collective collective :
       {Collective::all_reduce, Collective::reduce, Collective::reduce_scatter}) {
    bool served = false;
    for (const Algorithm& algorithm : algorithms()) {
      served |=
          algorithm.collective == collective && algorithm.reproducible && algorithm.applies({.size = 7});
    }
    EXPECT_TRUE(served) << name_of(collective);
  }
}

TEST(Registry, knows_no_other_names) {
  EXPECT_EQ(find_algorithm(Collective::all_reduce, "rings"), nullptr);
  EXPECT_EQ(find_algorithm(Collective::barrier, "ring"), nullptr);
}

}  // namespace
}  // namespace tutti
