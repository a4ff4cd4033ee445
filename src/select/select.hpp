// The selector: prices every algorithm that fits, with the chunk size that suits it, and takes the cheapest.
// A pure function of what all ranks know alike, so that all choose the same.
#pragma once

#include <string>

#include "schedule/algorithms/algorithm.hpp"
#include "select/price.hpp"

namespace tutti {

/// What the choice depends on, beside the call; the same on every rank of the communicator.
struct Situation {
  int size = 1;
  Ground ground;
  std::size_t largest_chunk = 64 << 10;  // what every wire's slots can hold
  bool reproducible = false;
  std::string algorithm;        // forced, where the collective has it; empty: free
  int lanes = 0;                // forced; 0: free
  std::size_t chunk_bytes = 0;  // forced; 0: free
};

struct Request {
  Collective collective = Collective::all_reduce;
  Rank root = 0;
  std::size_t total_bytes = 0;       // of the buffer that holds all shares
  bool lengths_are_private = false;  // all-to-all of a vector: ranks do not know each other's counts
};

struct Choice {
  const Algorithm* algorithm = nullptr;
  int lanes = 1;
  std::size_t chunk_bytes = 64 << 10;
  bool pipelines = false;
  double expected_ns = 0;
  std::string why;  // one line for the log: what, and what else was priced
};

/// Throws invalid_usage when nothing fits (a forced algorithm that no collective has; reproducible reductions
/// only by ...).
[[nodiscard]] Choice choose(const Situation& situation, const Request& request);

}  // namespace tutti
