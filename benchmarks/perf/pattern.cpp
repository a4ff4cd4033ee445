#include "pattern.hpp"

#include <algorithm>
#include <cstring>

namespace perf {
namespace {

/// A well-mixed 64-bit value of two (the finaliser of SplitMix64).
std::uint64_t mix(std::uint64_t rank, std::uint64_t index) {
  std::uint64_t bits = (rank + 1) * 0x9e3779b97f4a7c15u + index * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

/// How values are chosen so that everything stays exact: at each index at most `speakers` ranks say
/// something, of absolute value up to `loudest`; all others hold the operator's neutral element.
struct Budget {
  std::int64_t loudest;
  int speakers;
};

Budget budget_of(tuttiDataType_t type, Operator op, int ranks) {
  if (op == Operator::prod) return {2, std::min({ranks, largest_power(type), 20})};
  if (op == Operator::max || op == Operator::min)
    return {std::min<std::int64_t>(largest_exact(type), 100), ranks};
  const std::int64_t total = op == Operator::mulsum ? largest_exact(type) / 2 : largest_exact(type);
  const auto loudest = std::clamp<std::int64_t>(total / ranks, 3, 1000);
  return {loudest, static_cast<int>(std::clamp<std::int64_t>(total / loudest, 1, ranks))};
}

class Inputs {
 public:
  Inputs(tuttiDataType_t type, Operator op, int ranks)
      : type_(type),
        op_(op),
        budget_(budget_of(type, op, ranks)),
        stride_((ranks + budget_.speakers - 1) / budget_.speakers) {}

  [[nodiscard]] std::int64_t value(int rank, std::size_t index) const {
    const auto stride = static_cast<std::uint64_t>(stride_);
    const bool speaks = (static_cast<std::uint64_t>(rank) + mix(~0ull, index) % stride) % stride == 0;
    const std::uint64_t bits = mix(static_cast<std::uint64_t>(rank), index);
    if (op_ == Operator::prod) return speaks && bits % 2 == 0 ? 2 : 1;
    if (!speaks) return 0;
    const auto range = static_cast<std::uint64_t>(budget_.loudest);
    if (!is_signed(type_)) return static_cast<std::int64_t>(bits % (range + 1));
    return static_cast<std::int64_t>(bits % (2 * range + 1)) - budget_.loudest;
  }

 private:
  tuttiDataType_t type_;
  Operator op_;
  Budget budget_;
  int stride_;
};

std::int64_t combine(Operator op, std::int64_t left, std::int64_t right) {
  switch (op) {
    case Operator::prod: return left * right;
    case Operator::max: return std::max(left, right);
    case Operator::min: return std::min(left, right);
    default: return left + right;
  }
}

}  // namespace

std::int64_t mulsum_scalar(int rank) {
  return rank % 2 + 1;
}

void Pattern::fill(std::byte* target, std::size_t count, std::size_t from) const {
  for (std::size_t index = from % kPeriod; count > 0; index = 0) {
    const std::size_t part = std::min(count, kPeriod - index);
    std::memcpy(target, bytes_.data() + index * element_bytes_, part * element_bytes_);
    target += part * element_bytes_;
    count -= part;
  }
}

std::size_t Pattern::differences(const std::byte* target, std::size_t count, std::size_t from) const {
  std::size_t wrong = 0;
  for (std::size_t index = from % kPeriod; count > 0; index = 0) {
    const std::size_t part = std::min(count, kPeriod - index);
    const std::byte* expected = bytes_.data() + index * element_bytes_;
    if (std::memcmp(target, expected, part * element_bytes_) != 0)
      for (std::size_t i = 0; i < part; ++i)
        if (std::memcmp(target + i * element_bytes_, expected + i * element_bytes_, element_bytes_) != 0)
          ++wrong;
    target += part * element_bytes_;
    count -= part;
  }
  return wrong;
}

Patterns moved(tuttiDataType_t type, int ranks) {
  Patterns patterns{std::vector<Pattern>(static_cast<std::size_t>(ranks), Pattern(type)), Pattern(type)};
  for (std::size_t rank = 0; rank < patterns.input.size(); ++rank)
    for (std::size_t index = 0; index < kPeriod; ++index) {
      const std::uint64_t bits = mix(rank, index);
      std::memcpy(patterns.input[rank].at(index), &bits, size_of(type));
    }
  return patterns;
}

Patterns reduced(tuttiDataType_t type, Operator op, int ranks) {
  Patterns patterns{std::vector<Pattern>(static_cast<std::size_t>(ranks), Pattern(type)), Pattern(type)};
  const Inputs inputs(type, op, ranks);
  for (std::size_t index = 0; index < kPeriod; ++index) {
    std::int64_t result = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const std::int64_t value = inputs.value(rank, index);
      store(patterns.input[static_cast<std::size_t>(rank)].at(index), type, value);
      const std::int64_t operand = op == Operator::mulsum ? value * mulsum_scalar(rank) : value;
      result = rank == 0 ? operand : combine(op, result, operand);
    }
    store_quotient(patterns.reduced.at(index), type, result, op == Operator::avg ? ranks : 1);
  }
  return patterns;
}

}  // namespace perf
