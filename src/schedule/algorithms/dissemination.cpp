// Dissemination. In round k, every rank tells the rank 2^k after it that it and all it has heard of have
// entered. What a rank knows of doubles in each round, so log2(n) rounds, rounded up, tell everyone of
// everyone. The block has no bytes: it is the message's coming that says it.
//
// D. Hensgen, R. Finkel, U. Manber: Two algorithms for barrier synchronization. International Journal of
// Parallel Programming, 1988.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program dissemination_barrier(const Shape& shape, Rank rank) {
  const int rounds = doublings_to(shape.size);
  Program program(1, rounds);
  for (int round = 0; round < rounds; ++round) {
    const int distance = 1 << round;
    program.round(round);
    program.send(0, wrap(rank + distance, shape.size));
    program.receive(wrap(rank - distance, shape.size), 0);
  }
  return program;
}

}  // namespace tutti
