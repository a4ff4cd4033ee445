// An end of a connection, writer's or reader's: its queue pairs, the socket over which it was set up, and how
// it ends.
//
// One queue pair, the carrier, carries the ring and the reader's words; the others pieces of large messages,
// or nothing until another fails (failover.hpp). An end of stream on the socket (the lifeline) says that the
// peer is gone: a failure only for who waits for something.
#pragma once

#include <optional>
#include <vector>

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

  /// One more queue pair, on this rail.
  void add_pair(const Rail& rail, QueuePair::Depth depth);
  /// Connects it with the peer's. Where that fails, it is given up if there are others; else throws what
  /// libibverbs says.
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
  /// Something may be sent: on route()[0], the carrier, and on the other ones of the route.
  [[nodiscard]] bool flowing() const noexcept { return usable() && doomed_count_ == 0; }
  [[nodiscard]] const std::array<std::uint8_t, kMostPairs>& route() const noexcept { return route_; }
  [[nodiscard]] unsigned route_length() const noexcept { return route_length_; }
  [[nodiscard]] unsigned carrier() const noexcept { return route_[0]; }
  /// It was not given up.
  [[nodiscard]] bool serves(unsigned index) const noexcept {
    return joints_[index]->state == Joint::State::serves;
  }
  /// Given up, and what it owed is posted elsewhere.
  [[nodiscard]] bool is_gone(unsigned index) const noexcept {
    return joints_[index]->state == Joint::State::gone;
  }
  /// The next step on the way back to flowing(), if it is not; to be called by pump().
  void rescue() noexcept;
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
    enum class State { serves, drains, closed, gone };  // the steps of failover.hpp

    Joint(End& its_end, unsigned its_index, const Rail& rail, QueuePair::Depth depth,
          const Settings& settings);
    Joint(const Joint&) = delete;
    Joint& operator=(const Joint&) = delete;
    ~Joint();
    [[nodiscard]] bool listens() const noexcept { return pair && state <= State::drains; }
    void received(unsigned, std::uint32_t immediate) noexcept override;
    void sent(unsigned, std::uint32_t posted) noexcept override;
    void failed(unsigned, const ibv_wc& completion) noexcept override;

    End& end;
    unsigned index;
    std::shared_ptr<Device> device;
    std::uint32_t place;
    std::optional<QueuePair> pair;
    State state = State::serves;
    std::uint32_t heard = 0;  // immediates
    unsigned unready = 0;     // receives that are to be posted anew
    Deadline patience{};      // for its draining
    std::optional<std::uint32_t> peer_heard;
    std::optional<unsigned> told_on;     // the queue pair that carried the word
    std::optional<std::uint32_t> moved;  // up to here its requests were repeated
  };
  using Hit = std::array<bool, kMostPairs>;

  void heard(Joint& joint, std::uint32_t immediate) noexcept;
  void failed(Joint& joint, const ibv_wc& completion) noexcept;
  void refused(Joint& joint, const char* call, int error_number) noexcept;
  void ready() noexcept override;
  [[nodiscard]] bool peer_has_left() const noexcept;

  [[nodiscard]] Joint* survivor() noexcept;
  [[nodiscard]] Hit same_path(const Joint& joint) noexcept;
  [[nodiscard]] bool give_up(const Hit& hit, std::string_view why) noexcept;
  void doom(Joint& joint) noexcept;
  void peer_closed(std::uint32_t immediate) noexcept;
  void close_drained() noexcept;
  void announce() noexcept;
  [[nodiscard]] bool settled() const noexcept;
  [[nodiscard]] bool move(Joint& joint) noexcept;
  void strike(unsigned index, unsigned successor) noexcept;

  std::vector<std::unique_ptr<Joint>> joints_;
  std::array<std::uint8_t, kMostPairs> route_{};   // queue pairs, the carrier first
  std::array<std::uint8_t, kMostPairs> doomed_{};  // those not gone yet, in the order of their end
  unsigned route_length_ = 0, doomed_count_ = 0;
  bool heard_ = false;  // anything
  bool gone_ = false;
  bool closed_ = false;
};

}  // namespace tutti::verbs
