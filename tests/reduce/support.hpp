// What the tests of the kernels share: every case by name, inputs that are nasty, and the fold as its
// definition has it, one element at a time.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "reduce/reduce.hpp"

namespace tutti::reduce::test {

using Bytes = std::vector<std::byte>;

inline std::vector<ElementType> all_types() {
  std::vector<ElementType> types;
  for (int type = 0; type < kElementTypes; ++type) types.push_back(static_cast<ElementType>(type));
  return types;
}
inline std::vector<Operator> all_operators() {
  return {Operator::sum, Operator::prod, Operator::max, Operator::min, Operator::avg};
}
/// Those that this machine can run.
inline std::vector<InstructionSet> all_sets() {
  std::vector<InstructionSet> sets;
  for (int set = 0; set <= static_cast<int>(best_instruction_set()); ++set) {
    sets.push_back(static_cast<InstructionSet>(set));
  }
  return sets;
}

inline std::string set_name(InstructionSet set) {
  return set == InstructionSet::portable ? "portable" : set == InstructionSet::avx2 ? "avx2" : "avx512";
}

inline bool is_narrow(ElementType type) {
  return is_floating(type) && size_of(type) < 4;
}

/// Elements of random bits: every kind of number, NaNs, infinities and subnormals among them.
inline Bytes random_bits(std::size_t count, ElementType type, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(count * size_of(type));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

/// Elements of a size whose sums and products mean something.
inline Bytes random_values(std::size_t count, ElementType type, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(count * size_of(type));
  for (std::size_t index = 0; index < count; ++index) {
    const double value = is_floating(type) ? static_cast<double>(random() % 4097) / 512.0 - 4.0
                                           : static_cast<double>(random() % 100);
    from_double(value, bytes.data() + index * size_of(type), type);
  }
  return bytes;
}

template <typename T>
T get(const std::byte* element) {
  T value;
  std::memcpy(&value, element, sizeof(value));
  return value;
}
template <typename T>
void put(std::byte* element, T value) {
  std::memcpy(element, &value, sizeof(value));
}

template <typename T>
T fold_pair(T a, T b, Operator op) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    // 64 bits of unsigned arithmetic, cut down: what wrapping around means for every width.
    const auto wide_a = static_cast<std::uint64_t>(a);
    const auto wide_b = static_cast<std::uint64_t>(b);
    if (op == Operator::prod) return static_cast<T>(static_cast<U>(wide_a * wide_b));
    if (op == Operator::max) return a < b ? b : a;
    if (op == Operator::min) return b < a ? b : a;
    return static_cast<T>(static_cast<U>(wide_a + wide_b));
  } else {
    if (op == Operator::prod) return a * b;
    if ((op == Operator::max || op == Operator::min) && std::isnan(b)) return b;
    if (op == Operator::max) return a < b ? b : a;
    if (op == Operator::min) return b < a ? b : a;
    return a + b;
  }
}

/// Average is the kernel of sum; the other operators ignore the divisor.
inline bool divides(Operator op) {
  return op == Operator::sum || op == Operator::avg;
}

template <typename T>
T divided(T value, std::int64_t divisor) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    return value / static_cast<std::uint64_t>(divisor);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<std::int64_t>(value) / divisor);
  } else {
    return value / static_cast<T>(divisor);
  }
}

template <typename T>
void fold_one(std::byte* result, const std::vector<const std::byte*>& inputs, Operator op,
              std::int64_t divisor) {
  T folded = get<T>(inputs[0]);
  for (std::size_t input = 1; input < inputs.size(); ++input) {
    folded = fold_pair(folded, get<T>(inputs[input]), op);
  }
  put(result, divides(op) ? divided(folded, divisor) : folded);
}

/// A narrow float: computed in float32, as the contract says, rounded once through double.
inline void fold_narrow(std::byte* result, const std::vector<const std::byte*>& inputs, ElementType type,
                        Operator op, std::int64_t divisor) {
  auto folded = static_cast<float>(to_double(inputs[0], type));
  for (std::size_t input = 1; input < inputs.size(); ++input) {
    folded = fold_pair(folded, static_cast<float>(to_double(inputs[input], type)), op);
  }
  from_double(divides(op) ? divided(folded, divisor) : folded, result, type);
}

/// One element of the result by the definition.
inline void fold_element(std::byte* result, const std::vector<const std::byte*>& inputs, ElementType type,
                         Operator op, std::int64_t divisor) {
  switch (type) {
    case ElementType::int8: return fold_one<std::int8_t>(result, inputs, op, divisor);
    case ElementType::uint8: return fold_one<std::uint8_t>(result, inputs, op, divisor);
    case ElementType::int32: return fold_one<std::int32_t>(result, inputs, op, divisor);
    case ElementType::uint32: return fold_one<std::uint32_t>(result, inputs, op, divisor);
    case ElementType::int64: return fold_one<std::int64_t>(result, inputs, op, divisor);
    case ElementType::uint64: return fold_one<std::uint64_t>(result, inputs, op, divisor);
    case ElementType::float32: return fold_one<float>(result, inputs, op, divisor);
    case ElementType::float64: return fold_one<double>(result, inputs, op, divisor);
    default: return fold_narrow(result, inputs, type, op, divisor);
  }
}

inline Bytes fold(const std::vector<Bytes>& inputs, ElementType type, Operator op, std::int64_t divisor = 1) {
  Bytes result(inputs[0].size());
  std::vector<const std::byte*> elements(inputs.size());
  for (std::size_t offset = 0; offset < result.size(); offset += size_of(type)) {
    for (std::size_t input = 0; input < inputs.size(); ++input)
      elements[input] = inputs[input].data() + offset;
    fold_element(result.data() + offset, elements, type, op, divisor);
  }
  return result;
}

inline std::vector<const std::byte*> pointers_to(const std::vector<Bytes>& inputs) {
  std::vector<const std::byte*> pointers;
  for (const Bytes& input : inputs) pointers.push_back(input.data());
  return pointers;
}

/// The kernel's result for the inputs.
inline Bytes reduced(const std::vector<Bytes>& inputs, ElementType type, Operator op, InstructionSet set,
                     std::int64_t divisor = 1) {
  Bytes result(inputs[0].size());
  const auto pointers = pointers_to(inputs);
  kernel(type, op, set)(Output{result.data()}, pointers.data(), static_cast<int>(pointers.size()),
                        result.size() / size_of(type), divisor);
  return result;
}

inline std::uint64_t bits_of(const std::byte* element, ElementType type) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, element, size_of(type));
  return bits;
}

/// Equal to the bit, or both NaN where `any_nan`: the scalar reference does not say which one.
inline ::testing::AssertionResult same(const Bytes& got, const Bytes& wanted, ElementType type,
                                       bool any_nan) {
  if (got == wanted) return ::testing::AssertionSuccess();
  for (std::size_t offset = 0; offset < got.size(); offset += size_of(type)) {
    const std::byte* left = got.data() + offset;
    const std::byte* right = wanted.data() + offset;
    if (bits_of(left, type) == bits_of(right, type)) continue;
    if (any_nan && std::isnan(to_double(left, type)) && std::isnan(to_double(right, type))) continue;
    return ::testing::AssertionFailure()
           << "element " << offset / size_of(type) << " of " << got.size() / size_of(type) << " is "
           << std::hex << bits_of(left, type) << ", not " << bits_of(right, type) << " ("
           << to_double(left, type) << ", not " << to_double(right, type) << ")";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace tutti::reduce::test
