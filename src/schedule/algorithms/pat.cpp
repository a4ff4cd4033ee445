// PAT: parallel aggregated trees. Every block has a binomial tree of its own, rooted at its owner and turned
// around the ring of ranks, and all n trees are walked in parallel: in the round of `distance`, every rank
// has the same part to play for as many trees as there are, and what goes to the same peer goes as one
// message.
//
// All-gather: down all trees, the farthest distance first, so that the many blocks of the last rounds go to
// near neighbours and the one block of the first goes far. Reduce-scatter: up all trees, the nearest first.
// log2(n) rounds, rounded up, for any number of ranks, and every rank sends and receives just n - 1 blocks.
//
// (The paper also says how to walk the trees with a bounded buffer; here all blocks of a round go at once.)
//
// S. Jeaugey: PAT: a new algorithm for all-gather and reduce-scatter operations at scale. arXiv 2506.20252,
// 2025.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

/// The blocks in whose trees `rank` has a child `distance` after it. Its place in a block's tree is how far
/// it is after the owner.
std::vector<Block> with_child(Rank rank, int distance, int size) {
  std::vector<Block> blocks;
  for (int place = 0; place + distance < size; place += 2 * distance) {
    blocks.push_back(wrap(rank - place, size));
  }
  return blocks;
}

}  // namespace

Program pat_all_gather(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const int rounds = doublings_to(size);
  Program program(size, rounds);
  for (int round = 0; round < rounds; ++round) {
    const int distance = 1 << (rounds - 1 - round);
    const Rank child = wrap(rank + distance, size);
    const Rank parent = wrap(rank - distance, size);
    program.round(round);
    program.send(with_child(rank, distance, size), {child});
    program.receive(parent, with_child(parent, distance, size));
  }
  return program;
}

Program pat_reduce_scatter(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const int rounds = doublings_to(size);
  Program program(size, rounds);
  for (int round = 0; round < rounds; ++round) {
    const int distance = 1 << round;
    const Rank child = wrap(rank + distance, size);
    const Rank parent = wrap(rank - distance, size);
    program.round(round);
    program.send(with_child(parent, distance, size), {parent});
    program.reduce({child}, with_child(rank, distance, size), round == rounds - 1);
  }
  return program;
}

}  // namespace tutti
