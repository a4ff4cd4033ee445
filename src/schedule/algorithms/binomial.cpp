// Binomial tree. Ranks are counted from the root: a rank's number is its distance after the root, around the
// ring of ranks. The parent of a number is that number without its lowest set bit; the child at `distance` (a
// power of two below the lowest set bit) heads a subtree of the `distance` numbers from its own on, as far as
// there are so many.
//
// Broadcast and scatter go down, the farthest child first; reduce and gather come up, the nearest first. In
// each round all edges of one distance are used, so that log2(n) rounds, rounded up, do.
//
// R. Thakur, R. Rabenseifner, W. Gropp: Optimization of collective communication operations in MPICH.
// International Journal of High Performance Computing Applications, 2005. (The tree is older: J. Vuillemin,
// 1978.)
#include <algorithm>

#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

/// One rank's place in the tree.
struct Place {
  Place(const Shape& shape, Rank rank)
      : size(shape.size), root(shape.root), rounds(doublings_to(size)), number(wrap(rank - root, size)) {}

  /// In the round of `distance`, this rank's edge leads down to a child, up to its parent, or there is none.
  [[nodiscard]] bool has_child(int distance) const {
    return number % (2 * distance) == 0 && number + distance < size;
  }
  [[nodiscard]] bool has_parent(int distance) const { return number % (2 * distance) == distance; }
  [[nodiscard]] Rank child(int distance) const { return wrap(root + number + distance, size); }
  [[nodiscard]] Rank parent(int distance) const { return wrap(root + number - distance, size); }

  /// The blocks of all ranks below the edge, whose lower end is the number `head`.
  [[nodiscard]] std::vector<Block> subtree(int head, int distance) const {
    std::vector<Block> blocks;
    for (int member = head; member < std::min(head + distance, size); ++member) {
      blocks.push_back(wrap(root + member, size));
    }
    return blocks;
  }
  [[nodiscard]] std::vector<Block> below_child(int distance) const {
    return subtree(number + distance, distance);
  }
  [[nodiscard]] std::vector<Block> below_me(int distance) const { return subtree(number, distance); }

  int size;
  Rank root;
  int rounds;
  int number;
};

}  // namespace

Program binomial_broadcast(const Shape& shape, Rank rank) {
  const Place place(shape, rank);
  Program program(1, place.rounds);
  for (int round = 0; round < place.rounds; ++round) {
    const int distance = 1 << (place.rounds - 1 - round);
    program.round(round);
    if (place.has_child(distance)) program.send(0, place.child(distance));
    if (place.has_parent(distance)) program.receive(place.parent(distance), 0);
  }
  return program;
}

Program binomial_reduce(const Shape& shape, Rank rank) {
  const Place place(shape, rank);
  Program program(1, place.rounds);
  for (int round = 0; round < place.rounds; ++round) {
    const int distance = 1 << round;
    program.round(round);
    if (place.has_parent(distance)) program.send(0, place.parent(distance));
    if (place.has_child(distance)) program.reduce(place.child(distance), 0, 2 * distance >= place.size);
  }
  return program;
}

Program binomial_gather(const Shape& shape, Rank rank) {
  const Place place(shape, rank);
  Program program(shape.size, place.rounds);
  for (int round = 0; round < place.rounds; ++round) {
    const int distance = 1 << round;
    program.round(round);
    if (place.has_parent(distance)) program.send(place.below_me(distance), {place.parent(distance)});
    if (place.has_child(distance)) program.receive(place.child(distance), place.below_child(distance));
  }
  return program;
}

Program binomial_scatter(const Shape& shape, Rank rank) {
  const Place place(shape, rank);
  Program program(shape.size, place.rounds);
  for (int round = 0; round < place.rounds; ++round) {
    const int distance = 1 << (place.rounds - 1 - round);
    program.round(round);
    if (place.has_child(distance)) program.send(place.below_child(distance), {place.child(distance)});
    if (place.has_parent(distance)) program.receive(place.parent(distance), place.below_me(distance));
  }
  return program;
}

}  // namespace tutti
