// One reliable-connected queue pair: made, connected, and written through. Between ranks it only ever writes
// (RDMA write, with or without immediate); its receives hold no memory and count the peer's immediates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "transport/verbs/device.hpp"
#include "transport/verbs/ring.hpp"

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
  const Keys* keys = nullptr;
  std::uint32_t bytes = 0;
};
/// Where it goes in the peer's memory.
struct Remote {
  std::uint64_t address = 0;
  const Keys* keys = nullptr;
};

/// A request as it can be posted again on another queue pair, as long as its memory is unchanged.
struct Written {
  Local from;
  Remote to;
  std::uint32_t immediate = 0;
  bool tells = false;
};

class QueuePair {
 public:
  struct Depth {
    unsigned sends;
    unsigned receives;
    [[nodiscard]] int completions() const noexcept { return static_cast<int>(sends + receives); }
  };

  /// Ready to receive `depth.receives` immediates once connected. `before`: like its tickets; its requests
  /// are numbered from the next on. Throws what libibverbs says.
  QueuePair(const Rail& rail, Depth depth, const Ticket& before, const Settings& settings);
  /// None: for a rail on which none can be made, until one can. It is written nothing to.
  QueuePair(const Rail& rail, Depth depth, const Ticket& before);
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
    return posted_ - reaped_ + requests <= depth_.sends - kReserve;
  }
  /// Of the send queue's depth, so many are kept for what cannot wait: a leased slot, and words of failover.
  static constexpr unsigned kReserve = 32;
  /// Writes without telling the peer. Its room must be there; so for all of these.
  void write(const Local& from, const Remote& to) noexcept;
  /// Writes and gives the peer a completion with the number, which ends its sleep.
  void write_and_tell(const Local& from, const Remote& to, std::uint32_t immediate) noexcept;
  /// Reads `into` here from the peer's memory, and gives a completion here. Its room must be there. Not to be
  /// repeated elsewhere: for queue pairs that do not fail over.
  void read(const Local& into, const Remote& from) noexcept;
  /// The last collected request gives a completion here. (Every so many do of themselves.)
  void signal() noexcept;
  void repeat(const Written& request) noexcept;
  /// The first request of all: nothing but the immediate, with a completion here, and never repeated
  /// elsewhere. 0 or an errno.
  [[nodiscard]] int probe(const Remote& to, std::uint32_t immediate) noexcept;
  /// Posts what was collected; 0 or an errno. Once stopped it only keeps it to be repeated elsewhere.
  [[nodiscard]] int post() noexcept;
  /// Posts receives for so many more immediates; 0 or an errno.
  [[nodiscard]] int receive(unsigned count) noexcept;

  [[nodiscard]] std::uint32_t posted() const noexcept { return posted_; }
  [[nodiscard]] std::uint32_t reaped() const noexcept { return reaped_; }
  /// The last that will give a completion.
  [[nodiscard]] std::uint32_t signalled() const noexcept { return signalled_; }
  void reap(std::uint32_t posted) noexcept {
    reaped_silent_ = !written(posted).tells;
    reaped_ = posted;
  }
  /// A receive is over: told() or flushed.
  void received() noexcept { --ready_; }

  // The end (failover.hpp).
  /// Nothing that the peer sends on it is taken any more, nothing more is sent.
  void stop() noexcept;
  /// It told of all that it took: the last receive was flushed.
  [[nodiscard]] bool drained() const noexcept { return ready_ == 0; }
  /// After stop(): gives it back to the device, which from then on touches nothing for it.
  void destroy() noexcept;
  /// The first request that must be posted elsewhere if the peer heard so many immediates (cut to
  /// kHeardMask), of those up to posted(). nullopt: it lacks what its device had acknowledged, or may lack it
  /// since that has `failed`.
  [[nodiscard]] std::optional<std::uint32_t> first_lost(std::uint32_t heard, bool failed) const noexcept;
  /// Of the requests that were not reaped.
  [[nodiscard]] const Written& written(std::uint32_t number) const noexcept {
    return log_[number % log_.size()];
  }

 private:
  static constexpr unsigned kCollected = 8;
  void create(const Settings& settings);
  void add(const Written& written) noexcept;

  Rail rail_;
  Depth depth_;
  Ticket ticket_;
  ibv_cq* completions_ = nullptr;
  std::uint32_t inline_bytes_ = 0;
  QueuePairHandle pair_;
  PairAddress address_;
  PairAddress peer_;
  Gid peer_gid_{};
  ibv_mtu mtu_ = IBV_MTU_1024;
  std::uint32_t posted_ = 0, reaped_ = 0, signalled_ = 0;
  std::uint32_t told_ = 0;      // of the posted ones, those with an immediate
  std::uint32_t probe_ = 0;     // its number
  bool reaped_silent_ = false;  // the last one had no immediate
  unsigned ready_ = 0;          // receives
  bool stopped_ = false;
  std::vector<Written> log_;  // of the requests that were not reaped, by their numbers
  unsigned collected_ = 0;
  ibv_send_wr requests_[kCollected];
  ibv_sge pieces_[kCollected];
};

}  // namespace tutti::verbs
