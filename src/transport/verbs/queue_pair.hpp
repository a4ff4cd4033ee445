// One reliable-connected queue pair: made, connected, and written through. It only ever writes (RDMA write,
// with or without immediate); its receives hold no memory and count the peer's immediates.
#pragma once

#include <cstdint>
#include <span>

#include "transport/verbs/device.hpp"

namespace tutti::verbs {

/// How a peer finds a queue pair.
struct PairAddress {
  std::uint32_t number = 0;
  std::uint32_t packet_number = 0;  // of the first packet that it sends
};

/// The other end's port, as far as a queue pair needs it.
struct PeerPort {
  bool ethernet = false;
  std::uint16_t lid = 0;
  Gid gid{};
  ibv_mtu mtu = IBV_MTU_1024;
};

/// A piece of memory that the device may read, or nothing.
struct Local {
  const std::byte* data = nullptr;
  std::uint32_t key = 0;
  std::uint32_t bytes = 0;
};
/// Where it goes in the peer's memory.
struct Remote {
  std::uint64_t address = 0;
  std::uint32_t key = 0;
};

class QueuePair {
 public:
  struct Depth {
    unsigned sends;
    unsigned receives;
    [[nodiscard]] int completions() const noexcept { return static_cast<int>(sends + receives); }
  };

  /// Ready to receive `depth.receives` immediates once connected. `endpoint`, `pair`: for the tickets. Throws
  /// what libibverbs says.
  QueuePair(const Rail& rail, Depth depth, std::uint32_t endpoint, unsigned pair, const Settings& settings);
  QueuePair(QueuePair&&) noexcept = default;
  QueuePair& operator=(QueuePair&&) = delete;
  ~QueuePair();

  /// Throws what libibverbs says; `peer_name` for the sentence.
  void connect(const PairAddress& peer, const PeerPort& port, const std::string& peer_name,
               const Settings& settings);

  [[nodiscard]] PairAddress address() const noexcept { return address_; }
  [[nodiscard]] PairAddress peer() const noexcept { return peer_; }
  [[nodiscard]] const Rail& rail() const noexcept { return rail_; }
  [[nodiscard]] const Gid& peer_gid() const noexcept { return peer_gid_; }
  [[nodiscard]] ibv_mtu mtu() const noexcept { return mtu_; }

  // Sending. Requests are collected, then posted together; each takes room in the send queue until reaped.
  [[nodiscard]] bool room(unsigned requests) const noexcept {
    return posted_ - reaped_ + requests <= depth_.sends;
  }
  /// Writes without telling the peer. Its room must be there; so for all of these.
  void write(const Local& from, const Remote& to) noexcept;
  /// Writes and gives the peer a completion with the number, which ends its sleep.
  void write_and_tell(const Local& from, const Remote& to, std::uint32_t immediate) noexcept;
  /// The last collected request gives a completion here. (Every so many do of themselves.)
  void signal() noexcept;
  /// Posts what was collected; 0 or an errno.
  [[nodiscard]] int post() noexcept;
  /// Posts receives for so many more immediates; 0 or an errno.
  [[nodiscard]] int receive(unsigned count) noexcept;

  [[nodiscard]] std::uint32_t posted() const noexcept { return posted_; }
  [[nodiscard]] std::uint32_t reaped() const noexcept { return reaped_; }
  void reap(std::uint32_t posted) noexcept { reaped_ = posted; }

 private:
  static constexpr unsigned kCollected = 8;
  void create(const Settings& settings);
  void add(const Local& from, const Remote& to) noexcept;

  Rail rail_;
  Depth depth_;
  Ticket ticket_;
  ibv_cq* completions_;
  std::uint32_t inline_bytes_ = 0;
  QueuePairHandle pair_;
  PairAddress address_;
  PairAddress peer_;
  Gid peer_gid_{};
  ibv_mtu mtu_ = IBV_MTU_1024;
  std::uint32_t posted_ = 0, reaped_ = 0, signalled_ = 0;
  unsigned collected_ = 0;
  ibv_send_wr requests_[kCollected];
  ibv_sge pieces_[kCollected];
};

}  // namespace tutti::verbs
