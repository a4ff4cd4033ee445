// The processor's last-level cache, as the kernel tells of it.
#pragma once

#include <cstddef>
#include <filesystem>

namespace tutti {

struct LastLevelCache {
  std::size_t bytes = 16 << 20;
  int processors = 1;  // that share it
};

/// That of this host's first processor; where the kernel does not tell, a common size. `folder`: of the
/// processor's caches in sysfs.
[[nodiscard]] LastLevelCache last_level_cache(
    const std::filesystem::path& folder = "/sys/devices/system/cpu/cpu0/cache");

}  // namespace tutti
