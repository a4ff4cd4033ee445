// Recursive halving. A group of ranks is responsible for as many blocks. In each round every group splits
// into two halves, and every rank exchanges with its partner, at the same place in the other half, what the
// other's half is responsible for, and reduces. So what a rank is responsible for halves, until it is one
// block, and complete.
//
// Where the number of ranks is no power of two, the ranks beyond the largest power of two (the extra ranks)
// first give all their contributions to a core rank each; each core rank is responsible for its extra rank's
// block beside its own, and sends it there in the end.
//
// R. Thakur, R. Rabenseifner, W. Gropp: Optimization of collective communication operations in MPICH.
// International Journal of High Performance Computing Applications, 2005.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

/// The blocks of the group of `group` ranks in which `rank` is.
std::vector<Block> group_of(Rank rank, int group) {
  return block_run(rank & ~(group - 1), group);
}

Program halve(int size, Rank rank) {
  Program program(size, doublings_to(size));
  for (int distance = size / 2, round = 0; distance >= 1; distance /= 2, ++round) {
    const Rank partner = rank ^ distance;
    program.round(round);
    program.send(group_of(partner, distance), {partner});
    program.reduce({partner}, group_of(rank, distance), distance == 1);
  }
  return program;
}

}  // namespace

Program recursive_halving_reduce_scatter(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const int core = power_of_two_within(size);
  if (core == size) return halve(size, rank);

  const int rounds = 1 + doublings_to(core) + 1;
  Program program(size, rounds);
  if (rank >= core) {
    program.round(0).send(block_run(0, size), {rank - core});
    program.round(rounds - 1).receive(rank - core, rank);
    return program;
  }
  const bool has_extra = rank + core < size;
  const auto in_charge_of = [&](Rank member) {
    return member + core < size ? std::vector{member, member + core} : std::vector{member};
  };
  if (has_extra) program.round(0).reduce({rank + core}, block_run(0, size));
  program.append(halve(core, rank), all_ranks(core), in_charge_of, 1, true);
  if (has_extra) program.round(rounds - 1).send(rank + core, rank + core);
  return program;
}

}  // namespace tutti
