// The cost model: how long programs take on a machine of known costs. All ranks' programs are followed round
// by round, with a clock a rank; no bytes move. See docs/design.md for the model.
#pragma once

#include <vector>

#include "schedule/algorithms/algorithm.hpp"
#include "select/costs.hpp"

namespace tutti {

/// What is priced: an algorithm's programs for all ranks, and how they would be executed.
struct Bid {
  const std::vector<Program>& programs;  // by rank
  std::size_t block_bytes;               // of every block
  std::size_t chunk_bytes;
  bool pipelines;
};

/// Where it would run.
struct Ground {
  std::vector<int> host_of;   // per rank
  bool shared_memory = true;  // ranks of one host have it
  double ranks_per_core = 1;  // at least 1
  Costs costs;
  bool rdma = false;  // joins hosts; else TCP does
};

/// Nanoseconds until the last rank is done.
[[nodiscard]] double price(const Bid& bid, const Ground& ground);

}  // namespace tutti
