// Element types and operators: their identity, size and names. The values are those of tutti.h (and NCCL).
#pragma once

#include <cstddef>
#include <string_view>

namespace tutti {

enum class ElementType : int {
  int8 = 0,
  uint8 = 1,
  int32 = 2,
  uint32 = 3,
  int64 = 4,
  uint64 = 5,
  float16 = 6,
  float32 = 7,
  float64 = 8,
  bfloat16 = 9,
  float8e4m3 = 10,
  float8e5m2 = 11,
};
inline constexpr int kElementTypes = 12;

enum class Operator : int { sum = 0, prod = 1, max = 2, min = 3, avg = 4 };
inline constexpr int kOperators = 5;

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t size_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::int8:
    case ElementType::uint8:
    case ElementType::float8e4m3:
    case ElementType::float8e5m2: return 1;
    case ElementType::float16:
    case ElementType::bfloat16: return 2;
    case ElementType::int32:
    case ElementType::uint32:
    case ElementType::float32: return 4;
    case ElementType::int64:
    case ElementType::uint64:
    case ElementType::float64: return 8;
  }
  return 0;
}

[[nodiscard]] constexpr bool is_floating(ElementType type) noexcept {
  return type >= ElementType::float16;
}

/// The names that nccl-tests prints: "int8", "half", "float", "double", "bfloat16", "fp8_e4m3", …
[[nodiscard]] std::string_view name_of(ElementType type) noexcept;
/// "sum", "prod", "max", "min", "avg".
[[nodiscard]] std::string_view name_of(Operator op) noexcept;

}  // namespace tutti
