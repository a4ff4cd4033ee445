// Memory of each other that the ranks of a host read and write where it lies: what tuttiMemAlloc gave out is
// a file without a name (base/allocations.hpp), which its owner shows to a peer before it first lends it a
// message from there, or offers to take one there, and which the peer maps when it meets that.
//
// A mapping outlives the owner's, so a peer that reads memory freed too early, or of a process that has died,
// reads old bytes and no signal ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "base/allocations.hpp"
#include "base/handle.hpp"
#include "transport/shm/neighbours.hpp"

namespace tutti::shm {

/// A message's place in lent memory, as its header says it.
struct LentPlace {
  std::uint64_t memory = 0;  // its number at its owner; 0: the message lies in the ring
  std::uint64_t offset = 0;
};

/// This rank's own memory, as far as peers may read it. One thread at a time.
class LentMemory {
 public:
  LentMemory(const World& world, Neighbours& neighbours) : world_(world), neighbours_(neighbours) {}

  /// Does nothing with memory that cannot be shared. What is added twice is to be removed twice.
  void add(const std::byte* data, std::size_t bytes);
  /// Nothing of it may be on its way.
  void remove(const std::byte* data, std::size_t bytes) noexcept;

  /// The place of these bytes; memory 0: they are not to be lent.
  [[nodiscard]] LentPlace find(const std::byte* data, std::size_t bytes) noexcept;
  /// Whether all of these ranks have been shown the memory at `data`; shows it to those that have not. false:
  /// that cannot be done.
  [[nodiscard]] bool show(const std::byte* data, std::span<const int> readers) noexcept;

 private:
  struct Lent {
    SharedAllocation shared;
    int uses = 1;
    std::vector<bool> shown;  // by rank
  };
  [[nodiscard]] std::list<Lent>::iterator lent_at(const std::byte* data, std::size_t bytes) noexcept;
  void tell(Kind kind, const Lent& lent, int reader);

  const World& world_;
  Neighbours& neighbours_;
  std::list<Lent> lent_;
};

/// Peers' memory that they lend or offer, mapped here. One thread at a time.
class PeerMemory {
 public:
  explicit PeerMemory(Neighbours& neighbours) : neighbours_(neighbours) {}

  /// Where these bytes lie here; nullptr: they cannot be reached, and the failure is reported.
  [[nodiscard]] std::byte* find(int owner, LentPlace place, std::size_t bytes) noexcept;
  /// Maps and unmaps what peers have said of their memory.
  void catch_up() noexcept;

 private:
  void map(const MemoryNotice& shown) noexcept;

  Neighbours& neighbours_;
  std::map<std::pair<int, std::uint64_t>, Mapping> mapped_;  // by owner and number
};

}  // namespace tutti::shm
