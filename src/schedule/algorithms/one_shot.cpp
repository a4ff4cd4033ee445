// One-shot. Everything in a single round: who has something says it to all who want it, by one multicast
// where the wire can, and who reduces takes all contributions in one pass over k inputs. The fewest possible
// steps, for messages so small that steps are what costs. One pass in rank order makes the bits depend on the
// inputs alone.
//
// Known from NVIDIA's TensorRT-LLM custom all-reduce (2023) and, as direct exchange, from
// E. Chan, M. Heimlich, A. Purkayastha, R. van de Geijn: Collective communication: theory, practice, and
// experience. Concurrency and Computation, 2007.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program one_shot_all_reduce(const Shape& shape, Rank rank) {
  const std::vector<Rank> others = ranks_but(rank, shape.size);
  Program program(1, 1);
  program.send({0}, others);
  program.reduce(others, {0}, true);
  return program;
}

Program one_shot_reduce(const Shape& shape, Rank rank) {
  Program program(1, 1);
  if (rank == shape.root) {
    program.reduce(ranks_but(shape.root, shape.size), {0}, true);
  } else {
    program.send(0, shape.root);
  }
  return program;
}

Program one_shot_broadcast(const Shape& shape, Rank rank) {
  Program program(1, 1);
  if (rank == shape.root) {
    program.send({0}, ranks_but(shape.root, shape.size));
  } else {
    program.receive(shape.root, 0);
  }
  return program;
}

Program one_shot_all_gather(const Shape& shape, Rank rank) {
  const std::vector<Rank> others = ranks_but(rank, shape.size);
  Program program(shape.size, 1);
  program.send({rank}, others);
  for (const Rank from : others) program.receive(from, from);
  return program;
}

Program one_shot_barrier(const Shape& shape, Rank rank) {
  const std::vector<Rank> others = ranks_but(rank, shape.size);
  Program program(1, 1);
  program.send({0}, others);
  for (const Rank from : others) program.receive(from, 0);
  return program;
}

}  // namespace tutti
