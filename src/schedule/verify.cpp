// How it is proved. First the programs' form is checked (verify_form). Then all are run together on symbolic
// values (symbolic, verify_run), which finds messages that do not meet, deadlocks, and blocks used before
// they are there or reduced twice. What is left in the blocks at the end is compared here with the
// collective's definition.
#include "schedule/verify.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "schedule/verify_form.hpp"
#include "schedule/verify_run.hpp"

namespace tutti {

namespace {

/// Whose contribution a block is, in collectives that only move blocks.
Rank origin_of(Collective collective, int size, Rank root, Block block) {
  switch (collective) {
    case Collective::broadcast:
    case Collective::scatter: return root;
    case Collective::all_to_all: return block / size;
    default: return block;
  }
}

/// Checks one output block of one rank; `first` is where the block was first seen, for equality of bits.
class Results {
 public:
  Results(Collective collective, int size, Rank root, SymbolicRun& run)
      : collective_(collective), size_(size), root_(root), run_(run) {}

  /// Compares every output with the definition. The first difference, or an empty text.
  [[nodiscard]] std::string check(int blocks) {
    if (collective_ == Collective::send_receive) return {};
    std::string wrong;
    for (Block block = 0; block < blocks; ++block) {
      Rank first = -1;  // who has the block in its output, lowest rank
      for (Rank rank = 0; rank < size_; ++rank) {
        if (!is_output(collective_, size_, root_, rank, block)) continue;
        wrong = check_block(rank, block);
        if (wrong.empty() && first >= 0) wrong = check_same_bits(first, rank, block);
        if (!wrong.empty()) return wrong;
        if (first < 0) first = rank;
      }
    }
    return wrong;
  }

  /// Every result that check() saw was made in one pass.
  [[nodiscard]] bool reproducible() const noexcept { return reproducible_; }

 private:
  [[nodiscard]] std::string check_block(Rank rank, Block block) {
    const SymbolicRun::Id value = run_.value(rank, block);
    if (value == SymbolicValues::kNone) return fmt::format("rank {} ends without block {}", rank, block);
    if (reduces(collective_) || collective_ == Collective::barrier) {
      const Rank missing = run_.values().first_missing(value);
      if (missing >= 0) {
        return fmt::format("rank {} ends with block {} in which the contribution of rank {} is missing", rank,
                           block, missing);
      }
      if (reduces(collective_) && !run_.values().one_pass(value)) reproducible_ = false;
      return {};
    }
    const Rank origin = origin_of(collective_, size_, root_, block);
    if (value != run_.values().contribution(origin)) {
      return fmt::format("rank {} ends with another block {} than that of rank {}", rank, block, origin);
    }
    return {};
  }

  [[nodiscard]] std::string check_same_bits(Rank first, Rank rank, Block block) {
    if (!reduces(collective_) || run_.value(first, block) == run_.value(rank, block)) return {};
    return fmt::format("ranks {} and {} fold block {} in different orders: their bits may differ", first,
                       rank, block);
  }

  Collective collective_;
  int size_;
  Rank root_;
  SymbolicRun& run_;
  bool reproducible_ = true;
};

}  // namespace

Verdict verify(Collective collective, const std::vector<Program>& programs, Rank root) {
  Verdict verdict;
  verdict.reason = check_form(collective, programs, root);
  if (!verdict.reason.empty()) return verdict;

  SymbolicRun run(collective, programs, root);
  verdict.reason = run.run();
  if (!verdict.reason.empty()) return verdict;

  Results results(collective, static_cast<int>(programs.size()), root, run);
  verdict.reason = results.check(programs.front().blocks());
  if (!verdict.reason.empty()) return verdict;

  verdict.proved = true;
  verdict.pipelines = std::all_of(programs.begin(), programs.end(), cut_alike);
  verdict.reproducible = results.reproducible();
  return verdict;
}

}  // namespace tutti
