// The first tree is the in-order tree: number the nodes 1 … n and take as root the largest power of two that
// there is; the numbers below it form its left subtree, those above it its right one, by the same rule. Then
// all odd numbers are leaves. The second tree is the first with its numbers mirrored (n even) or moved on by
// one around the ring (n odd), which makes odd numbers of even ones; so its leaves are all the even numbers.
#include "schedule/algorithms/double_tree.hpp"

#include <algorithm>

#include "schedule/algorithms/arithmetic.hpp"

namespace tutti {

namespace {

class InOrder {
 public:
  InOrder(int size, int which) : size_(size), which_(which) {
    tree_.nodes.resize(static_cast<std::size_t>(size));
    tree_.root = grow(0, size, -1, 0);
  }
  [[nodiscard]] const Tree& tree() const { return tree_; }

 private:
  /// Makes a subtree of the `count` numbers after `before`; returns its root.
  int grow(int before, int count, int parent, int depth) {
    const int number = before + power_of_two_within(count);
    const int self = node_of(number);
    tree_.nodes[static_cast<std::size_t>(self)].parent = parent;
    tree_.nodes[static_cast<std::size_t>(self)].depth = depth;
    tree_.height = std::max(tree_.height, depth);
    const int left = number - 1 - before;
    const int right = before + count - number;
    if (left > 0) add_child(self, grow(before, left, self, depth + 1));
    if (right > 0) add_child(self, grow(number, right, self, depth + 1));
    return self;
  }

  void add_child(int parent, int child) {
    tree_.nodes[static_cast<std::size_t>(parent)].children.push_back(child);
  }

  [[nodiscard]] int node_of(int number) const {
    if (which_ == 0) return number - 1;
    return size_ % 2 == 0 ? size_ - number : number % size_;
  }

  int size_;
  int which_;
  Tree tree_;
};

}  // namespace

Tree double_tree(int size, int which) {
  return InOrder(size, which).tree();
}

}  // namespace tutti
