#include "transport/tcp/slots.hpp"

#include <sys/mman.h>

namespace tutti::tcp {

std::byte* LazyMemory::get() noexcept {
  if (!mapping_) {
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    mapping_ = Mapping(static_cast<std::byte*>(memory), bytes_);
  }
  return mapping_.data();
}

}  // namespace tutti::tcp
