// Ring. Every rank sends to its right neighbour only, rank + 1, and hears from its left one, rank - 1.
//
// Reduce-scatter: the partial sum of block b starts at rank b + 1 and travels once around, each rank adding
// its own contribution, until it is complete at rank b. All n partial sums are under way at once, one at each
// rank. All-gather: the same journey, copying. All-reduce: the one after the other. Every link carries the
// least that any algorithm can make it carry, in n - 1 steps each.
//
// P. Patarasuk, X. Yuan: Bandwidth optimal all-reduce algorithms for clusters of workstations. Journal of
// Parallel and Distributed Computing, 2009.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program ring_reduce_scatter(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const Rank left = wrap(rank - 1, size);
  const Rank right = wrap(rank + 1, size);
  Program program(size, size - 1);
  for (int step = 0; step < size - 1; ++step) {
    program.round(step);
    program.send(wrap(rank - 1 - step, size), right);
    program.reduce(left, wrap(rank - 2 - step, size), step == size - 2);
  }
  return program;
}

Program ring_all_gather(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const Rank left = wrap(rank - 1, size);
  const Rank right = wrap(rank + 1, size);
  Program program(size, size - 1);
  for (int step = 0; step < size - 1; ++step) {
    program.round(step);
    program.send(wrap(rank - step, size), right);
    program.receive(left, wrap(rank - 1 - step, size));
  }
  return program;
}

Program ring_all_reduce(const Shape& shape, Rank rank) {
  const int steps = shape.size - 1;
  const std::vector<Rank> everyone = all_ranks(shape.size);
  Program program(shape.size, 2 * steps);
  program.append(ring_reduce_scatter(shape, rank), everyone, same_block, 0, true);
  program.append(ring_all_gather(shape, rank), everyone, same_block, steps, true);
  return program;
}

}  // namespace tutti
