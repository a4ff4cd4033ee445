// The worked example of docs/adding-an-algorithm.md, as it stands there: it must stay true.
#include <gtest/gtest.h>

#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/prove.hpp"

namespace tutti {
namespace {

Program two_way_ring_all_gather(const Shape& shape, Rank rank) {
  const int size = shape.size;
  const Rank left = wrap(rank - 1, size);
  const Rank right = wrap(rank + 1, size);
  const int steps_right = size / 2;
  const int steps_left = (size - 1) / 2;
  Program program(size, steps_right);
  for (int step = 0; step < steps_right; ++step) {
    const bool both = step < steps_left;
    program.round(step);
    program.send(wrap(rank - step, size), right);
    if (both) program.send(wrap(rank + step, size), left);
    program.receive(left, wrap(rank - 1 - step, size));
    if (both) program.receive(right, wrap(rank + 1 + step, size));
  }
  return program;
}

TEST(TheExample, is_proved) {
  const Algorithm row{"two_way_ring",     Collective::all_gather, two_way_ring_all_gather, nullptr,
                      /*pipelines=*/true, /*reproducible=*/true,  /*shared_memory=*/false};
  for (int size = 1; size <= 33; ++size) prove(row, {.size = size});
}

TEST(TheExample, prints_as_shown) {
  EXPECT_EQ(two_way_ring_all_gather({.size = 4}, 0).print(),
            "round 0  send     block 0 -> 1\n"
            "round 0  send     block 0 -> 3\n"
            "round 0  receive  3 -> block 3\n"
            "round 0  receive  1 -> block 1\n"
            "round 1  send     block 3 -> 1\n"
            "round 1  receive  3 -> block 2\n");
}

}  // namespace
}  // namespace tutti
