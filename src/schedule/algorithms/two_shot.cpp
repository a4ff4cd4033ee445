// Two-shot. The buffer has a block for every rank. First shot: every rank sends block p to rank p, which
// reduces the n contributions in one pass. Second shot: every rank says its finished block to all
// (all-reduce) or to the root (reduce). As few bytes a rank as a ring, in two rounds instead of 2(n - 1), for
// wires on which a rank can talk to all others at once; and one pass in rank order makes the bits depend on
// the inputs alone.
//
// Known from NVIDIA's TensorRT-LLM custom all-reduce (2023) and, as direct reduce-scatter and all-gather,
// from E. Chan, M. Heimlich, A. Purkayastha, R. van de Geijn: Collective communication: theory, practice, and
// experience. Concurrency and Computation, 2007.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program two_shot_reduce_scatter(const Shape& shape, Rank rank) {
  Program program(shape.size, 1);
  for (int step = 1; step < shape.size; ++step) {
    const Rank to = wrap(rank + step, shape.size);
    program.send(to, to);
  }
  program.reduce(ranks_but(rank, shape.size), {rank}, true);
  return program;
}

Program two_shot_all_reduce(const Shape& shape, Rank rank) {
  const std::vector<Rank> everyone = all_ranks(shape.size);
  Program program(shape.size, 2);
  program.append(two_shot_reduce_scatter(shape, rank), everyone, same_block, 0, true);
  program.append(one_shot_all_gather(shape, rank), everyone, same_block, 1, true);
  return program;
}

Program two_shot_reduce(const Shape& shape, Rank rank) {
  const std::vector<Rank> everyone = all_ranks(shape.size);
  Program program(shape.size, 2);
  program.append(two_shot_reduce_scatter(shape, rank), everyone, same_block, 0, true);
  program.append(direct_gather(shape, rank), everyone, same_block, 1, true);
  return program;
}

}  // namespace tutti
