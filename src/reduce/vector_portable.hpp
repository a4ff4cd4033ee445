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
  using Half = Pack<std::uint16_t, kFloats>;

  template <typename P>
  static TUTTI_ALWAYS_INLINE P load_partial(const std::byte* from, std::size_t bytes) {
    return load_part<Portable, P>(from, bytes);
  }
  template <typename P>
  static TUTTI_ALWAYS_INLINE void store_partial(std::byte* to, P pack, std::size_t bytes) {
    store_part<Portable, P>(to, pack, bytes);
  }

  static TUTTI_ALWAYS_INLINE F32 widen_half(Half half) {
    return widen_float16<Portable, kFloats>(__builtin_convertvector(half, Pack<std::uint32_t, kFloats>));
  }
  static TUTTI_ALWAYS_INLINE Half narrow_half(F32 value) {
    return __builtin_convertvector(round_ieee<Portable, 5, 10, kFloats>(value), Half);
  }

#ifdef __SSE2__
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
