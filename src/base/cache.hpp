// The processor's caches, as the kernel tells of them.
#pragma once

#include <cstddef>
#include <filesystem>

namespace tutti {

struct LastLevelCache {
  std::size_t bytes = 16 << 20;
  int processors = 1;  // that share it
};

struct Caches {
  std::size_t second_level_bytes = 1 << 20;
  LastLevelCache last;
};

/// Those of this host's first processor; where the kernel does not tell, common sizes. `folder`: of the
/// processor's caches in sysfs.
[[nodiscard]] Caches caches(const std::filesystem::path& folder = "/sys/devices/system/cpu/cpu0/cache");

}  // namespace tutti
