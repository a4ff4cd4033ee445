// AVX-512 (F, BW, VL, DQ): 64-byte packs and masked tails. Included by kernel_avx512.cpp alone, which is
// compiled for it.
#pragma once

#include "reduce/formats.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace tutti::reduce {

struct Avx512 {
  static constexpr std::size_t kBytes = 64;
  static constexpr std::size_t kFloats = 16;
  using F32 = Pack<float, 16>;
  using F64 = Pack<double, 8>;
  using Patterns = Pack<std::uint32_t, kFloats>;
  using Half = Pack<std::uint16_t, kFloats>;
  using Quarter = Pack<std::uint8_t, kFloats>;
  /// Conversions are masked with all lanes: the plain form makes gcc 12 warn of a pack left uninitialised.
  static constexpr __mmask16 kAll = 0xffff;

  template <typename P>
  static TUTTI_ALWAYS_INLINE P load_partial(const std::byte* from, std::size_t bytes) {
    if constexpr (sizeof(P) == 64) {
      return bits_as<P>(_mm512_maskz_loadu_epi8(~std::uint64_t{0} >> (64 - bytes), from));
    } else if constexpr (sizeof(P) == 32) {
      return bits_as<P>(_mm256_maskz_loadu_epi8(~std::uint32_t{0} >> (32 - bytes), from));
    } else {
      return bits_as<P>(_mm_maskz_loadu_epi8(static_cast<__mmask16>(0xffffU >> (16 - bytes)), from));
    }
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void store_partial(std::byte* to, P pack, std::size_t bytes) {
    if constexpr (sizeof(P) == 64) {
      _mm512_mask_storeu_epi8(to, ~std::uint64_t{0} >> (64 - bytes), bits_as<__m512i>(pack));
    } else if constexpr (sizeof(P) == 32) {
      _mm256_mask_storeu_epi8(to, ~std::uint32_t{0} >> (32 - bytes), bits_as<__m256i>(pack));
    } else {
      _mm_mask_storeu_epi8(to, static_cast<__mmask16>(0xffffU >> (16 - bytes)), bits_as<__m128i>(pack));
    }
  }

  // Lanes of 8 and 16 bits to the low bits of 32 and back, and of 8 to the upper half of 16. By hand, because
  // compilers make a store and a load per lane of some of them.
  static TUTTI_ALWAYS_INLINE Patterns extend(Half narrow) {
    return bits_as<Patterns>(_mm512_maskz_cvtepu16_epi32(kAll, bits_as<__m256i>(narrow)));
  }
  static TUTTI_ALWAYS_INLINE Patterns extend(Quarter narrow) {
    return bits_as<Patterns>(_mm512_maskz_cvtepu8_epi32(kAll, bits_as<__m128i>(narrow)));
  }
  template <typename Narrow>
  static TUTTI_ALWAYS_INLINE Narrow cut(Patterns patterns) {
    if constexpr (sizeof(Narrow) == sizeof(Half)) {
      return bits_as<Narrow>(_mm512_maskz_cvtepi32_epi16(kAll, bits_as<__m512i>(patterns)));
    } else {
      return bits_as<Narrow>(_mm512_maskz_cvtepi32_epi8(kAll, bits_as<__m512i>(patterns)));
    }
  }
  static TUTTI_ALWAYS_INLINE Half upper_half(Quarter narrow) {
    return bits_as<Half>(_mm256_slli_epi16(_mm256_cvtepu8_epi16(bits_as<__m128i>(narrow)), 8));
  }

  static TUTTI_ALWAYS_INLINE F32 widen_half(Half half) {
    return bits_as<F32>(_mm512_maskz_cvtph_ps(kAll, bits_as<__m256i>(half)));
  }
  static TUTTI_ALWAYS_INLINE Half narrow_half(F32 value) {
    return bits_as<Half>(_mm512_maskz_cvtps_ph(kAll, bits_as<__m512>(value), _MM_FROUND_TO_NEAREST_INT));
  }

  template <typename P>
  static TUTTI_ALWAYS_INLINE void stream(std::byte* to, P pack) {
    if constexpr (sizeof(P) == 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to), bits_as<__m128i>(pack));
    } else if constexpr (sizeof(P) == 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(to), bits_as<__m256i>(pack));
    } else {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), bits_as<__m512i>(pack));
    }
  }
  static TUTTI_ALWAYS_INLINE void fence() { _mm_sfence(); }

  // In assembly, because a compiler may swap the operands of + and *, and of two NaNs the first must win.
  static TUTTI_ALWAYS_INLINE F32 add(F32 a, F32 b) {
    F32 sum;
    asm("vaddps %2, %1, %0" : "=v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  static TUTTI_ALWAYS_INLINE F64 add(F64 a, F64 b) {
    F64 sum;
    asm("vaddpd %2, %1, %0" : "=v"(sum) : "v"(a), "v"(b));
    return sum;
  }
  static TUTTI_ALWAYS_INLINE F32 multiply(F32 a, F32 b) {
    F32 product;
    asm("vmulps %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
    return product;
  }
  static TUTTI_ALWAYS_INLINE F64 multiply(F64 a, F64 b) {
    F64 product;
    asm("vmulpd %2, %1, %0" : "=v"(product) : "v"(a), "v"(b));
    return product;
  }
};

}  // namespace tutti::reduce
#endif
