// The shape of the control plane: a complete tree of a given fan-out, rank 0 at its root.
#pragma once

#include <vector>

namespace tutti {

struct ControlTree {
  int rank, size, fan_out;

  /// -1 for the root.
  [[nodiscard]] int parent() const noexcept { return rank == 0 ? -1 : (rank - 1) / fan_out; }
  [[nodiscard]] bool has_child(int other) const noexcept {
    return other > 0 && other < size && (other - 1) / fan_out == rank;
  }
  [[nodiscard]] std::vector<int> children() const {
    std::vector<int> found;
    const long long first = static_cast<long long>(rank) * fan_out + 1;  // may exceed int in a wide tree
    for (long long child = first; child < first + fan_out && child < size; ++child)
      found.push_back(static_cast<int>(child));
    return found;
  }
};

}  // namespace tutti
