// The registry of algorithms: each a pure function (shape, rank) -> Program.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "schedule/collective.hpp"
#include "schedule/program.hpp"

namespace tutti {

/// What an algorithm may depend on: the same on every rank.
struct Shape {
  int size = 1;  // ranks
  Rank root = 0;
  std::vector<int> host_of = {};  // per rank its host index; empty: all on one host
};

struct Algorithm {
  std::string_view name;  // "ring", "rabenseifner", …: what TUTTI_ALGORITHM takes
  Collective collective;
  Program (*make)(const Shape& shape, Rank rank);
  /// Whether it is defined for the shape (hierarchical needs two hosts or more, …).
  bool (*applies)(const Shape& shape);
  /// Chunks of successive rounds may overtake in a wavefront: any two operations of a rank that share a block
  /// carry the same list of blocks, so that chunk c of a message depends only on chunk c of messages of
  /// earlier rounds. Otherwise round after round.
  bool pipelines;
  /// Every contribution of a block is reduced in one pass, in rank order: bits depend on nothing but the
  /// inputs. True of every algorithm that does not reduce.
  bool reproducible;
  /// All ranks must share memory (one-shot, two-shot): the selector's hint, not a condition of correctness.
  bool shared_memory;
};

/// Every algorithm of every collective, in a fixed order. The order is no preference.
[[nodiscard]] std::span<const Algorithm> algorithms();
/// nullptr: no such algorithm for this collective.
[[nodiscard]] const Algorithm* find_algorithm(Collective collective, std::string_view name);
/// The programs of all ranks, by rank.
[[nodiscard]] std::vector<Program> make_programs(const Algorithm& algorithm, const Shape& shape);

}  // namespace tutti
