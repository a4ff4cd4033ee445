// Symbolic values: what a block holds, as the exact tree of folds that made it, for the verifier.
//
// A value is the contribution of one rank, or an ordered fold of values. Equal trees have equal ids (each is
// stored once), so two ranks hold the same bits if they hold the same id. Beside its tree, every value knows
// the set of ranks whose contributions it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "schedule/program.hpp"

namespace tutti {

class SymbolicValues {
 public:
  using Id = int;
  static constexpr Id kNone = -1;

  explicit SymbolicValues(int ranks);

  /// What `rank` brought into the collective.
  [[nodiscard]] Id contribution(Rank rank) const noexcept { return rank; }
  /// One pass over the operands in this order; kNone if a contribution is in two of them: see doubled().
  [[nodiscard]] Id fold(const std::vector<Id>& operands);
  /// The rank whose contribution the last failed fold would have counted twice.
  [[nodiscard]] Rank doubled() const noexcept { return doubled_; }
  /// What is known after hearing `second` while knowing `first` (a barrier): a set of ranks without order.
  [[nodiscard]] Id unite(Id first, Id second);

  /// Every rank's contribution is in it.
  [[nodiscard]] bool whole(Id value) const { return first_missing(value) < 0; }
  /// The lowest rank whose contribution is not in it, or -1.
  [[nodiscard]] Rank first_missing(Id value) const;
  /// It is a single fold of all contributions in rank order.
  [[nodiscard]] bool one_pass(Id value) const noexcept { return value == one_pass_; }

 private:
  using Word = std::uint64_t;
  static constexpr int kWordBits = 64;

  [[nodiscard]] Word* ranks_in(Id value) { return &sets_[static_cast<std::size_t>(value) * words_]; }
  [[nodiscard]] const Word* ranks_in(Id value) const {
    return &sets_[static_cast<std::size_t>(value) * words_];
  }
  Id add_empty();
  /// Adds the set of `from` to that of `to`; false, with doubled_ set, if they overlap.
  bool add_ranks(Id to, Id from);

  int ranks_;
  std::size_t words_;
  std::vector<Word> sets_;  // words_ words a value: bit r is rank r
  std::map<std::vector<Id>, Id> folds_;
  std::map<std::pair<Id, Id>, Id> unions_;
  Id one_pass_ = kNone;
  Rank doubled_ = -1;
};

}  // namespace tutti
