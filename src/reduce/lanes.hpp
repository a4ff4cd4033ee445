// Lanes<Set, type>: packs of one element type on one instruction set. How they are loaded and stored, what
// they are computed in (Wide: the element itself, float32 for narrow floats), and the operators on them.
#pragma once

#include "base/element.hpp"
#include "reduce/formats.hpp"

namespace tutti::reduce {

/// The element as it lies in memory, and what it is computed in.
template <ElementType type>
struct Representation;
// clang-format off
template <> struct Representation<ElementType::int8>       { using Element = std::int8_t;   using Wide = std::int8_t; };
template <> struct Representation<ElementType::uint8>      { using Element = std::uint8_t;  using Wide = std::uint8_t; };
template <> struct Representation<ElementType::int32>      { using Element = std::int32_t;  using Wide = std::int32_t; };
template <> struct Representation<ElementType::uint32>     { using Element = std::uint32_t; using Wide = std::uint32_t; };
template <> struct Representation<ElementType::int64>      { using Element = std::int64_t;  using Wide = std::int64_t; };
template <> struct Representation<ElementType::uint64>     { using Element = std::uint64_t; using Wide = std::uint64_t; };
template <> struct Representation<ElementType::float32>    { using Element = float;         using Wide = float; };
template <> struct Representation<ElementType::float64>    { using Element = double;        using Wide = double; };
template <> struct Representation<ElementType::float16>    { using Element = std::uint16_t; using Wide = float; };
template <> struct Representation<ElementType::bfloat16>   { using Element = std::uint16_t; using Wide = float; };
template <> struct Representation<ElementType::float8e4m3> { using Element = std::uint8_t;  using Wide = float; };
template <> struct Representation<ElementType::float8e5m2> { using Element = std::uint8_t;  using Wide = float; };

template <std::size_t bytes> struct UnsignedOf;
template <> struct UnsignedOf<1> { using type = std::uint8_t; };
template <> struct UnsignedOf<4> { using type = std::uint32_t; };
template <> struct UnsignedOf<8> { using type = std::uint64_t; };
// clang-format on

template <typename S, ElementType type>
struct Lanes {
  using Set = S;
  using Element = typename Representation<type>::Element;
  using Wide = typename Representation<type>::Wide;
  static constexpr ElementType kType = type;
  static constexpr std::size_t kLanes = Set::kBytes / sizeof(Wide);
  static constexpr bool kFloating = type >= ElementType::float16;
  using Stored = Pack<Element, kLanes>;
  using Vector = Pack<Wide, kLanes>;

  static TUTTI_ALWAYS_INLINE Vector widen(Stored stored) {
    if constexpr (type == ElementType::float16) {
      return Set::widen_half(stored);
    } else if constexpr (type == ElementType::bfloat16) {
      return widen_bfloat16<Set, kLanes>(Set::extend(stored));
    } else if constexpr (type == ElementType::float8e4m3) {
      return widen_e4m3<Set, kLanes>(Set::extend(stored));
    } else if constexpr (type == ElementType::float8e5m2) {
      return Set::widen_half(Set::upper_half(stored));
    } else {
      return stored;
    }
  }

  static TUTTI_ALWAYS_INLINE Stored narrow(Vector vector) {
    if constexpr (type == ElementType::float16) {
      return Set::narrow_half(vector);
    } else if constexpr (type == ElementType::bfloat16) {
      return Set::template cut<Stored>(round_bfloat16<Set, kLanes>(vector));
    } else if constexpr (type == ElementType::float8e4m3) {
      return Set::template cut<Stored>(round_e4m3<Set, kLanes>(vector));
    } else if constexpr (type == ElementType::float8e5m2) {
      return Set::template cut<Stored>(round_ieee<Set, 5, 2, kLanes>(vector));
    } else {
      return vector;
    }
  }

  static TUTTI_ALWAYS_INLINE Vector add(Vector a, Vector b) {
    if constexpr (kFloating) {
      return Set::add(a, b);
    } else {  // unsigned: wraps around, where signed integers overflow
      return bits_as<Vector>(bits_as<Unsigned>(a) + bits_as<Unsigned>(b));
    }
  }
  static TUTTI_ALWAYS_INLINE Vector multiply(Vector a, Vector b) {
    if constexpr (kFloating) {
      return Set::multiply(a, b);
    } else {
      return bits_as<Vector>(bits_as<Unsigned>(a) * bits_as<Unsigned>(b));
    }
  }
  /// b < a ? b : a, and NaN where either is.
  static TUTTI_ALWAYS_INLINE Vector min(Vector a, Vector b) {
    const Vector least = b < a ? b : a;
    if constexpr (kFloating) {
      return b != b ? b : least;
    } else {
      return least;
    }
  }
  /// a < b ? b : a, and NaN where either is.
  static TUTTI_ALWAYS_INLINE Vector max(Vector a, Vector b) {
    const Vector greatest = a < b ? b : a;
    if constexpr (kFloating) {
      return b != b ? b : greatest;
    } else {
      return greatest;
    }
  }

 private:
  using Unsigned = Pack<typename UnsignedOf<sizeof(Wide)>::type, kLanes>;
};

/// An operator as a type: Fold<L, op>::apply(accumulator, next).
template <typename L, Operator op>
struct Fold {
  static constexpr Operator kOperator = op;
  using Vector = typename L::Vector;
  static TUTTI_ALWAYS_INLINE Vector apply(Vector a, Vector b) {
    if constexpr (op == Operator::prod) {
      return L::multiply(a, b);
    } else if constexpr (op == Operator::max) {
      return L::max(a, b);
    } else if constexpr (op == Operator::min) {
      return L::min(a, b);
    } else {
      return L::add(a, b);
    }
  }
};

// What is done to a folded value before it is rounded and written.

template <typename L>
struct Keep {
  using Vector = typename L::Vector;
  TUTTI_ALWAYS_INLINE Vector operator()(Vector folded) const { return folded; }
};

template <typename L>
struct Multiply {
  using Vector = typename L::Vector;
  Vector factor;
  TUTTI_ALWAYS_INLINE Vector operator()(Vector folded) const { return L::multiply(factor, folded); }
};

template <typename L>
struct Divide {
  using Vector = typename L::Vector;
  using Wide = typename L::Wide;
  std::int64_t divisor;

  TUTTI_ALWAYS_INLINE Vector operator()(Vector folded) const {
    if constexpr (L::kFloating) {
      return folded / (Vector{} + static_cast<Wide>(divisor));
    } else {
      Wide lanes[L::kLanes];
      __builtin_memcpy(lanes, &folded, sizeof(folded));
      for (Wide& lane : lanes) lane = quotient(lane);
      __builtin_memcpy(&folded, lanes, sizeof(folded));
      return folded;
    }
  }

 private:
  TUTTI_ALWAYS_INLINE Wide quotient(Wide value) const {
    if constexpr (sizeof(Wide) < 8) {
      // Exact: the quotient of two 32-bit integers is further from the next one than a double rounds.
      return static_cast<Wide>(static_cast<double>(value) / static_cast<double>(divisor));
    } else {
      return value / static_cast<Wide>(divisor);
    }
  }
};

}  // namespace tutti::reduce
