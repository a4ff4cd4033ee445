#include "element.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace perf {
namespace {

struct TypeInfo {
  tuttiDataType_t type;
  std::size_t bytes;
  bool is_signed;
  std::int64_t largest_exact;
  int largest_power;
  std::array<std::string_view, 4> names;  // the first is nccl-tests'
};

// Integers are capped at what keeps sums well inside of the type; wrapping would be exact, too.
const std::array<TypeInfo, tuttiNumTypes> kTypes{{
    {tuttiInt8, 1, true, 127, 6, {"int8", "char"}},
    {tuttiUint8, 1, false, 255, 7, {"uint8", "byte"}},
    {tuttiInt32, 4, true, 1 << 24, 30, {"int32", "int"}},
    {tuttiUint32, 4, false, 1 << 24, 31, {"uint32"}},
    {tuttiInt64, 8, true, 1 << 24, 62, {"int64"}},
    {tuttiUint64, 8, false, 1 << 24, 63, {"uint64"}},
    {tuttiFloat16, 2, true, 2048, 15, {"half", "float16", "fp16"}},
    {tuttiFloat32, 4, true, 1 << 24, 100, {"float", "float32"}},
    {tuttiFloat64, 8, true, 1 << 24, 1000, {"double", "float64"}},
    {tuttiBfloat16, 2, true, 256, 100, {"bfloat16", "bf16"}},
    {tuttiFloat8e4m3, 1, true, 16, 8, {"f8e4m3", "float8e4m3", "fp8_e4m3"}},
    {tuttiFloat8e5m2, 1, true, 8, 15, {"f8e5m2", "float8e5m2", "fp8_e5m2"}},
}};

constexpr std::array<std::string_view, 6> kOperatorNames{"sum", "prod", "max", "min", "avg", "mulsum"};

const TypeInfo& info(tuttiDataType_t type) {
  return kTypes.at(static_cast<std::size_t>(type));
}

template <typename T>
void write(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

/// The bits of `value` in a float of 1 sign bit, `exponent_bits` and `mantissa_bits`, rounded to nearest
/// even. Only for values within the type's range.
std::uint32_t narrow(float value, int exponent_bits, int mantissa_bits) {
  const auto sign = static_cast<std::uint32_t>(std::signbit(value)) << (exponent_bits + mantissa_bits);
  if (value == 0) return sign;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = std::max(std::ilogb(value), 1 - bias);  // below: subnormal
  // The significand as an integer; should it round up to the next power of two, the carry runs into the
  // exponent.
  const auto significand =
      static_cast<std::uint32_t>(std::nearbyint(std::ldexp(std::fabs(value), mantissa_bits - exponent)));
  const auto hidden = std::uint32_t{1} << mantissa_bits;
  return sign | (static_cast<std::uint32_t>(exponent + bias) * hidden + significand - hidden);
}

void store_float(std::byte* element, tuttiDataType_t type, float value) {
  switch (type) {
    case tuttiFloat32: return write(element, value);
    case tuttiFloat16: return write(element, static_cast<std::uint16_t>(narrow(value, 5, 10)));
    case tuttiBfloat16: return write(element, static_cast<std::uint16_t>(narrow(value, 8, 7)));
    case tuttiFloat8e4m3: return write(element, static_cast<std::uint8_t>(narrow(value, 4, 3)));
    default: return write(element, static_cast<std::uint8_t>(narrow(value, 5, 2)));
  }
}

}  // namespace

std::string_view name_of(tuttiDataType_t type) {
  return info(type).names[0];
}
std::string_view name_of(Operator op) {
  return kOperatorNames.at(static_cast<std::size_t>(op));
}

std::optional<tuttiDataType_t> type_named(std::string_view name) {
  for (const TypeInfo& candidate : kTypes)
    for (std::string_view known : candidate.names)
      if (!known.empty() && known == name) return candidate.type;
  return std::nullopt;
}

std::optional<Operator> operator_named(std::string_view name) {
  for (Operator op : all_operators())
    if (name_of(op) == name) return op;
  return std::nullopt;
}

const std::vector<tuttiDataType_t>& all_types() {
  static const std::vector<tuttiDataType_t> types = [] {
    std::vector<tuttiDataType_t> list;
    for (const TypeInfo& candidate : kTypes) list.push_back(candidate.type);
    return list;
  }();
  return types;
}

const std::vector<Operator>& all_operators() {
  static const std::vector<Operator> operators{Operator::sum, Operator::prod, Operator::max,
                                               Operator::min, Operator::avg,  Operator::mulsum};
  return operators;
}

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const TypeInfo& candidate : kTypes) names.push_back(candidate.names[0]);
  return names;
}

std::vector<std::string_view> operator_names() {
  return {kOperatorNames.begin(), kOperatorNames.end()};
}

std::size_t size_of(tuttiDataType_t type) {
  return info(type).bytes;
}
bool is_signed(tuttiDataType_t type) {
  return info(type).is_signed;
}
bool is_floating(tuttiDataType_t type) {
  return type >= tuttiFloat16;
}
std::int64_t largest_exact(tuttiDataType_t type) {
  return info(type).largest_exact;
}
int largest_power(tuttiDataType_t type) {
  return info(type).largest_power;
}

void store_quotient(std::byte* element, tuttiDataType_t type, std::int64_t sum, std::int64_t divisor) {
  if (type == tuttiFloat64) return write(element, static_cast<double>(sum) / static_cast<double>(divisor));
  if (is_floating(type))
    return store_float(element, type, static_cast<float>(sum) / static_cast<float>(divisor));
  const std::int64_t quotient = sum / divisor;
  std::memcpy(element, &quotient, size_of(type));  // two's complement, little-endian: the low bytes
}

}  // namespace perf
