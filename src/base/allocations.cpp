#include "base/allocations.hpp"

#include <fcntl.h>

namespace tutti {

Allocations& Allocations::instance() {
  static Allocations instance;
  return instance;
}

std::byte* Allocations::add(Mapping memory, FileDescriptor file) {
  const std::lock_guard guard(lock_);
  std::byte* const data = memory.data();
  given_.emplace(data, Entry{++numbers_, std::move(memory), std::move(file)});
  changes_.fetch_add(1, std::memory_order_release);  // the table is changed before
  return data;
}

bool Allocations::remove(void* data) {
  const std::lock_guard guard(lock_);
  if (given_.erase(data) == 0) return false;
  changes_.fetch_add(1, std::memory_order_release);  // the table is changed before
  return true;
}

std::vector<Allocation> Allocations::all() const {
  const std::lock_guard guard(lock_);
  std::vector<Allocation> result;
  for (const auto& [data, entry] : given_)
    result.push_back({entry.number, entry.memory.data(), entry.memory.bytes()});
  return result;
}

std::optional<SharedAllocation> Allocations::shared(const std::byte* data, std::size_t bytes) const {
  const std::lock_guard guard(lock_);
  for (const auto& [base, entry] : given_) {
    const auto offset = static_cast<std::size_t>(data - entry.memory.data());
    if (data < entry.memory.data() || offset > entry.memory.bytes() || bytes > entry.memory.bytes() - offset)
      continue;
    FileDescriptor file(entry.file ? ::fcntl(entry.file.get(), F_DUPFD_CLOEXEC, 0) : -1);
    if (!file) return std::nullopt;
    return SharedAllocation{{entry.number, entry.memory.data(), entry.memory.bytes()}, std::move(file)};
  }
  return std::nullopt;
}

}  // namespace tutti
