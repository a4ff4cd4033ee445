// Keeps transports told of the memory that the library gave out (base/allocations.hpp): a device may know it
// without anybody asking. Used by whoever uses the transports, while nothing is on its way: before a run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/allocations.hpp"
#include "transport/transport.hpp"

namespace tutti {

class KnownMemory {
 public:
  /// Of these, those that care. They outlive this.
  explicit KnownMemory(std::span<Transport* const> transports,
                       const Allocations& allocations = Allocations::instance());

  /// What was given out is added, what has come back is removed. What a device refuses is said in the log,
  /// and goes by copies. Costs nothing where nothing has changed.
  void refresh() noexcept {
    if (!transports_.empty() && seen_ != allocations_.changes()) catch_up();
  }

 private:
  void catch_up() noexcept;
  [[nodiscard]] bool add(const Allocation& allocation) noexcept;
  void remove(const Allocation& allocation, std::size_t transports) noexcept;

  const Allocations& allocations_;
  std::vector<Transport*> transports_;
  std::uint64_t seen_ = 0;
  struct Known {
    Allocation allocation;
    bool added;  // else refused, and not asked for again
  };
  std::vector<Known> known_;
};

}  // namespace tutti
