// The writing end of a tcp connection: a ring of messages under way, and for each socket the queue of those
// it carries.
#pragma once

#include <array>
#include <vector>

#include "transport/tcp/activity.hpp"
#include "transport/tcp/link.hpp"
#include "transport/tcp/slots.hpp"
#include "transport/tcp/twin.hpp"

namespace tutti::tcp {

class TcpOutlet final : public Outlet, private Active {
 public:
  /// `sockets` are connected and have said hello. `twin`: of the rank that turns (twin.hpp),
  /// else nullptr; outlives this.
  TcpOutlet(Activity& activity, Link link, std::vector<FileDescriptor> sockets, Twin* twin,
            const Settings& settings);
  ~TcpOutlet() override;

  [[nodiscard]] std::byte* lease(std::size_t bytes) noexcept override;
  void commit(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t completed() noexcept override { return completed_; }

 private:
  static constexpr std::size_t kSlots = 8;
  static constexpr std::size_t kBehindHeader = 64;  // a slot's payload: aligned, its header right before it

  struct Message {
    Header header;
    const std::byte* data = nullptr;
    std::size_t moved = 0;  // of header and payload
    bool in_slot = false;
    [[nodiscard]] std::size_t left() const noexcept { return sizeof header + header.bytes - moved; }
  };
  struct Stream {
    FileDescriptor socket;
    Watch watch;
    std::array<std::uint64_t, kQueued> queue{};  // indices of messages; a ring
    std::uint64_t queued = 0, written = 0;
    std::size_t left = 0;  // bytes of the queue that the kernel has not taken
    [[nodiscard]] bool idle() const noexcept { return queued == written; }
  };

  [[nodiscard]] bool pump() noexcept override;
  void watch(Activity& activity) noexcept override;

  [[nodiscard]] bool full() const noexcept { return sent_ - completed_ == kQueued || link_.broken(); }
  [[nodiscard]] Message& message(std::uint64_t index) noexcept { return messages_[index % kQueued]; }
  [[nodiscard]] std::byte* slot(std::uint64_t index) noexcept;
  void enqueue(const std::byte* data, std::size_t bytes, Tag tag, bool in_slot) noexcept;
  void turn() noexcept;
  void write_at_once(Stream& stream, Message& message) noexcept;
  void write_queue(Stream& stream) noexcept;
  void advance(Stream& stream, std::size_t bytes) noexcept;
  void count_completed() noexcept;
  void lose(const Moved& how) noexcept;
  void check_link() noexcept;

  Activity& activity_;
  Link link_;
  const unsigned link_timeout_ms_;
  Deadline next_check_{};
  std::vector<Stream> streams_;
  Twin* twin_;  // until the first stream has turned
  SocketRule rule_;
  std::array<Message, kQueued> messages_;
  std::uint64_t sent_ = 0;
  std::uint64_t completed_ = 0;
  LazyMemory slots_{kSlots * (kSlotBytes + kBehindHeader)};
  std::uint64_t slots_used_ = 0, slots_freed_ = 0;
};

}  // namespace tutti::tcp
