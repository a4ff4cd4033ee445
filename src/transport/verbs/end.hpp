// An end of a connection, writer's or reader's: its queue pairs, the socket over which it was set up, and how
// it ends.
//
// One queue pair, the carrier, carries the ring and the reader's words; the others pieces of large messages,
// or nothing until another fails (failover.hpp). An end of stream on the socket (the lifeline) says that the
// peer is gone: a failure only for who waits for something.
#pragma once

#include <optional>
#include <vector>

#include "transport/verbs/failover.hpp"
#include "transport/verbs/greeting.hpp"
#include "transport/verbs/link.hpp"
#include "transport/verbs/station.hpp"

namespace tutti::verbs {

class End : protected Busy, private Watched {
 public:
  End(const End&) = delete;
  End& operator=(const End&) = delete;

 protected:
  End(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline);
  ~End();

  /// Derived destructors begin with it: from then on neither device nor peer touches the connection's memory.
  void close() noexcept;

  /// One more queue pair, on this rail; left out where libibverbs refuses it.
  void add_pair(const Rail& rail, QueuePair::Depth depth);
  /// The connection begins without it (failover.hpp, step 0). `for_good`: and stays so.
  void leave_out(unsigned index, const std::string& why, bool for_good = false);
  /// Those whose rail's device did not take this memory.
  void leave_out_without(const PinnedMemory& memory);
  /// Those whose port is not active, if there are others.
  void leave_out_inactive();
  /// Throws why each was left out, if none is left.
  void need_one() const;
  /// What the peer is told of it.
  [[nodiscard]] PairAddress address_of(unsigned index) noexcept {
    return is_gone(index) ? PairAddress{} : pair(index).address();
  }
  /// Connects it with the peer's. Where that fails, it is given up if there are others; else throws what
  /// libibverbs says. The reader leaves it out, as it has not answered yet.
  void connect_pair(unsigned index, const PairAddress& peer, const PeerPort& port);
  [[nodiscard]] unsigned pairs() const noexcept { return static_cast<unsigned>(joints_.size()); }
  [[nodiscard]] QueuePair& pair(unsigned index) noexcept { return *joints_[index]->pair; }
  /// Posts what was collected on it.
  void post(unsigned index) noexcept;
  /// The keys of this memory's for each queue pair.
  [[nodiscard]] Keys local_keys(const Registration& memory) noexcept;
  [[nodiscard]] Keys remote_keys(const Registration& memory) noexcept;

  [[nodiscard]] bool usable() const noexcept { return !gone_ && !link_.broken(); }
  [[nodiscard]] bool gone() const noexcept { return gone_; }

  // Failover (end_failover.cpp).
  /// Something may be sent: on route()[0], the carrier, and on the other ones of the route. Only pump() makes
  /// it so again.
  [[nodiscard]] bool flowing() const noexcept { return usable() && doomed_count_ == 0; }
  [[nodiscard]] const std::array<std::uint8_t, kMostPairs>& route() const noexcept { return route_; }
  [[nodiscard]] unsigned route_length() const noexcept { return route_length_; }
  [[nodiscard]] unsigned carrier() const noexcept { return route_[0]; }
  /// It was not given up, or is used again.
  [[nodiscard]] bool serves(unsigned index) const noexcept {
    return joints_[index]->state == Joint::State::serves;
  }
  /// Given up, and what it owed is posted elsewhere.
  [[nodiscard]] bool is_gone(unsigned index) const noexcept {
    return joints_[index]->state == Joint::State::gone;
  }
  /// How often what one queue pair owed was posted on another.
  [[nodiscard]] unsigned moves() const noexcept { return moves_; }
  /// A queue pair is not settled, or was given up: rescue() has to be called.
  [[nodiscard]] bool needs_rescue() const noexcept { return away_ > 0 && usable(); }
  /// The next step on the way back to flowing(), if it is not, and to the rails that were left; to be called
  /// by pump().
  void rescue() noexcept;
  /// This end begins to go back to a rail: the writer.
  [[nodiscard]] virtual bool leads() const noexcept = 0;
  /// Both ends' queue pairs are connected, as far as they serve.
  [[nodiscard]] virtual bool established() const noexcept = 0;
  /// What queue pair `from` owed is posted on `to`, and asks for its completion there.
  virtual void moved(unsigned to) noexcept { (void)to; }
  [[nodiscard]] unsigned rail_down(const Device& device, int port, const std::string& why) noexcept override;

  /// Something was written to the socket, or may have been.
  virtual void hear() noexcept = 0;
  /// What the peer's going leaves undone, "2 messages were due"; nothing: it may go.
  [[nodiscard]] virtual std::optional<std::string> due() const noexcept = 0;
  virtual void received(std::uint32_t immediate) noexcept = 0;
  virtual void sent() noexcept {}
  /// Called by pump() of the derived ones. false: the peer is gone, and there is no more to do.
  void look_for_peer() noexcept;
  void leave() noexcept;

