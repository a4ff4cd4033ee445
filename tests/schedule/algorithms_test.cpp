// Every algorithm of the registry, proved for every size and every root.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "schedule/algorithms/algorithm.hpp"
#include "schedule/verify.hpp"

namespace tutti {
namespace {

std::vector<int> sizes() {
  std::vector<int> all;
  for (int size = 1; size <= 33; ++size) all.push_back(size);
  all.insert(all.end(), {48, 64, 100, 128});
  return all;
}

/// Proves the algorithm for the shape, and that its row claims no more than is true.
void prove(const Algorithm& algorithm, const Shape& shape) {
  const Verdict verdict = verify(algorithm.collective, make_programs(algorithm, shape), shape.root);
  ASSERT_TRUE(verdict.proved) << shape.size << " ranks, root " << shape.root << ": " << verdict.reason;
  if (algorithm.pipelines) {
    ASSERT_TRUE(verdict.pipelines) << shape.size << " ranks";
  }
  if (algorithm.reproducible) {
    ASSERT_TRUE(verdict.reproducible) << shape.size << " ranks";
  }
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {};

TEST_P(EveryAlgorithm, is_proved_for_every_size_and_root) {
  const Algorithm& algorithm = GetParam();
  for (const int size : sizes()) {
    const int roots = has_root(algorithm.collective) ? size : 1;
    for (Rank root = 0; root < roots; ++root) {
      const Shape shape{.size = size, .root = root};
      if (!algorithm.applies(shape)) continue;
      prove(algorithm, shape);
      if (HasFatalFailure()) return;
    }
  }
}

std::string name_of_case(const testing::TestParamInfo<Algorithm>& info) {
  return std::string(name_of(info.param.collective)) + "_" + std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithm,
                         testing::ValuesIn(algorithms().begin(), algorithms().end()), name_of_case);

}  // namespace
}  // namespace tutti
