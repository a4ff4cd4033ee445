#include "transport/shm/memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace tutti::shm {
namespace {

constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

/// The number after `key` in a file of "key number" lines; with an empty key, the file's first word.
std::optional<std::size_t> number_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    if (!key.empty() && word != key) continue;
    if (!key.empty() && !(file >> word)) return {};
    if (word.empty() || word.find_first_not_of("0123456789") != std::string::npos || word.size() > 19)
      return {};
    return std::stoull(word);
  }
  return {};
}

std::size_t available_on_machine() {
  const auto kibibytes = number_in("/proc/meminfo", "MemAvailable:");
  return kibibytes ? *kibibytes * 1024 : kUnknown;
}

/// Version 2 only; the group as this process sees it.
std::size_t available_in_cgroup() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    if (line.rfind("0::", 0) != 0) continue;
    const std::string folder = "/sys/fs/cgroup" + line.substr(3);
    const auto most = number_in(folder + "/memory.max", "");
    const auto used = number_in(folder + "/memory.current", "");
    if (!most || !used) return kUnknown;
    const auto reclaimable = number_in(folder + "/memory.stat", "inactive_file").value_or(0);
    const auto kept = *used - std::min(*used, reclaimable);
    return *most - std::min(*most, kept);
  }
  return kUnknown;
}

}  // namespace

std::size_t available_memory() {
  return std::min(available_on_machine(), available_in_cgroup());
}

}  // namespace tutti::shm
