// Chain (pipeline). The ranks stand in a row that begins at the root: each hears from one neighbour only and
// speaks to the other only. Cut into chunks, the buffer flows through the row, and after the first chunk has
// passed, every link is busy all the time: n - 1 steps for the first chunk, one for each further.
//
// E. Chan, M. Heimlich, A. Purkayastha, R. van de Geijn: Collective communication: theory, practice, and
// experience. Concurrency and Computation, 2007.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

Program chain_broadcast(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const int place = wrap(rank - shape.root, size);  // in the row
  Program program(1, size - 1);
  if (place > 0) program.round(place - 1).receive(wrap(rank - 1, size), 0);
  if (place < size - 1) program.round(place).send(0, wrap(rank + 1, size));
  return program;
}

Program chain_reduce(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const int place = wrap(rank - shape.root, size);
  const int from_end = size - 1 - place;
  Program program(1, size - 1);
  if (from_end > 0) program.round(from_end - 1).reduce(wrap(rank + 1, size), 0, place == 0);
  if (place > 0) program.round(from_end).send(0, wrap(rank - 1, size));
  return program;
}

}  // namespace tutti
