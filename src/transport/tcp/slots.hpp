// Memory for slots and for reading ahead: asked of the kernel when first used, so that connections that never
// need it cost nothing.
#pragma once

#include "base/handle.hpp"

namespace tutti::tcp {

class LazyMemory {
 public:
  explicit LazyMemory(std::size_t bytes) noexcept : bytes_(bytes) {}
  /// nullptr: there is none, errno says why.
  [[nodiscard]] std::byte* get() noexcept;

 private:
  std::size_t bytes_;
  Mapping mapping_;
};

}  // namespace tutti::tcp
