// AVX2 with F16C: 32-byte packs. Included by kernel_avx2.cpp alone, which is compiled for it.
#pragma once

#include "reduce/formats.hpp"

#if defined(__AVX2__) && defined(__F16C__)
#include <immintrin.h>

namespace tutti::reduce {

struct Avx2 {
  static constexpr std::size_t kBytes = 32;
  static constexpr std::size_t kFloats = 8;
  using F32 = Pack<float, 8>;
  using F64 = Pack<double, 4>;
  using Patterns = Pack<std::uint32_t, kFloats>;
  using Half = Pack<std::uint16_t, kFloats>;
  using Quarter = Pack<std::uint8_t, kFloats>;

  template <typename P>
  static TUTTI_ALWAYS_INLINE P load_partial(const std::byte* from, std::size_t bytes) {
    return load_part<Avx2, P>(from, bytes);
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void store_partial(std::byte* to, P pack, std::size_t bytes) {
    store_part<Avx2, P>(to, pack, bytes);
  }

  // Lanes of 8 and 16 bits to the low bits of 32 and back, and of 8 to the upper half of 16. By hand, because
  // compilers make a store and a load per lane of some of them.
  static TUTTI_ALWAYS_INLINE Patterns extend(Half narrow) {
    return bits_as<Patterns>(_mm256_cvtepu16_epi32(bits_as<__m128i>(narrow)));
  }
  static TUTTI_ALWAYS_INLINE Patterns extend(Quarter narrow) {
    return bits_as<Patterns>(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bits_as<long long>(narrow))));
  }
  template <typename Narrow>
  static TUTTI_ALWAYS_INLINE Narrow cut(Patterns patterns) {
    const auto all = bits_as<__m256i>(patterns);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    if constexpr (sizeof(Narrow) == sizeof(Half)) {
      return bits_as<Narrow>(words);
    } else {
      return bits_as<Narrow>(static_cast<long long>(_mm_cvtsi128_si64(_mm_packus_epi16(words, words))));
    }
  }
  static TUTTI_ALWAYS_INLINE Half upper_half(Quarter narrow) {
    const __m128i bytes = _mm_cvtsi64_si128(bits_as<long long>(narrow));
    return bits_as<Half>(_mm_unpacklo_epi8(_mm_setzero_si128(), bytes));
  }

  static TUTTI_ALWAYS_INLINE F32 widen_half(Half half) {
    return bits_as<F32>(_mm256_cvtph_ps(bits_as<__m128i>(half)));
  }
  static TUTTI_ALWAYS_INLINE Half narrow_half(F32 value) {
    return bits_as<Half>(_mm256_cvtps_ph(bits_as<__m256>(value), _MM_FROUND_TO_NEAREST_INT));
  }

  template <typename P>
  static TUTTI_ALWAYS_INLINE void stream(std::byte* to, P pack) {
    if constexpr (sizeof(P) == 8) {
      _mm_stream_si64(reinterpret_cast<long long*>(to), bits_as<long long>(pack));
    } else if constexpr (sizeof(P) == 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to), bits_as<__m128i>(pack));
    } else {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to), bits_as<__m256i>(pack));
    }
  }
  static TUTTI_ALWAYS_INLINE void fence() { _mm_sfence(); }

  // In assembly, because a compiler may swap the operands of + and *, and of two NaNs the first must win.
  static TUTTI_ALWAYS_INLINE F32 add(F32 a, F32 b) {
    F32 sum;
    asm("vaddps %2, %1, %0" : "=x"(sum) : "x"(a), "x"(b));
    return sum;
  }
  static TUTTI_ALWAYS_INLINE F64 add(F64 a, F64 b) {
    F64 sum;
    asm("vaddpd %2, %1, %0" : "=x"(sum) : "x"(a), "x"(b));
    return sum;
  }
  static TUTTI_ALWAYS_INLINE F32 multiply(F32 a, F32 b) {
    F32 product;
    asm("vmulps %2, %1, %0" : "=x"(product) : "x"(a), "x"(b));
    return product;
  }
  static TUTTI_ALWAYS_INLINE F64 multiply(F64 a, F64 b) {
    F64 product;
    asm("vmulpd %2, %1, %0" : "=x"(product) : "x"(a), "x"(b));
    return product;
  }
};

}  // namespace tutti::reduce
#endif
