// The narrow floating formats in terms of float32 packs: each is widened, computed with and rounded once, to
// nearest even. Integer arithmetic throughout, so every instruction set gives the same bits.
//
//   float16      IEEE binary16
//   bfloat16     the upper half of float32
//   float8e5m2   the upper half of float16: infinities and NaNs as there
//   float8e4m3   OCP E4M3: no infinity; 0x7f and 0xff are NaN; the largest number is 448. What rounds beyond
//   it,
//                infinity included, becomes NaN (OCP's non-saturating conversion), so that an overflow shows
//
// A NaN stays a NaN with its sign and the upper bits of its payload, made quiet.
#pragma once

#include "reduce/pack.hpp"

namespace tutti::reduce {

inline constexpr std::int32_t kFloatInfinity = 0x7f80'0000;
inline constexpr int kFloatMantissa = 23;
inline constexpr int kFloatBias = 127;

template <int exponent_bits, int mantissa_bits>
struct SmallFloat {
  static constexpr int kShift = kFloatMantissa - mantissa_bits;
  static constexpr int kBias = (1 << (exponent_bits - 1)) - 1;
  static constexpr int kSignShift = 31 - exponent_bits - mantissa_bits;
  static constexpr std::int32_t kMagnitude = (1 << (exponent_bits + mantissa_bits)) - 1;
  static constexpr std::int32_t kInfinity = ((1 << exponent_bits) - 1) << mantissa_bits;
  static constexpr std::int32_t kQuiet = 1 << (mantissa_bits - 1);
  /// The pattern of the smallest normal number, and its bits as float32.
  static constexpr std::int32_t kSmallestPattern = 1 << mantissa_bits;
  static constexpr std::int32_t kSmallestNormal = (kFloatBias - kBias + 1) << kFloatMantissa;
  /// Bits of the float32 that adds to a small number so that the sum's last bit is the format's smallest
  /// step.
  static constexpr std::int32_t kRounder = (kFloatBias + 1 - kBias - mantissa_bits + kFloatMantissa)
                                           << kFloatMantissa;
};

/// Magnitudes as float32 bits, rounded to the format's magnitudes; right for finite results.
template <typename Set, typename Format, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<std::int32_t, lanes> round_magnitude(Pack<std::int32_t, lanes> magnitude) {
  using Ints = Pack<std::int32_t, lanes>;
  using Floats = Pack<float, lanes>;
  constexpr int shift = Format::kShift;
  constexpr std::int32_t below_half = (1 << (shift - 1)) - 1;
  constexpr std::int32_t rebias = (kFloatBias - Format::kBias) << kFloatMantissa >> shift;
  // The sum carries into the exponent where the mantissa overflows, as it should. Unsigned: NaNs may wrap
  // here.
  const auto patterns = bits_as<Pack<std::uint32_t, lanes>>(magnitude);
  const auto rounded =
      (patterns + static_cast<std::uint32_t>(below_half) + ((patterns >> shift) & 1U)) >> shift;
  const Ints normal = bits_as<Ints>(rounded) - rebias;
  const Ints rounder = Ints{} + Format::kRounder;
  const Ints subnormal = bits_as<Ints>(bits_as<Floats>(magnitude) + bits_as<Floats>(rounder)) - rounder;
  return magnitude < Format::kSmallestNormal ? subnormal : normal;
}

/// To a format with infinities: float16, float8e5m2. Results in the low bits of each lane.
template <typename Set, int exponent_bits, int mantissa_bits, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<std::uint32_t, lanes> round_ieee(Pack<float, lanes> value) {
  using Format = SmallFloat<exponent_bits, mantissa_bits>;
  using Ints = Pack<std::int32_t, lanes>;
  constexpr std::int32_t overflow = (kFloatBias + Format::kBias + 1) << kFloatMantissa;
  constexpr std::int32_t payload_mask = (1 << mantissa_bits) - 1;
  const Ints pattern = bits_as<Ints>(value);
  const Ints magnitude = pattern & 0x7fff'ffff;
  const Ints infinity = Ints{} + Format::kInfinity;
  const Ints nan = ((magnitude >> Format::kShift) & payload_mask) | Format::kInfinity | Format::kQuiet;
  const Ints finite = round_magnitude<Set, Format, lanes>(magnitude);
  const Ints large = magnitude > kFloatInfinity ? nan : infinity;
  const Ints result = magnitude >= overflow ? large : finite;
  const Ints sign = (pattern >> Format::kSignShift) & (Format::kMagnitude + 1);
  return bits_as<Pack<std::uint32_t, lanes>>(result | sign);
}

/// To float8e4m3.
template <typename Set, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<std::uint32_t, lanes> round_e4m3(Pack<float, lanes> value) {
  using Format = SmallFloat<4, 3>;
  using Ints = Pack<std::int32_t, lanes>;
  constexpr std::int32_t largest =
      0x43e8'0000;  // 464: halfway from 448 to what would be 480, and 448 is even
  const Ints pattern = bits_as<Ints>(value);
  const Ints magnitude = pattern & 0x7fff'ffff;
  const Ints finite = round_magnitude<Set, Format, lanes>(magnitude);
  const Ints nan = Ints{} + Format::kMagnitude;
  const Ints result = magnitude > largest ? nan : finite;
  const Ints sign = (pattern >> Format::kSignShift) & (Format::kMagnitude + 1);
  return bits_as<Pack<std::uint32_t, lanes>>(result | sign);
}

template <typename Set, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<std::uint32_t, lanes> round_bfloat16(Pack<float, lanes> value) {
  using Patterns = Pack<std::uint32_t, lanes>;
  using Ints = Pack<std::int32_t, lanes>;
  const Patterns pattern = bits_as<Patterns>(value);
  const Patterns rounded = (pattern + 0x7fffU + ((pattern >> 16) & 1U)) >> 16;
  const Patterns nan = (pattern >> 16) | 0x40U;
  return (bits_as<Ints>(pattern) & 0x7fff'ffff) > kFloatInfinity ? nan : rounded;
}

/// The finite numbers of a small format, given in the low bits of each lane, as float32.
template <typename Set, typename Format, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<std::int32_t, lanes> widen_magnitude(Pack<std::int32_t, lanes> magnitude) {
  using Ints = Pack<std::int32_t, lanes>;
  using Floats = Pack<float, lanes>;
  constexpr std::int32_t rebias = (kFloatBias - Format::kBias) << kFloatMantissa;
  const Ints normal = (magnitude << Format::kShift) + rebias;
  // A subnormal gets the implied one it lacks; taking it off again in float32 normalises, exactly.
  const Ints one = Ints{} + Format::kSmallestNormal;
  const Ints with_one = (magnitude << Format::kShift) + one;
  const Ints subnormal = bits_as<Ints>(bits_as<Floats>(with_one) - bits_as<Floats>(one));
  return magnitude < Format::kSmallestPattern ? subnormal : normal;
}

/// From float16 patterns in the low bits of each lane: what VCVTPH2PS gives.
template <typename Set, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<float, lanes> widen_float16(Pack<std::uint32_t, lanes> pattern) {
  using Format = SmallFloat<5, 10>;
  using Ints = Pack<std::int32_t, lanes>;
  const Ints magnitude = bits_as<Ints>(pattern) & Format::kMagnitude;
  const Ints sign = bits_as<Ints>((pattern & 0x8000U) << 16);
  const Ints finite = widen_magnitude<Set, Format, lanes>(magnitude);
  const Ints payload = magnitude << Format::kShift;
  const Ints infinity = Ints{} + kFloatInfinity;
  const Ints nan = payload | (kFloatInfinity | Format::kQuiet << Format::kShift);
  const Ints large = magnitude > Format::kInfinity ? nan : infinity;
  return bits_as<Pack<float, lanes>>((magnitude >= Format::kInfinity ? large : finite) | sign);
}

template <typename Set, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<float, lanes> widen_e4m3(Pack<std::uint32_t, lanes> pattern) {
  using Format = SmallFloat<4, 3>;
  using Ints = Pack<std::int32_t, lanes>;
  const Ints magnitude = bits_as<Ints>(pattern) & Format::kMagnitude;
  const Ints sign = bits_as<Ints>((pattern & 0x80U) << 24);
  const Ints nan = Ints{} + (kFloatInfinity | 1 << (kFloatMantissa - 1));
  const Ints finite = widen_magnitude<Set, Format, lanes>(magnitude);
  return bits_as<Pack<float, lanes>>((magnitude == Format::kMagnitude ? nan : finite) | sign);
}

template <typename Set, std::size_t lanes>
TUTTI_ALWAYS_INLINE Pack<float, lanes> widen_bfloat16(Pack<std::uint32_t, lanes> pattern) {
  return bits_as<Pack<float, lanes>>(pattern << 16);
}

}  // namespace tutti::reduce
