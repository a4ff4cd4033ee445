// One element to and from double, by the definition of its format and rounded once: what the kernels are
// tested against, so it shares no code with them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "reduce/reduce.hpp"

namespace tutti::reduce {
namespace {

/// A small binary format: value = mantissa * 2^exponent, biased, with subnormals.
struct Format {
  int exponent_bits;
  int mantissa_bits;
  bool
      infinities;  // the largest exponent holds infinities and NaNs; else only the pattern of all ones is NaN

  [[nodiscard]] int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  [[nodiscard]] unsigned magnitude_mask() const { return (1U << (exponent_bits + mantissa_bits)) - 1; }
  [[nodiscard]] unsigned infinity() const { return magnitude_mask() & ~((1U << mantissa_bits) - 1); }
  [[nodiscard]] unsigned nan() const {
    return infinities ? infinity() | 1U << (mantissa_bits - 1) : magnitude_mask();
  }
};

constexpr Format kFloat16{5, 10, true};
constexpr Format kBfloat16{8, 7, true};
constexpr Format kFloat8e4m3{4, 3, false};
constexpr Format kFloat8e5m2{5, 2, true};

double decode(unsigned pattern, const Format& format) {
  const unsigned magnitude = pattern & format.magnitude_mask();
  const double sign = pattern > format.magnitude_mask() ? -1.0 : 1.0;
  const bool special =
      format.infinities ? magnitude >= format.infinity() : magnitude == format.magnitude_mask();
  if (special) {
    const bool infinite = format.infinities && magnitude == format.infinity();
    return std::copysign(infinite ? std::numeric_limits<double>::infinity() : std::nan(""), sign);
  }
  const unsigned exponent = magnitude >> format.mantissa_bits;
  const unsigned fraction = magnitude & ((1U << format.mantissa_bits) - 1);
  const unsigned mantissa = exponent == 0 ? fraction : fraction | 1U << format.mantissa_bits;
  const int power = static_cast<int>(exponent == 0 ? 1 : exponent) - format.bias() - format.mantissa_bits;
  return sign * std::ldexp(static_cast<double>(mantissa), power);
}

/// Patterns of one sign are ordered as their magnitudes are, so the mantissa may carry into the exponent.
unsigned encode_magnitude(double magnitude, const Format& format) {
  if (std::isnan(magnitude)) return format.nan();
  const unsigned beyond = format.infinities ? format.infinity() : format.nan();
  if (std::isinf(magnitude)) return beyond;
  if (magnitude == 0) return 0;
  const int exponent = std::max(std::ilogb(magnitude), 1 - format.bias());
  if (exponent > format.bias() + 1) return beyond;
  const double steps = std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - exponent));
  const int biased = exponent + format.bias();  // at least 1: a mantissa without its leading one is subnormal
  const auto pattern =
      static_cast<unsigned>(static_cast<int>(steps) + ((biased - 1) << format.mantissa_bits));
  return pattern < beyond ? pattern : beyond;
}

unsigned encode(double value, const Format& format) {
  const unsigned sign = std::signbit(value) ? format.magnitude_mask() + 1 : 0;
  return encode_magnitude(std::fabs(value), format) | sign;
}

template <typename T>
T read(const std::byte* element) {
  T value;
  std::memcpy(&value, element, sizeof(value));
  return value;
}

template <typename T>
void write(std::byte* element, T value) {
  std::memcpy(element, &value, sizeof(value));
}

/// The nearest integer, ties to even; what lies outside becomes the nearest limit and NaN becomes 0.
template <typename T>
T to_integer(double value) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(value)) return 0;
  const double rounded = std::nearbyint(value);
  // 2^digits is exact as a double where the largest value itself may not be.
  if (rounded >= std::ldexp(1.0, Limits::digits)) return Limits::max();
  if (rounded <= static_cast<double>(Limits::min())) return Limits::min();
  return static_cast<T>(rounded);
}

}  // namespace

double to_double(const std::byte* element, ElementType type) noexcept {
  switch (type) {
    case ElementType::int8: return read<std::int8_t>(element);
    case ElementType::uint8: return read<std::uint8_t>(element);
    case ElementType::int32: return read<std::int32_t>(element);
    case ElementType::uint32: return read<std::uint32_t>(element);
    case ElementType::int64: return static_cast<double>(read<std::int64_t>(element));
    case ElementType::uint64: return static_cast<double>(read<std::uint64_t>(element));
    case ElementType::float16: return decode(read<std::uint16_t>(element), kFloat16);
    case ElementType::bfloat16: return decode(read<std::uint16_t>(element), kBfloat16);
    case ElementType::float32: return static_cast<double>(read<float>(element));
    case ElementType::float64: return read<double>(element);
    case ElementType::float8e4m3: return decode(read<std::uint8_t>(element), kFloat8e4m3);
    case ElementType::float8e5m2: return decode(read<std::uint8_t>(element), kFloat8e5m2);
  }
  return 0;
}

void from_double(double value, std::byte* element, ElementType type) noexcept {
  switch (type) {
    case ElementType::int8: return write(element, to_integer<std::int8_t>(value));
    case ElementType::uint8: return write(element, to_integer<std::uint8_t>(value));
    case ElementType::int32: return write(element, to_integer<std::int32_t>(value));
    case ElementType::uint32: return write(element, to_integer<std::uint32_t>(value));
    case ElementType::int64: return write(element, to_integer<std::int64_t>(value));
    case ElementType::uint64: return write(element, to_integer<std::uint64_t>(value));
    case ElementType::float16: return write(element, static_cast<std::uint16_t>(encode(value, kFloat16)));
    case ElementType::bfloat16: return write(element, static_cast<std::uint16_t>(encode(value, kBfloat16)));
    case ElementType::float32: return write(element, static_cast<float>(value));
    case ElementType::float64: return write(element, value);
    case ElementType::float8e4m3:
      return write(element, static_cast<std::uint8_t>(encode(value, kFloat8e4m3)));
    case ElementType::float8e5m2:
      return write(element, static_cast<std::uint8_t>(encode(value, kFloat8e5m2)));
  }
}

}  // namespace tutti::reduce
