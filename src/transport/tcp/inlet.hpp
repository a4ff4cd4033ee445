// The reading end of a tcp connection. Expected messages are read straight into their targets, headers and
// payloads of several by one system call. Borrowed ones are read into a buffer of the inlet's own, with a
// little of what follows, so that a small message costs one system call or less.
#pragma once

#include <array>
#include <vector>

#include "transport/tcp/activity.hpp"
#include "transport/tcp/link.hpp"
#include "transport/tcp/slots.hpp"
#include "transport/tcp/twin.hpp"

namespace tutti::tcp {

/// Bytes of a socket that have been read but not used yet, in one contiguous piece.
class ReadAhead {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] const std::byte* data() noexcept { return memory_.get() + begin_; }
  void drop(std::size_t bytes) noexcept { begin_ += bytes; }

  /// Makes room so that `bytes`, a header and its payload, will lie in one piece with the payload aligned.
  /// false: no memory.
  [[nodiscard]] bool prepare(std::size_t bytes) noexcept;
  /// Where the next bytes go, and how many may: what is missing of `bytes`, and some more if that is little.
  [[nodiscard]] std::byte* room() noexcept { return memory_.get() + end_; }
  [[nodiscard]] std::size_t wanted(std::size_t bytes) const noexcept;
  void add(std::size_t bytes) noexcept { end_ += bytes; }

 private:
  static constexpr std::size_t kAhead = 4096;
  static constexpr std::size_t kCapacity = sizeof(Header) + kSlotBytes + kAhead;

  LazyMemory memory_{kCapacity};
  std::size_t begin_ = 0, end_ = 0;
};

class TcpInlet final : public Inlet, private Active {
 public:
  /// `twin`: of the rank whose peer turns (twin.hpp), else nullptr; outlives this.
  TcpInlet(Activity& activity, Link link, std::vector<FileDescriptor> sockets, Twin* twin);
  ~TcpInlet() override;

  [[nodiscard]] const std::byte* borrow(std::size_t bytes, Tag tag) noexcept override;
  void release() noexcept override;
  [[nodiscard]] bool expect(std::byte* target, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t placed() noexcept override { return placed_; }

 private:
  struct Expected {
    std::byte* target = nullptr;
    std::size_t bytes = 0;
    Tag tag = 0;
    std::uint32_t sequence = 0;
    Header header;          // as it comes in
    std::size_t moved = 0;  // of header and payload
    [[nodiscard]] std::size_t left() const noexcept { return sizeof header + bytes - moved; }
  };
  struct Stream {
    FileDescriptor socket;
    Watch watch;
    std::array<std::uint64_t, kQueued> queue{};  // indices of expected messages; a ring
    std::uint64_t queued = 0, filled = 0;
    ReadAhead ahead;
    [[nodiscard]] bool idle() const noexcept { return queued == filled; }
  };

  [[nodiscard]] bool pump() noexcept override;
  void watch(Activity& activity) noexcept override;

  [[nodiscard]] Expected& expected(std::uint64_t index) noexcept { return expected_ring_[index % kQueued]; }
  void read_expected(Stream& stream) noexcept;
  void use_read_ahead(Stream& stream) noexcept;
  void advance(Stream& stream, std::size_t bytes) noexcept;
  [[nodiscard]] bool fits(Expected& message) noexcept;
  [[nodiscard]] Stream& asked_stream() noexcept { return streams_[rule_.peek(asked_bytes_)]; }
  void read_borrowed(Stream& stream, std::size_t total) noexcept;
  [[nodiscard]] bool header_fits(ReadAhead& ahead) noexcept;
  [[nodiscard]] bool mark_is_ahead(Stream& stream) noexcept;
  [[nodiscard]] bool holds_early(Stream& stream) noexcept;
  void check_early(const Header& header) noexcept;
  [[nodiscard]] bool follow_turn(Stream& stream, const Header& header) noexcept;
  void lose(const Moved& how) noexcept;

  Activity& activity_;
  Link link_;
  std::vector<Stream> streams_;
  Twin* twin_;  // until the first stream has turned
  SocketRule rule_;
  std::array<Expected, kQueued> expected_ring_;
  std::uint64_t expected_ = 0, placed_ = 0;
  std::uint32_t announced_ = 0;  // messages expected and borrowed so far
  bool asked_ = false;           // borrow() waits for this message, or has given it:
  bool given_ = false;
  std::size_t asked_bytes_ = 0;
  Tag asked_tag_ = 0;
};

}  // namespace tutti::tcp
