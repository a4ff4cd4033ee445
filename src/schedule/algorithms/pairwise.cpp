// Pairwise exchange. In step k, every rank sends to the rank k after it what is meant for that one, and hears
// from the rank k before it: n - 1 steps in which every rank sends one message and receives one, so that no
// receiver is overrun, and every byte travels once.
//
// R. Thakur, R. Rabenseifner, W. Gropp: Optimization of collective communication operations in MPICH.
// International Journal of High Performance Computing Applications, 2005.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program pairwise_reduce_scatter(const Shape& shape, Rank rank) {
  const int size = shape.size;
  Program program(size, size - 1);
  for (int step = 1; step < size; ++step) {
    const Rank to = wrap(rank + step, size);
    const Rank from = wrap(rank - step, size);
    program.round(step - 1);
    program.send(to, to);  // block `to` is what rank `to` collects
    program.reduce(from, rank, step == size - 1);
  }
  return program;
}

Program pairwise_all_to_all(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const auto block = [&](Rank from, Rank to) { return from * size + to; };
  Program program(size * size, size - 1);
  for (int step = 1; step < size; ++step) {
    const Rank to = wrap(rank + step, size);
    const Rank from = wrap(rank - step, size);
    program.round(step - 1);
    program.send(block(rank, to), to);
    program.receive(from, block(from, rank));
  }
  return program;
}

}  // namespace tutti
