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

// recursive_doubling.cpp
[[nodiscard]] Program recursive_doubling_all_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program recursive_doubling_all_gather(const Shape& shape, Rank rank);  // powers of two

// pairwise.cpp
[[nodiscard]] Program pairwise_reduce_scatter(const Shape& shape, Rank rank);
[[nodiscard]] Program pairwise_all_to_all(const Shape& shape, Rank rank);

// binomial.cpp
[[nodiscard]] Program binomial_broadcast(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_reduce(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_gather(const Shape& shape, Rank rank);
[[nodiscard]] Program binomial_scatter(const Shape& shape, Rank rank);

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

}  // namespace tutti
