// Bruck. log2(n) rounds, rounded up, for any number of ranks.
//
// All-gather: a rank holds its own block and a run of the blocks after it; in round k it sends the whole run
// (or what is still wanted of it) to the rank 2^k before it, and gets as much from the rank 2^k after it; so
// the run doubles.
//
// All-to-all: a block on its way from rank s to rank d has d - s places to go (around the ring of ranks); in
// round k, each block whose way has 2^k in it (bit k is set) makes that leap. Every block travels as many
// times as its way has bits, so it is for blocks so small that messages are what costs.
//
// J. Bruck, C.-T. Ho, S. Kipnis, E. Upfal, D. Weathersby: Efficient algorithms for all-to-all communications
// in multiport message-passing systems. IEEE Transactions on Parallel and Distributed Systems, 1997.
#include <algorithm>

#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program bruck_all_gather(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const auto run = [&](Rank first, int count) {
    std::vector<Block> blocks;
    for (int step = 0; step < count; ++step) blocks.push_back(wrap(first + step, size));
    return blocks;
  };
  Program program(size, doublings_to(size));
  for (int distance = 1, round = 0; distance < size; distance *= 2, ++round) {
    const int count = std::min(distance, size - distance);
    const Rank to = wrap(rank - distance, size);
    const Rank from = wrap(rank + distance, size);
    program.round(round);
    program.send(run(rank, count), {to});
    program.receive(from, run(from, count));
  }
  return program;
}

Program bruck_all_to_all(const Shape& shape, Rank rank) {
  const int size = shape.size;
  // What leaps the distance from `place`, in order of the ways' lengths: the way's smaller bits are behind
  // it.
  const auto leaping = [&](Rank place, int distance) {
    std::vector<Block> blocks;
    for (int way = distance; way < size; ++way) {
      if ((way & distance) == 0) continue;
      const Rank source = wrap(place - way % distance, size);
      const Rank destination = wrap(source + way, size);
      blocks.push_back(source * size + destination);
    }
    return blocks;
  };
  Program program(size * size, doublings_to(size));
  for (int distance = 1, round = 0; distance < size; distance *= 2, ++round) {
    const Rank to = wrap(rank + distance, size);
    const Rank from = wrap(rank - distance, size);
    program.round(round);
    program.send(leaping(rank, distance), {to});
    program.receive(from, leaping(from, distance));
  }
  return program;
}

}  // namespace tutti
