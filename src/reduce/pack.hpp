// Packs: the compiler's own vector type, of any element and width, and the few things we ask of it.
// Element-wise
// + - * < ?: and shifts are the language's; everything here is a template, because this header is compiled
// with several instruction sets and no function of it may be shared among them.
#pragma once

#include <cstddef>
#include <cstdint>

#define TUTTI_ALWAYS_INLINE inline __attribute__((always_inline))

namespace tutti::reduce {

template <typename T, std::size_t lanes>
struct PackOf {
  typedef T type
      __attribute__((vector_size(lanes * sizeof(T))));  // NOLINT(modernize-use-using): the attribute
};
template <typename T, std::size_t lanes>
using Pack = typename PackOf<T, lanes>::type;

/// The same bits as another type.
template <typename To, typename From>
TUTTI_ALWAYS_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

template <typename P>
TUTTI_ALWAYS_INLINE P load(const std::byte* from) {
  P pack;
  __builtin_memcpy(&pack, from, sizeof(P));
  return pack;
}

template <typename P>
TUTTI_ALWAYS_INLINE void store(std::byte* to, P pack) {
  __builtin_memcpy(to, &pack, sizeof(P));
}

/// The first `bytes` (1 to sizeof(P)) of a pack, the rest zero, for sets without masked loads. The sizes of
/// one and two elements are loaded as what they are: a buffer on the stack would cost a stalled store
/// forwarding.
template <typename Set, typename P>
TUTTI_ALWAYS_INLINE P load_part(const std::byte* from, std::size_t bytes) {
  if (bytes == sizeof(P)) return load<P>(from);
  if constexpr (sizeof(P) >= 16) {
    using Words = Pack<std::uint64_t, sizeof(P) / 8>;
    if (bytes == 8) {
      std::uint64_t word;
      __builtin_memcpy(&word, from, 8);
      return bits_as<P>(Words{word});
    }
    if (bytes == 4) {
      std::uint32_t word;
      __builtin_memcpy(&word, from, 4);
      return bits_as<P>(Words{word});
    }
  }
  P pack{};
  __builtin_memcpy(&pack, from, bytes);
  return pack;
}

template <typename Set, typename P>
TUTTI_ALWAYS_INLINE void store_part(std::byte* to, P pack, std::size_t bytes) {
  if (bytes == sizeof(P)) return store(to, pack);
  if constexpr (sizeof(P) >= 16) {
    const std::uint64_t word = bits_as<Pack<std::uint64_t, sizeof(P) / 8>>(pack)[0];
    if (bytes == 8 || bytes == 4) {
      if (bytes == 8) __builtin_memcpy(to, &word, 8);
      if (bytes == 4) __builtin_memcpy(to, &word, 4);
      return;
    }
  }
  __builtin_memcpy(to, &pack, bytes);
}

}  // namespace tutti::reduce
