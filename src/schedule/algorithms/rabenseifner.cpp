// Rabenseifner's all-reduce: a reduce-scatter by recursive halving, then an all-gather by recursive doubling.
// As few bytes as a ring, in 2 log2(n) rounds.
//
// Where the number of ranks is no power of two, the ranks beyond the largest power of two (the extra ranks)
// first give their contributions to a core rank each, and get the result from it in the end.
//
// R. Rabenseifner: Optimization of collective reduction operations. International Conference on Computational
// Science, 2004.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program rabenseifner_all_reduce(const Shape& shape, Rank rank) {
  const int core = power_of_two_within(shape.size);
  const int extra = shape.size - core;
  const int fold = extra > 0 ? 1 : 0;  // rounds before (and after) the exchange
  const int steps = doublings_to(core);
  const int rounds = 2 * steps + 2 * fold;
  const std::vector<Block> everything = block_run(0, core);
  Program program(core, rounds);
  if (rank >= core) {
    program.round(0).send(everything, {rank - core});
    program.round(rounds - 1).receive(rank - core, everything);
    return program;
  }
  const Shape inner{.size = core};
  const std::vector<Rank> core_ranks = all_ranks(core);
  if (rank < extra) program.round(0).reduce({rank + core}, everything);
  program.append(recursive_halving_reduce_scatter(inner, rank), core_ranks, same_block, fold, true);
  program.append(recursive_doubling_all_gather(inner, rank), core_ranks, same_block, fold + steps, true);
  if (rank < extra) program.round(rounds - 1).send(everything, {rank + core});
  return program;
}

}  // namespace tutti
