// Two binary trees over the same nodes, such that no node has children in both: what one tree leaves idle,
// the other uses. For tree.cpp.
#pragma once

#include <vector>

namespace tutti {

/// A rooted tree over nodes 0 … n-1.
struct Tree {
  struct Node {
    int parent = -1;  // -1: it is the root
    std::vector<int> children = {};
    int depth = 0;
  };
  std::vector<Node> nodes;
  int root = 0;
  int height = 0;  // the largest depth
};

/// The first (0) or second (1) of the two trees over `size` >= 1 nodes. Both have the same height, about
/// log2(size).
[[nodiscard]] Tree double_tree(int size, int which);

}  // namespace tutti
