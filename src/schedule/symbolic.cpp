#include "schedule/symbolic.hpp"

#include <algorithm>
#include <bit>

namespace tutti {

SymbolicValues::SymbolicValues(int ranks)
    : ranks_(ranks), words_(static_cast<std::size_t>(ranks) / kWordBits + 1) {
  for (Rank rank = 0; rank < ranks; ++rank) {
    const Id leaf = add_empty();
    ranks_in(leaf)[rank / kWordBits] = Word{1} << (rank % kWordBits);
  }
  if (ranks == 1) one_pass_ = contribution(0);
}

SymbolicValues::Id SymbolicValues::fold(const std::vector<Id>& operands) {
  const auto known = folds_.find(operands);
  if (known != folds_.end()) return known->second;

  const Id result = add_empty();
  for (const Id operand : operands) {
    if (!add_ranks(result, operand)) return kNone;
  }
  folds_.emplace(operands, result);
  bool in_rank_order = static_cast<int>(operands.size()) == ranks_;
  for (Rank rank = 0; in_rank_order && rank < ranks_; ++rank) {
    in_rank_order = operands[static_cast<std::size_t>(rank)] == contribution(rank);
  }
  if (in_rank_order) one_pass_ = result;
  return result;
}

SymbolicValues::Id SymbolicValues::unite(Id first, Id second) {
  const auto [place, fresh] = unions_.try_emplace(std::minmax(first, second), kNone);
  if (fresh) {
    place->second = add_empty();
    for (std::size_t word = 0; word < words_; ++word) {
      ranks_in(place->second)[word] = ranks_in(first)[word] | ranks_in(second)[word];
    }
  }
  return place->second;
}

Rank SymbolicValues::first_missing(Id value) const {
  for (Rank start = 0; start < ranks_; start += kWordBits) {
    const Rank rank = start + std::countr_one(ranks_in(value)[start / kWordBits]);
    if (rank < start + kWordBits && rank < ranks_) return rank;
  }
  return -1;
}

SymbolicValues::Id SymbolicValues::add_empty() {
  const Id id = static_cast<Id>(sets_.size() / words_);
  sets_.resize(sets_.size() + words_, 0);
  return id;
}

bool SymbolicValues::add_ranks(Id to, Id from) {
  for (std::size_t word = 0; word < words_; ++word) {
    const Word both = ranks_in(to)[word] & ranks_in(from)[word];
    if (both != 0) {
      doubled_ = static_cast<Rank>(word) * kWordBits + std::countr_zero(both);
      return false;
    }
    ranks_in(to)[word] |= ranks_in(from)[word];
  }
  return true;
}

}  // namespace tutti
