// What the ranks send, and what must come out, so that it can be checked bit by bit.
//
// Data are periodic: element i of a buffer is element i mod kPeriod of a table, so filling and checking run
// at the speed of memory. The period is prime: data that landed in a wrong place do not match. For reductions
// the table holds integers, so few and so small that every partial sum, in any order, is exact in the type:
// every way to sum gives the same bits.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <tutti/tutti.h>

#include "element.hpp"

namespace perf {

inline constexpr std::size_t kPeriod = 10007;

/// One period of elements.
class Pattern {
 public:
  Pattern(tuttiDataType_t type) : element_bytes_(size_of(type)), bytes_(kPeriod * element_bytes_) {}
  [[nodiscard]] std::byte* at(std::size_t index) { return bytes_.data() + index * element_bytes_; }

  /// Writes `count` elements, beginning with element `from` of the endless repetition.
  void fill(std::byte* target, std::size_t count, std::size_t from) const;
  /// How many of `count` elements differ.
  [[nodiscard]] std::size_t differences(const std::byte* target, std::size_t count, std::size_t from) const;

 private:
  std::size_t element_bytes_;
  std::vector<std::byte> bytes_;
};

/// The inputs of all ranks, and their reduction.
struct Patterns {
  std::vector<Pattern> input;  // by rank
  Pattern reduced;
};

/// For collectives that only move data: any bits.
[[nodiscard]] Patterns moved(tuttiDataType_t type, int ranks);
/// For reductions.
[[nodiscard]] Patterns reduced(tuttiDataType_t type, Operator op, int ranks);
/// By what a rank's input is multiplied under Operator::mulsum.
[[nodiscard]] std::int64_t mulsum_scalar(int rank);

}  // namespace perf
