// One rank's half of one-sided communication: its windows, what it puts into those of others, what others put
// into its own, and the signals that have come. A machine that is polled: serve() applies what peers have
// sent, advance() moves this rank's own call on; neither waits. service.hpp is the one who waits.
//
// Everything for a peer goes over one ordered connection: a put's header and data, then the signal. So a
// signal that has come stands for all that its sender has put here before. Long data go straight into the
// window where the wire can do so (Reach), and only the signal as a message behind them.
//
// One thread at a time. What fails is recorded in World::failure, and nothing moves from then on.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "execute/connections.hpp"
#include "onesided/inbound.hpp"
#include "onesided/operation.hpp"

namespace tutti::onesided {

/// What a rank says of its part of a window.
struct Description {
  std::size_t bytes = 0;
  std::vector<std::string> exposed;  // by transport: what writing there takes
};

/// Memory that all ranks of a communicator have registered together, each its own.
struct Window {
  std::uint32_t number = 0;                       // the same on every rank
  std::span<std::byte> memory;                    // this rank's
  Description own{};                              // once this rank has said it
  std::vector<std::size_t> sizes;                 // by rank, once they are known
  std::vector<std::unique_ptr<Reach>> reaches{};  // by rank: ways into theirs; nullptr: by messages
};

class Exchange {
 public:
  /// `transports`: those that have met, in order of preference.
  Exchange(const World& world, std::vector<Transport*> transports);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Opens the connections with all peers, who do the same. Throws timeout or the recorded failure.
  void connect(Deadline deadline);

  /// From now on peers may put into it. The windows of a rank are numbered in order.
  Window& add(std::span<std::byte> memory);
  /// Throws what a device says.
  [[nodiscard]] const Description& describe(Window& window);
  /// What all ranks have said of it, by rank.
  void know(Window& window, std::span<const Description> descriptions);
  /// After a fence.
  void remove(const Window& window) noexcept;

  /// Applies what peers have sent, up to a bound. false: nothing had come.
  [[nodiscard]] bool serve() noexcept;
  /// Moves the call on. true: it is over.
  [[nodiscard]] bool advance(Operation& operation) noexcept;
  /// "it waits for 2 more signals 0 of rank 3", for sentences.
  [[nodiscard]] std::string waiting_for(const Operation& operation) const;

  [[nodiscard]] std::span<Transport* const> transports() const noexcept { return connections_.transports(); }
  [[nodiscard]] std::size_t piece_bytes() const noexcept { return piece_bytes_; }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};  // no window: the communicator ends

  struct Peer {
    Outgoing* out = nullptr;  // nullptr: this rank itself
    std::optional<Inbound> in;
    int rank = 0;
    bool sending = false;                               // between a header and the last of its data
    bool left = false;                                  // nothing more comes
    int raises = -1;                                    // the signal of the data that are filling a window
    std::uint64_t asks = 0, landings = 0;               // questions sent, answers come
    std::uint64_t owed = 0;                             // answers to be sent
    bool unflushed = false;                             // something was put since the last question
    std::uint64_t fences = 0;                           // come so far: one more than this rank's own at most
    std::array<std::uint32_t, 2> fenced{kNone, kNone};  // their windows
    std::array<std::uint64_t, kSignals> signals{};      // come and not yet waited for
  };

  [[nodiscard]] Peer& peer(int rank) noexcept { return peers_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] const Peer& peer(int rank) const noexcept { return peers_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] bool serve(Peer& peer) noexcept;
  void obey(Peer& peer, const Header& header) noexcept;
  void accept(Peer& peer, const Header& header) noexcept;
  [[nodiscard]] bool answer(Peer& peer) noexcept;
  [[nodiscard]] bool say(Peer& peer, const Header& header) noexcept;
  void give_up(Code code, int culprit, std::string sentence) noexcept;

  [[nodiscard]] bool put(Operation& operation) noexcept;
  [[nodiscard]] bool put_here(const Operation& operation) noexcept;
  [[nodiscard]] bool put_directly(Operation& operation, Reach& reach) noexcept;
  [[nodiscard]] bool put_by_messages(Operation& operation, Peer& to) noexcept;
  [[nodiscard]] bool begin_put(Operation& operation, Peer& to) noexcept;
  [[nodiscard]] bool wait(Operation& operation) noexcept;
  [[nodiscard]] bool flush(Operation& operation) noexcept;
  [[nodiscard]] bool fence(Operation& operation) noexcept;
  void differ(const Peer& from, std::uint32_t theirs, std::uint32_t ours) noexcept;
  [[nodiscard]] bool tell_all(Operation& operation, Word word, std::uint32_t window) noexcept;
  [[nodiscard]] bool all_left() const noexcept;

  const World& world_;
  const std::size_t direct_above_;  // below, a slot is quicker than a system call or an acknowledgement
  Connections connections_;
  std::size_t piece_bytes_ = ~std::size_t{0};
  std::vector<Peer> peers_;
  std::map<std::uint32_t, Window> windows_;
  std::uint32_t next_window_ = 0;
  std::uint64_t fences_ = 0;  // this rank's own that are over
  bool quiet_ = false;        // has given up
};

}  // namespace tutti::onesided
