// Hierarchical algorithms by leaders, for hosts with any numbers of ranks; hierarchical.cpp uses them where
// columns cannot be formed.
#pragma once

#include "schedule/algorithms/algorithm.hpp"

namespace tutti {

/// `between`: the same collective among the leaders.
using BetweenLeaders = Program (*)(const Shape& shape, Rank rank);

[[nodiscard]] Program leaders_all_reduce(const Shape& shape, Rank rank, BetweenLeaders between);
[[nodiscard]] Program leaders_reduce_scatter(const Shape& shape, Rank rank, BetweenLeaders between);
[[nodiscard]] Program leaders_all_gather(const Shape& shape, Rank rank, BetweenLeaders between);

}  // namespace tutti
