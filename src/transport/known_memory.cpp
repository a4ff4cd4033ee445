#include "transport/known_memory.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tutti {

KnownMemory::KnownMemory(std::span<Transport* const> transports, const Allocations& allocations)
    : allocations_(allocations) {
  std::copy_if(transports.begin(), transports.end(), std::back_inserter(transports_),
               [](const Transport* transport) { return transport->takes_added(); });
}

void KnownMemory::catch_up() noexcept {
  seen_ = allocations_.changes();  // before the look: what changes meanwhile is seen the next time
  const std::vector<Allocation> now = allocations_.all();
  const auto is_in = [](const std::vector<Allocation>& list) {
    return [&list](const Allocation& allocation) {
      return std::any_of(list.begin(), list.end(),
                         [&](const Allocation& other) { return other.number == allocation.number; });
    };
  };
  // An address may have been given out anew: the old memory goes first.
  for (const Allocation& old : known_)
    if (!is_in(now)(old)) remove(old);
  std::erase_if(known_, [&](const Allocation& old) { return !is_in(now)(old); });
  for (const Allocation& allocation : now)
    if (!is_in(known_)(allocation)) add(allocation);
}

void KnownMemory::add(const Allocation& allocation) noexcept {
  known_.push_back(allocation);
  for (Transport* transport : transports_) {
    try {
      transport->add_memory(allocation.data, allocation.bytes);
    } catch (const std::exception& error) {
      TUTTI_LOG(info, "{} bytes of tuttiMemAlloc go over {} by copies: {}", allocation.bytes,
                transport->name(), error.what());
    }
  }
}

void KnownMemory::remove(const Allocation& allocation) noexcept {
  for (Transport* transport : transports_) transport->remove_memory(allocation.data, allocation.bytes);
}

}  // namespace tutti
