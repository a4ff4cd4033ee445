// Elements of every type, made from and read as doubles, bit by bit: independent of the library's own code.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tutti/tutti.h>

namespace tutti_tests {

inline std::size_t bytes_of(tuttiDataType_t type) {
  switch (type) {
    case tuttiInt8:
    case tuttiUint8:
    case tuttiFloat8e4m3:
    case tuttiFloat8e5m2: return 1;
    case tuttiFloat16:
    case tuttiBfloat16: return 2;
    case tuttiInt32:
    case tuttiUint32:
    case tuttiFloat32: return 4;
    default: return 8;
  }
}

inline bool is_integer(tuttiDataType_t type) {
  return type <= tuttiUint64;
}

/// The bits of a narrow float for a positive normal value that it holds exactly.
inline std::uint32_t narrow_bits(double value, int exponent_bits, int mantissa_bits) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);  // in [0.5, 1)
  const int biased = exponent - 1 + (1 << (exponent_bits - 1)) - 1;
  const auto mantissa = static_cast<std::uint32_t>((2 * fraction - 1) * (1 << mantissa_bits));
  return static_cast<std::uint32_t>(biased) << mantissa_bits | mantissa;
}

template <typename T>
void put_as(std::byte* place, double value) {
  const T element = static_cast<T>(value);
  std::memcpy(place, &element, sizeof element);
}

/// Writes a positive value that the type holds exactly.
inline void put(tuttiDataType_t type, std::byte* place, double value) {
  switch (type) {
    case tuttiInt8: return put_as<std::int8_t>(place, value);
    case tuttiUint8: return put_as<std::uint8_t>(place, value);
    case tuttiInt32: return put_as<std::int32_t>(place, value);
    case tuttiUint32: return put_as<std::uint32_t>(place, value);
    case tuttiInt64: return put_as<std::int64_t>(place, value);
    case tuttiUint64: return put_as<std::uint64_t>(place, value);
    case tuttiFloat32: return put_as<float>(place, value);
    case tuttiFloat64: return put_as<double>(place, value);
    case tuttiFloat16: return put_as<std::uint16_t>(place, narrow_bits(value, 5, 10));
    case tuttiBfloat16: return put_as<std::uint16_t>(place, narrow_bits(value, 8, 7));
    case tuttiFloat8e4m3: return put_as<std::uint8_t>(place, narrow_bits(value, 4, 3));
    default: return put_as<std::uint8_t>(place, narrow_bits(value, 5, 2));
  }
}

}  // namespace tutti_tests
