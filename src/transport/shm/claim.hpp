// Lines taken for writing before they are needed.
//
// A line that is to be written must first be taken back from the reader that read it last: as long a way as
// the message's own. Where a writer will send again, it had better begin that way as soon as it has sent, and
// wait for other things meanwhile.
#pragma once

#include <cstddef>

#include "transport/shm/segment.hpp"

namespace tutti::shm {

/// Hints only: nothing is read or written, and the memory need not be there.
inline void claim(const void* memory, std::size_t bytes) noexcept {
  const char* const first = static_cast<const char*>(memory);
  for (std::size_t offset = 0; offset < bytes; offset += kLine) {
#if defined(__x86_64__)
    // The compiler's own hint is one to read, unless it may assume more than the oldest processors: to those,
    // this is no operation.
    asm volatile("prefetchw %0" : : "m"(first[offset]));
#else
    __builtin_prefetch(first + offset, 1);
#endif
  }
}

}  // namespace tutti::shm