  std::shared_ptr<Station> station_;
  Link link_;
  FileDescriptor lifeline_;
  Remote peers_memory_;  // somewhere that may be written to: a word without data names it

 private:
  /// A queue pair and its place in the completions of its device.
  struct Joint final : Completed {
    enum class State { offered, tries, serves, drains, closed, gone };  // the steps of failover.hpp

    Joint(End& its_end, unsigned its_index, const Rail& rail, QueuePair::Depth its_depth,
          const Settings& settings);
    Joint(const Joint&) = delete;
    Joint& operator=(const Joint&) = delete;
    [[nodiscard]] std::string make(const Rail& rail, const Settings& settings);
    [[nodiscard]] bool listens_to(const Ticket& ticket) const noexcept {
      return pair && state <= State::drains && ticket.life == (life & Ticket::kLifeMask);
    }
    /// What tickets of a queue pair begin with that follows so many requests.
    [[nodiscard]] Ticket ticket(std::uint32_t its_life, std::uint32_t posted) const noexcept {
      return {posted, enrolment.place(), static_cast<std::uint8_t>(index),
              static_cast<std::uint8_t>(its_life & Ticket::kLifeMask), false};
    }
    void received(const Ticket& ticket, std::uint32_t immediate) noexcept override;
    void sent(const Ticket& ticket) noexcept override;
    void failed(const Ticket& ticket, const ibv_wc& completion) noexcept override;

    End& end;
    unsigned index;
    std::shared_ptr<Device> device;
    QueuePair::Depth depth;
    std::string why_not;  // there is none from the beginning
    bool barred = false;  // there will be none
    PeerPort port;        // that it goes to
    std::uint32_t life = 0;
    State state = State::serves;
    bool carried = true;      // in this life: it served
    std::uint32_t heard = 0;  // immediates
    unsigned unready = 0;     // receives that are to be posted anew
    Deadline patience{};      // for its draining
    std::optional<std::uint32_t> peer_heard;
    bool peer_failed = false;            // with it
    std::optional<Closed> last_word;     // once it is closed, until the next life begins for both
    std::optional<unsigned> told_on;     // the queue pair that carried the word
    std::optional<std::uint32_t> moved;  // up to here its requests were repeated
    // The way back (end_return.cpp).
    PairAddress peers_fresh;
    bool peer_ready = false;    // that is the peer's address in the next life, all of it
    Clock::time_point since{};  // it served
    int doubtful_ms = 0;        // had it served longer than that, it would not be the worse for its end
    int pause_ms = 1;           // before the next life
    Deadline pause{};
    // Last, to go first: the rest is still whole then.
    Enrolment enrolment;
    std::optional<QueuePair> pair;
  };
  using Hit = std::array<bool, kMostPairs>;
  /// A queue pair that fails without a word of its port, as cables do that are cut and paths that lose what
  /// is long, is not trusted before it has served for so long.
  static constexpr int kDoubtful_ms = 60'000;

  void heard(Joint& joint, std::uint32_t immediate) noexcept;
  void failed(Joint& joint, const ibv_wc& completion) noexcept;
  void refused(Joint& joint, const char* call, int error_number) noexcept;
  void ready() noexcept override;
  [[nodiscard]] bool peer_has_left() const noexcept;

  [[nodiscard]] Joint* survivor() noexcept;
  [[nodiscard]] Hit same_path(const Joint& joint) noexcept;
  [[nodiscard]] bool give_up(const Hit& hit, int doubtful_ms, std::string_view why) noexcept;
  [[nodiscard]] Joint* last_resort(const Hit& hit) noexcept;
  void doom(Joint& joint, int doubtful_ms) noexcept;
  void peer_closed(std::uint32_t immediate) noexcept;
  void close_drained() noexcept;
  void announce() noexcept;
  [[nodiscard]] bool settled() const noexcept;
  [[nodiscard]] bool move(Joint& joint) noexcept;
  void strike(unsigned index, unsigned successor) noexcept;
  void settle() noexcept;

  void restore() noexcept;
  void renew(Joint& joint) noexcept;
  void try_out(Joint& joint) noexcept;
  void enter(Joint& joint) noexcept;
  void peer_made(Joint& on, std::uint32_t immediate) noexcept;
  void rest(Joint& joint) noexcept;

  std::vector<std::unique_ptr<Joint>> joints_;
  std::array<std::uint8_t, kMostPairs> route_{};   // queue pairs, the carrier first
  std::array<std::uint8_t, kMostPairs> doomed_{};  // those not gone yet, in the order of their end
  unsigned route_length_ = 0, doomed_count_ = 0;
  unsigned away_ = 0;  // those that are not on the route, or doomed
  unsigned moves_ = 0;
  bool heard_ = false;  // anything
  bool gone_ = false;
  bool closed_ = false;
};

}  // namespace tutti::verbs
