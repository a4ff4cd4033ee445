// Memory that the library gave out (tuttiMemAlloc). It stays mapped until it comes back here, so that wires
// may prepare it for their devices without being asked: the only memory of which that is true.
//
// One table for the process; any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/handle.hpp"

namespace tutti {

struct Allocation {
  std::uint64_t number = 0;  // never used again, as addresses are
  std::byte* data = nullptr;
  std::size_t bytes = 0;
};

/// What other processes need to map an allocation.
struct SharedAllocation {
  Allocation allocation;
  FileDescriptor file;  // one's own; the allocation is all of it
};

class Allocations {
 public:
  /// The process's.
  static Allocations& instance();

  /// Takes it over; its address. `file`: what is mapped, from its beginning; none: other processes cannot map
  /// it.
  std::byte* add(Mapping memory, FileDescriptor file = {});
  /// Unmaps it. false: it was not given out, or has come back before.
  [[nodiscard]] bool remove(void* data);

  /// Counts additions and removals: who has seen all() at this count knows all.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  [[nodiscard]] std::vector<Allocation> all() const;
  /// The allocation that these bytes are of; nullopt: none, or one that cannot be shared.
  [[nodiscard]] std::optional<SharedAllocation> shared(const std::byte* data, std::size_t bytes) const;

 private:
  struct Entry {
    std::uint64_t number;
    Mapping memory;
    FileDescriptor file;
  };
  mutable std::mutex lock_;  // guards what follows
  std::map<void*, Entry> given_;
  std::uint64_t numbers_ = 0;
  std::atomic<std::uint64_t> changes_{0};  // release: who sees the count sees the table, once it has the lock
};

}  // namespace tutti
