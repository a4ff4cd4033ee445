// The portable set: 16-byte packs that any compiler lowers to what the machine has (SSE2 on x86-64).
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "reduce/formats.hpp"

namespace tutti::reduce {

struct Portable {
  static constexpr std::size_t kBytes = 16;
  static constexpr std::size_t kFloats = 4;
  using F32 = Pack<float, 4>;
  using F64 = Pack<double, 2>;
  using Patterns = Pack<std::uint32_t, kFloats>;
  using Half = Pack<std::uint16_t, kFloats>;
  using Quarter = Pack<std::uint8_t, kFloats>;

  template <typename P>
  static TUTTI_ALWAYS_INLINE P load_partial(const std::byte* from, std::size_t bytes) {
    return load_part<Portable, P>(from, bytes);
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void store_partial(std::byte* to, P pack, std::size_t bytes) {
    store_part<Portable, P>(to, pack, bytes);
  }

  static TUTTI_ALWAYS_INLINE Half upper_half(Quarter narrow) { return cut<Half>(extend(narrow) << 8); }
  static TUTTI_ALWAYS_INLINE F32 widen_half(Half half) {
    return widen_float16<Portable, kFloats>(extend(half));
  }
  static TUTTI_ALWAYS_INLINE Half narrow_half(F32 value) {
    return cut<Half>(round_ieee<Portable, 5, 10, kFloats>(value));
  }

#ifdef __SSE2__
  // Lanes of 8 and 16 bits to the low bits of 32 and back. By hand, because
  // compilers make a store and a load per lane of some of them.
  static TUTTI_ALWAYS_INLINE Patterns extend(Half narrow) {
    const __m128i words = _mm_cvtsi64_si128(bits_as<long long>(narrow));
    return bits_as<Patterns>(_mm_unpacklo_epi16(words, _mm_setzero_si128()));
  }
  static TUTTI_ALWAYS_INLINE Patterns extend(Quarter narrow) {
    const __m128i words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bits_as<int>(narrow)), _mm_setzero_si128());
    return bits_as<Patterns>(_mm_unpacklo_epi16(words, _mm_setzero_si128()));
  }
  template <typename Narrow>
  static TUTTI_ALWAYS_INLINE Narrow cut(Patterns patterns) {
    // Packing saturates as signed, so the 16 bits are made a signed number that fits first.
    const __m128i fits = _mm_srai_epi32(_mm_slli_epi32(bits_as<__m128i>(patterns), 16), 16);
    const __m128i words = _mm_packs_epi32(fits, fits);
    if constexpr (sizeof(Narrow) == sizeof(Half)) {
      return bits_as<Narrow>(static_cast<long long>(_mm_cvtsi128_si64(words)));
    } else {
      return bits_as<Narrow>(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
    }
  }

  template <typename P>
  static TUTTI_ALWAYS_INLINE void stream(std::byte* to, P pack) {
    if constexpr (sizeof(P) == 4) {
      _mm_stream_si32(reinterpret_cast<int*>(to), bits_as<int>(pack));
    } else if constexpr (sizeof(P) == 8) {
      _mm_stream_si64(reinterpret_cast<long long*>(to), bits_as<long long>(pack));
    } else {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to), bits_as<__m128i>(pack));
    }
  }
  static TUTTI_ALWAYS_INLINE void fence() {
    _mm_sfence();
  }

  // In assembly, because a compiler may swap the operands of + and *, and of two NaNs the first must win.
  static TUTTI_ALWAYS_INLINE F32 add(F32 a, F32 b) {
    asm("addps %1, %0" : "+x"(a) : "x"(b));
    return a;
  }
  static TUTTI_ALWAYS_INLINE F64 add(F64 a, F64 b) {
    asm("addpd %1, %0" : "+x"(a) : "x"(b));
    return a;
  }
  static TUTTI_ALWAYS_INLINE F32 multiply(F32 a, F32 b) {
    asm("mulps %1, %0" : "+x"(a) : "x"(b));
    return a;
  }
  static TUTTI_ALWAYS_INLINE F64 multiply(F64 a, F64 b) {
    asm("mulpd %1, %0" : "+x"(a) : "x"(b));
    return a;
  }
#else
  template <typename Narrow>
  static TUTTI_ALWAYS_INLINE Patterns extend(Narrow narrow) {
    return __builtin_convertvector(narrow, Patterns);
  }
  template <typename Narrow>
  static TUTTI_ALWAYS_INLINE Narrow cut(Patterns patterns) {
    return __builtin_convertvector(patterns, Narrow);
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void stream(std::byte* to, P pack) {
    store(to, pack);
  }
  static TUTTI_ALWAYS_INLINE void fence() {}
  static TUTTI_ALWAYS_INLINE F32 add(F32 a, F32 b) {
    return a + b;
  }
  static TUTTI_ALWAYS_INLINE F64 add(F64 a, F64 b) {
    return a + b;
  }
  static TUTTI_ALWAYS_INLINE F32 multiply(F32 a, F32 b) {
    return a * b;
  }
  static TUTTI_ALWAYS_INLINE F64 multiply(F64 a, F64 b) {
    return a * b;
  }
#endif
};

}  // namespace tutti::reduce
