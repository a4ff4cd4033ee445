// Copies of up to 64 bytes without a call or a loop: two moves that overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tutti::shm {

template <std::size_t width>
inline void copy_ends(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  struct Chunk {
    std::byte data[width];
  } first, last;
  std::memcpy(&first, from, width);
  std::memcpy(&last, from + bytes - width, width);
  std::memcpy(to, &first, width);
  std::memcpy(to + bytes - width, &last, width);
}

inline void copy_small(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  if (bytes >= 32)
    copy_ends<32>(to, from, bytes);
  else if (bytes >= 16)
    copy_ends<16>(to, from, bytes);
  else if (bytes >= 8)
    copy_ends<8>(to, from, bytes);
  else if (bytes >= 4)
    copy_ends<4>(to, from, bytes);
  else if (bytes >= 2)
    copy_ends<2>(to, from, bytes);
  else if (bytes == 1)
    *to = *from;
}

}  // namespace tutti::shm
