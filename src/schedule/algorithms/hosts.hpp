// The two levels of the hierarchical algorithms: which ranks share a host, and which stand at the same place
// of different hosts.
#pragma once

#include <vector>

#include "schedule/algorithms/algorithm.hpp"

namespace tutti {

class Hosts {
 public:
  explicit Hosts(const Shape& shape);

  /// The number of hosts; they are numbered in order of their lowest ranks.
  [[nodiscard]] int count() const noexcept { return static_cast<int>(ranks_on_.size()); }
  /// The ranks on a host, ascending.
  [[nodiscard]] const std::vector<Rank>& ranks_on(int host) const { return ranks_on_.at(host); }
  [[nodiscard]] int size_of(int host) const { return static_cast<int>(ranks_on_.at(host).size()); }
  /// The host of a rank, and the rank's index among those on it.
  [[nodiscard]] int host_of(Rank rank) const { return host_of_.at(rank); }
  [[nodiscard]] int index_of(Rank rank) const { return index_of_.at(rank); }
  /// The ranks at the same index of every host, by host. Only if equal().
  [[nodiscard]] std::vector<Rank> column(int index) const;

  /// Every host has as many ranks.
  [[nodiscard]] bool equal() const noexcept;
  /// There are two hosts or more, and one with two ranks or more: anything less has one level.
  [[nodiscard]] bool two_levels() const noexcept;

 private:
  std::vector<std::vector<Rank>> ranks_on_;
  std::vector<int> host_of_;
  std::vector<int> index_of_;
};

}  // namespace tutti
