// Recursive doubling. In round k, rank r exchanges all it has with its partner r xor 2^k; so what each has
// doubles, and after log2(n) rounds it is everything.
//
// All-reduce: "all it has" is the whole buffer, reduced over a group of ranks that doubles. Where n is no
// power of two, the ranks beyond the largest power of two (the extra ranks) first give their contribution to
// a core rank, and get the result from it in the end. All-gather: "all it has" is the blocks of the group;
// powers of two only.
//
// R. Thakur, R. Rabenseifner, W. Gropp: Optimization of collective communication operations in MPICH.
// International Journal of High Performance Computing Applications, 2005.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program recursive_doubling_all_reduce(const Shape& shape, Rank rank) {
  const int core = power_of_two_within(shape.size);
  const int extra = shape.size - core;
  const int fold = extra > 0 ? 1 : 0;  // rounds before (and after) the doubling
  const int rounds = doublings_to(core) + 2 * fold;
  Program program(1, rounds);
  if (rank >= core) {
    program.round(0).send(0, rank - core);
    program.round(rounds - 1).receive(rank - core, 0);
    return program;
  }
  if (rank < extra) program.round(0).reduce(rank + core, 0);
  for (int distance = 1, round = fold; distance < core; distance *= 2, ++round) {
    const Rank partner = rank ^ distance;
    program.round(round);
    program.send(0, partner);
    program.reduce(partner, 0, 2 * distance == core);
  }
  if (rank < extra) program.round(rounds - 1).send(0, rank + core);
  return program;
}

Program recursive_doubling_all_gather(const Shape& shape, Rank rank) {
  Program program(shape.size, doublings_to(shape.size));
  for (int distance = 1, round = 0; distance < shape.size; distance *= 2, ++round) {
    const Rank partner = rank ^ distance;
    const auto group_of = [&](Rank member) { return block_run(member & ~(distance - 1), distance); };
    program.round(round);
    program.send(group_of(rank), {partner});
    program.receive(partner, group_of(partner));
  }
  return program;
}

}  // namespace tutti
