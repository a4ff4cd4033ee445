// How much memory this process can still get.
#pragma once

#include <cstddef>

namespace tutti::shm {

/// The machine's available memory, or what the process's cgroup still allows, whichever is less; the largest
/// number where neither can be found out. An estimate: asked before large allocations, so that they fail with
/// a sentence instead of by the kernel's out-of-memory killer.
[[nodiscard]] std::size_t available_memory();

}  // namespace tutti::shm
