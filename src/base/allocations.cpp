#include "base/allocations.hpp"

namespace tutti {

Allocations& Allocations::instance() {
  static Allocations instance;
  return instance;
}

std::byte* Allocations::add(Mapping memory) {
  const std::lock_guard guard(lock_);
  std::byte* const data = memory.data();
  given_.emplace(data, Entry{++numbers_, std::move(memory)});
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

}  // namespace tutti
