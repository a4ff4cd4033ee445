// The few numbers that textbooks take for granted.
#pragma once

#include <bit>
#include <numeric>
#include <vector>

#include "schedule/program.hpp"

namespace tutti {

/// `value` modulo `size`, in 0 … size-1, for a value that may be negative.
[[nodiscard]] constexpr int wrap(int value, int size) noexcept {
  return ((value % size) + size) % size;
}

/// The largest power of two that is at most `value` (>= 1).
[[nodiscard]] constexpr int power_of_two_within(int value) noexcept {
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(value)));
}
[[nodiscard]] constexpr bool is_power_of_two(int value) noexcept {
  return power_of_two_within(value) == value;
}

/// How many doublings lead from 1 to at least `value`: the logarithm, rounded up.
[[nodiscard]] constexpr int doublings_to(int value) noexcept {
  return static_cast<int>(std::bit_width(static_cast<unsigned>(value - 1)));
}

/// All ranks, ascending; and all but one.
[[nodiscard]] inline std::vector<Rank> all_ranks(int size) {
  std::vector<Rank> ranks(static_cast<std::size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}
[[nodiscard]] inline std::vector<Rank> ranks_but(Rank rank, int size) {
  std::vector<Rank> ranks = all_ranks(size);
  ranks.erase(ranks.begin() + rank);
  return ranks;
}

/// For Program::append: the part's blocks are this program's blocks.
[[nodiscard]] inline std::vector<Block> same_block(Block block) {
  return {block};
}

}  // namespace tutti
