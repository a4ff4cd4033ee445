// The connections a communicator has opened, by (writer, readers, lane). Programs name ranks; this table
// knows which wire joins them, and opens each connection once, on its first use.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "transport/transport.hpp"

namespace tutti {

/// The writer's end, with what the executor counts at it.
struct Outgoing {
  std::unique_ptr<Outlet> outlet;
  std::uint64_t sent = 0;    // messages given to the outlet so far
  bool takes_added = false;  // as its transport says
  bool lends = false;        // likewise
};

/// A reader's end. `inlet` is set by Connections::open_inlets().
struct Incoming {
  std::unique_ptr<Inlet> inlet;
  std::uint64_t expected = 0;  // messages announced with expect() so far
  int writer = -1;
  bool takes_added = false;  // as its transport says
  bool lends = false;        // likewise
};

/// Used by one thread at a time.
class Connections {
 public:
  /// `transports`: the usable ones in order of preference. Both outlive this.
  Connections(const World& world, std::vector<Transport*> transports);

  [[nodiscard]] int rank() const noexcept { return world_.rank; }
  [[nodiscard]] int size() const noexcept { return world_.size; }
  [[nodiscard]] const World& world() const noexcept { return world_; }
  [[nodiscard]] std::span<Transport* const> transports() const noexcept { return transports_; }

  /// The peers of a send, split the way the wires carry it: those that share one multicast together, the
  /// others alone. A pure function of what all ranks know, so that a reader finds the group its writer chose.
  [[nodiscard]] std::vector<std::vector<int>> groups_of(int writer, std::span<const int> peers) const;

  /// Opens the writer's end if it is new; never waits.
  Outgoing& outgoing(const std::vector<int>& readers, int lane);
  /// Notes a reader's end, to be opened by open_inlets().
  Incoming& incoming(int writer, const std::vector<int>& readers, int lane);
  /// No noted end waits to be opened. Any thread.
  [[nodiscard]] bool complete() const noexcept { return unopened_.load(std::memory_order_acquire) == 0; }
  /// Opens the noted ends; waits for their writers until the deadline. Throws timeout or the recorded
  /// failure.
  void open_inlets(Deadline deadline);

 private:
  struct Key {
    int writer;
    std::vector<int> readers;
    int lane;
    auto operator<=>(const Key&) const = default;
  };
  [[nodiscard]] Transport& wire_to(int peer) const;

  const World& world_;
  std::vector<Transport*> transports_;
  std::map<Key, Outgoing> outgoing_;  // node-based: references stay valid
  std::map<Key, Incoming> incoming_;
  std::atomic<int> unopened_{0};  // acquire and release: who sees 0 sees the open inlets
};

}  // namespace tutti
