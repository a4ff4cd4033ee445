#include "transport/known_memory.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tutti {

KnownMemory::KnownMemory(std::span<Transport* const> transports, const Allocations& allocations)
    : allocations_(allocations) {
  std::copy_if(
      transports.begin(), transports.end(), std::back_inserter(transports_),
      [](const Transport* transport) { return transport->takes_added() || transport->lends_added(); });
}

void KnownMemory::catch_up() noexcept {
  seen_ = allocations_.changes();  // before the look: what changes meanwhile is seen the next time
  const std::vector<Allocation> now = allocations_.all();
  // An address may have been given out anew: the old memory goes first.
  std::erase_if(known_, [&](const Known& old) {
    const bool stays = std::any_of(now.begin(), now.end(), [&](const Allocation& allocation) {
      return allocation.number == old.allocation.number;
    });
    if (!stays && old.added) remove(old.allocation, transports_.size());
    return !stays;
  });
  for (const Allocation& allocation : now) {
    const bool is_new = std::none_of(known_.begin(), known_.end(), [&](const Known& one) {
      return one.allocation.number == allocation.number;
    });
    if (is_new) known_.push_back({allocation, add(allocation)});
  }
}

/// With all transports or none.
bool KnownMemory::add(const Allocation& allocation) noexcept {
  for (std::size_t i = 0; i < transports_.size(); ++i) {
    try {
      transports_[i]->add_memory(allocation.data, allocation.bytes);
    } catch (const std::exception& error) {
      TUTTI_LOG(info, "{} bytes of tuttiMemAlloc go over {} by copies: {}", allocation.bytes,
                transports_[i]->name(), error.what());
      remove(allocation, i);
      return false;
    }
  }
  return true;
}

void KnownMemory::remove(const Allocation& allocation, std::size_t transports) noexcept {
  for (std::size_t i = 0; i < transports; ++i)
    transports_[i]->remove_memory(allocation.data, allocation.bytes);
}

}  // namespace tutti
