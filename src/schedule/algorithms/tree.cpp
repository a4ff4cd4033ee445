// Double binary tree. The buffer has two blocks, and each goes its own way: block t along tree t. Up: every
// rank reduces what its children send with its own, and sends that to its parent. Down: every rank sends what
// it got to its children. A rank that has children in one tree is a leaf of the other, so it receives and
// sends a whole buffer each way, no more: full bandwidth, with steps that grow as the logarithm.
//
// All-reduce: two trees over all ranks, up and then down. Reduce and broadcast: two trees over all ranks but
// the root of the collective, which is the parent of both trees' roots.
//
// P. Sanders, J. Speck, J. L. Träff: Two-tree algorithms for full bandwidth broadcast, reduction and scan.
// Parallel Computing, 2009.
#include <algorithm>
#include <array>

#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/double_tree.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

constexpr int kTrees = 2;

/// One rank's place in both trees.
struct Places {
  std::array<Tree::Node, kTrees> in;
  int height = 0;
};

Places among_all(int size, Rank rank) {
  Places places;
  for (int t = 0; t < kTrees; ++t) {
    const Tree tree = double_tree(size, t);
    places.in.at(t) = tree.nodes.at(rank);
    places.height = tree.height;
  }
  return places;
}

/// Node i of the trees is the rank i + 1 after the root.
Places below_root(const Shape& shape, Rank rank) {
  Places places;
  if (shape.size == 1) return places;
  const auto rank_of = [&](int node) { return wrap(shape.root + 1 + node, shape.size); };
  for (int t = 0; t < kTrees; ++t) {
    const Tree tree = double_tree(shape.size - 1, t);
    places.height = tree.height + 1;
    Tree::Node& place = places.in.at(t);
    if (rank == shape.root) {
      place.children = {rank_of(tree.root)};
      continue;
    }
    place = tree.nodes.at(wrap(rank - shape.root - 1, shape.size));
    place.parent = place.parent < 0 ? shape.root : rank_of(place.parent);
    place.depth += 1;
    for (int& child : place.children) child = rank_of(child);
  }
  return places;
}

/// Everybody of one depth sends in the same round, the deepest first.
void go_up(Program& program, const Places& places) {
  for (int round = 0; round < places.height; ++round) {
    program.round(round);
    const int depth = places.height - round;  // of those who send
    for (Block t = 0; t < kTrees; ++t) {
      const Tree::Node& place = places.in.at(t);
      if (place.depth == depth) program.send(t, place.parent);
    }
    for (Block t = 0; t < kTrees; ++t) {
      const Tree::Node& place = places.in.at(t);
      if (place.depth == depth - 1) program.reduce(place.children, {t}, place.depth == 0);
    }
  }
}

void go_down(Program& program, const Places& places, int first_round) {
  for (int depth = 0; depth < places.height; ++depth) {  // of those who send
    program.round(first_round + depth);
    for (Block t = 0; t < kTrees; ++t) {
      const Tree::Node& place = places.in.at(t);
      if (place.depth == depth) program.send({t}, place.children);
    }
    for (Block t = 0; t < kTrees; ++t) {
      const Tree::Node& place = places.in.at(t);
      if (place.depth == depth + 1) program.receive(place.parent, t);
    }
  }
}

}  // namespace

Program tree_all_reduce(const Shape& shape, Rank rank) {
  const Places places = among_all(shape.size, rank);
  Program program(kTrees, 2 * places.height);
  go_up(program, places);
  go_down(program, places, places.height);
  return program;
}

Program tree_reduce(const Shape& shape, Rank rank) {
  const Places places = below_root(shape, rank);
  Program program(kTrees, places.height);
  go_up(program, places);
  return program;
}

Program tree_broadcast(const Shape& shape, Rank rank) {
  const Places places = below_root(shape, rank);
  Program program(kTrees, places.height);
  go_down(program, places, 0);
  return program;
}

}  // namespace tutti
