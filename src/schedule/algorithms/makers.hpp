// Every algorithm's maker, by file: what the registry lists and what other algorithms are composed of.
//
// A maker is pure. It wants 0 <= rank, root < shape.size, and a shape to which its registry row applies.
#pragma once

#include "schedule/algorithms/algorithm.hpp"

namespace tutti {

// ring.cpp
[[nodiscard]] Program ring_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program ring_all_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program ring_all_reduce(const Shape& shape, Rank rank);

// tree.cpp (the double binary tree)
[[nodiscard]] Program tree_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program tree_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program tree_broadcast(const Shape& shape, Rank rank);

// recursive_doubling.cpp
[[nodiscard]] Program recursive_doubling_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program recursive_doubling_all_gather(const Shape& shape, Rank rank);  // powers of two

// recursive_halving.cpp
[[nodiscard]] Program recursive_halving_reduce_scatter(const Shape& shape, Rank rank);

// rabenseifner.cpp
[[nodiscard]] Program rabenseifner_all_reduce(const Shape& shape, Rank rank);

// bruck.cpp
[[nodiscard]] Program bruck_all_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program bruck_all_to_all(const Shape& shape, Rank rank);

// pat.cpp
[[nodiscard]] Program pat_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program pat_all_gather(const Shape& shape, Rank rank);

// pairwise.cpp
[[nodiscard]] Program pairwise_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program pairwise_all_to_all(const Shape& shape, Rank rank);

// binomial.cpp
[[nodiscard]] Program binomial_broadcast(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_scatter(const Shape& shape, Rank rank);

// chain.cpp
[[nodiscard]] Program chain_broadcast(const Shape& shape, Rank rank);
[[nodiscard]] Program chain_reduce(const Shape& shape, Rank rank);

// scatter_all_gather.cpp
[[nodiscard]] Program scatter_all_gather_broadcast(const Shape& shape, Rank rank);

// direct.cpp
[[nodiscard]] Program direct_all_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program direct_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program direct_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program direct_all_to_all(const Shape& shape, Rank rank);

// one_shot.cpp
[[nodiscard]] Program one_shot_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program one_shot_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program one_shot_broadcast(const Shape& shape, Rank rank);
[[nodiscard]] Program one_shot_all_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program one_shot_barrier(const Shape& shape, Rank rank);

// two_shot.cpp
[[nodiscard]] Program two_shot_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program two_shot_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program two_shot_reduce(const Shape& shape, Rank rank);

// dissemination.cpp
[[nodiscard]] Program dissemination_barrier(const Shape& shape, Rank rank);

// hierarchical.cpp: a shape of two levels
[[nodiscard]] Program hierarchical_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_all_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_ring_all_reduce(const Shape& shape, Rank rank);      // equal hosts
[[nodiscard]] Program hierarchical_ring_reduce_scatter(const Shape& shape, Rank rank);  // equal hosts
[[nodiscard]] Program hierarchical_ring_all_gather(const Shape& shape, Rank rank);      // equal hosts

// hierarchical_leaders.cpp: any shape
[[nodiscard]] Program hierarchical_leaders_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_broadcast(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program hierarchical_barrier(const Shape& shape, Rank rank);

}  // namespace tutti
