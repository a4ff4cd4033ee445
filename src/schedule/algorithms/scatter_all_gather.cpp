// Scatter and all-gather, a broadcast for large buffers: the root scatters the buffer's n blocks down a
// binomial tree, then a ring all-gather gives all to all. Twice the bytes of the buffer pass each rank,
// whatever their number; a binomial broadcast makes the root send it log2(n) times.
//
// M. Barnett, S. Gupta, D. Payne, L. Shuler, R. van de Geijn, J. Watts: Interprocessor collective
// communication library (InterCom). Scalable High Performance Computing Conference, 1994.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program scatter_all_gather_broadcast(const Shape& shape, Rank rank) {
  const std::vector<Rank> everyone = all_ranks(shape.size);
  const Program scatter = binomial_scatter(shape, rank);
  const Program all_gather = ring_all_gather(shape, rank);
  Program program(shape.size, scatter.rounds() + all_gather.rounds());
  program.append(scatter, everyone, same_block, 0, true);
  program.append(all_gather, everyone, same_block, scatter.rounds(), true);
  return program;
}

}  // namespace tutti
