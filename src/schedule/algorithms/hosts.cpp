#include "schedule/algorithms/hosts.hpp"

#include <algorithm>
#include <map>

namespace tutti {

Hosts::Hosts(const Shape& shape) {
  std::map<int, int> number_of;  // by the shape's host index
  for (Rank rank = 0; rank < shape.size; ++rank) {
    const int given = shape.host_of.empty() ? 0 : shape.host_of.at(rank);
    const auto [place, fresh] = number_of.try_emplace(given, count());
    if (fresh) ranks_on_.emplace_back();
    std::vector<Rank>& together = ranks_on_.at(place->second);
    host_of_.push_back(place->second);
    index_of_.push_back(static_cast<int>(together.size()));
    together.push_back(rank);
  }
}

std::vector<Rank> Hosts::column(int index) const {
  std::vector<Rank> ranks;
  for (const std::vector<Rank>& together : ranks_on_) ranks.push_back(together.at(index));
  return ranks;
}

bool Hosts::equal() const noexcept {
  return std::all_of(ranks_on_.begin(), ranks_on_.end(),
                     [&](const auto& together) { return together.size() == ranks_on_.front().size(); });
}

bool Hosts::two_levels() const noexcept {
  return count() >= 2 && static_cast<int>(host_of_.size()) > count();
}

}  // namespace tutti
