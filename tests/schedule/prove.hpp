// Proving an algorithm of the registry for one shape.
#pragma once

#include <gtest/gtest.h>

#include "schedule/algorithms/algorithm.hpp"
#include "schedule/verify.hpp"

namespace tutti {

/// Fails the test unless the algorithm is right for the shape and its row claims no more than is true.
inline void prove(const Algorithm& algorithm, const Shape& shape) {
  const Verdict verdict = verify(algorithm.collective, make_programs(algorithm, shape), shape.root);
  ASSERT_TRUE(verdict.proved) << name_of(algorithm.collective) << " by " << algorithm.name << ", "
                              << shape.size << " ranks, root " << shape.root << ": " << verdict.reason;
  ASSERT_TRUE(verdict.reason.empty());
  if (algorithm.pipelines) {
    ASSERT_TRUE(verdict.pipelines) << shape.size << " ranks: its messages are not cut alike";
  }
  if (algorithm.reproducible) {
    ASSERT_TRUE(verdict.reproducible) << shape.size << " ranks: a block is reduced in several passes";
  }
}

inline void prove_every_root(const Algorithm& algorithm, Shape shape) {
  const int roots = has_root(algorithm.collective) ? shape.size : 1;
  for (shape.root = 0; shape.root < roots && !testing::Test::HasFatalFailure(); ++shape.root) {
    prove(algorithm, shape);
  }
}

}  // namespace tutti
