// An end of a connection, writer's or reader's: its queue pairs, the socket over which it was set up, and how
// it ends.
//
// The first queue pair carries the ring and the reader's words; the others only pieces of large messages. An
// end of stream on the socket (the lifeline) says that the peer is gone: a failure only for who waits for
// something.
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
  [[nodiscard]] unsigned pairs() const noexcept { return static_cast<unsigned>(joints_.size()); }
  [[nodiscard]] QueuePair& pair(unsigned index) noexcept { return *joints_[index]->pair; }
  /// Posts what was collected on it.
  void post(unsigned index) noexcept;
  /// Makes it ready for so many more of the peer's immediates.
  void receive(unsigned index, unsigned count) noexcept;

  [[nodiscard]] bool usable() const noexcept { return !gone_ && !link_.broken(); }
  [[nodiscard]] bool gone() const noexcept { return gone_; }

  /// Something was written to the socket, or may have been.
  virtual void hear() noexcept = 0;
  /// What the peer's going leaves undone, "2 messages were due"; nothing: it may go.
  [[nodiscard]] virtual std::optional<std::string> due() const noexcept = 0;
  virtual void received(unsigned index, std::uint32_t immediate) noexcept = 0;
  virtual void sent() noexcept {}
  /// Called by pump() of the derived ones. false: the peer is gone, and there is no more to do.
  void look_for_peer() noexcept;
  void leave() noexcept;

  std::shared_ptr<Station> station_;
  Link link_;
  FileDescriptor lifeline_;

 private:
  /// A queue pair and its place in the completions of its device.
  struct Joint final : Completed {
    Joint(End& its_end, unsigned its_index, const Rail& rail, QueuePair::Depth depth,
          const Settings& settings);
    Joint(const Joint&) = delete;
    Joint& operator=(const Joint&) = delete;
    ~Joint();
    void received(unsigned, std::uint32_t immediate) noexcept override { end.received(index, immediate); }
    void sent(unsigned, std::uint32_t posted) noexcept override;
    void failed(unsigned, const ibv_wc& completion) noexcept override { end.failed(index, completion); }

    End& end;
    unsigned index;
    std::shared_ptr<Device> device;
    std::uint32_t place;
    std::optional<QueuePair> pair;
  };

  void failed(unsigned index, const ibv_wc& completion) noexcept;
  void ready() noexcept override;
  [[nodiscard]] bool peer_has_left() const noexcept;

  std::vector<std::unique_ptr<Joint>> joints_;
  bool gone_ = false;
  bool closed_ = false;
};

}  // namespace tutti::verbs
