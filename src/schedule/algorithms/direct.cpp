// Direct (linear). Every block goes from where it is to where it is wanted, at once and in one message: a
// single round, every byte on the wire once, and as many messages as there are pairs. Each rank begins with
// its right-hand neighbour, so that the ranks do not all send to the same one first.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program direct_all_gather(const Shape& shape, Rank rank) {
  Program program(shape.size, 1);
  for (int step = 1; step < shape.size; ++step) program.send(rank, wrap(rank + step, shape.size));
  for (int step = 1; step < shape.size; ++step) {
    const Rank from = wrap(rank - step, shape.size);
    program.receive(from, from);
  }
  return program;
}

Program direct_gather(const Shape& shape, Rank rank) {
  Program program(shape.size, 1);
  if (rank != shape.root) {
    program.send(rank, shape.root);
    return program;
  }
  for (const Rank from : ranks_but(shape.root, shape.size)) program.receive(from, from);
  return program;
}

Program direct_scatter(const Shape& shape, Rank rank) {
  Program program(shape.size, 1);
  if (rank != shape.root) {
    program.receive(shape.root, rank);
    return program;
  }
  for (const Rank to : ranks_but(shape.root, shape.size)) program.send(to, to);
  return program;
}

Program direct_all_to_all(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const auto block = [&](Rank from, Rank to) { return from * size + to; };
  Program program(size * size, 1);
  for (int step = 1; step < size; ++step) {
    const Rank to = wrap(rank + step, size);
    program.send(block(rank, to), to);
  }
  for (int step = 1; step < size; ++step) {
    const Rank from = wrap(rank - step, size);
    program.receive(from, block(from, rank));
  }
  return program;
}

}  // namespace tutti
