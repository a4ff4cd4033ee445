// A reader's end of a connection.
#pragma once

#include <cstdint>
#include <memory>

#include "transport/shm/fence.hpp"
#include "transport/shm/segment.hpp"
#include "transport/shm/station.hpp"

namespace tutti::shm {

class ShmInlet final : public Inlet, private Waiter {
 public:
  /// `index`: this rank's place among the connection's readers.
  ShmInlet(std::shared_ptr<Station> station, Segment segment, int writer, std::uint32_t index);
  ~ShmInlet() override;

  [[nodiscard]] const std::byte* borrow(std::size_t bytes, Tag tag) noexcept override {
    if (bytes <= kSmallBytes) {
      SmallLine& line = small_[small_taken_ % kSmallLines];
      const std::uint64_t awaited = small_header(small_taken_ + 1, bytes, ordered(tag, large_taken_));
      // acquire: the payload was written before the header.
      const std::uint64_t header = line.header.load(std::memory_order_acquire);
      if (header != awaited) [[unlikely]]
        return refuse_small(header, bytes, tag);
      borrowed_small_ = true;
      return line.payload;
    }
    LargeHeader& line = headers_[large_taken_ % kHeaders];
    // acquire: length and payload were written before the header.
    const std::uint64_t header = line.header.load(std::memory_order_acquire);
    if (header != large_header(large_taken_ + 1, ordered(tag, small_taken_)) || line.bytes != bytes)
        [[unlikely]]
      return refuse_large(header, bytes, tag);
    borrowed_small_ = false;
    if (line.lent_memory != 0) [[unlikely]]
      return borrow_elsewhere(line, bytes);
    borrowed_bytes_ = bytes;
    if (line.restarts != 0) walk_.restart();
    return slots_ + walk_.offset();
  }
  void release() noexcept override;
  void offer(std::uint64_t ahead, std::byte* target, std::size_t bytes) noexcept override;

 private:
  [[nodiscard]] const std::byte* borrow_elsewhere(const LargeHeader& line, std::size_t bytes) noexcept;
  [[nodiscard]] const std::byte* refuse_small(std::uint64_t header, std::size_t bytes, Tag tag) noexcept;
  [[nodiscard]] const std::byte* refuse_large(std::uint64_t header, std::size_t bytes, Tag tag) noexcept;
  void note_refusal(std::size_t bytes, Tag tag) noexcept;
  [[nodiscard]] const std::byte* look_again_if_armed() noexcept;
  void report_mismatch(std::uint64_t sent_bytes, Tag sent_tag) noexcept;
  [[nodiscard]] std::uint64_t taken() const noexcept { return small_taken_ + large_taken_; }

  void mark() noexcept override;
  void unmark() noexcept override;
  void inspect() noexcept override;

  // Touched by every message; nothing else shares these lines.
  bool borrowed_small_ = false;
  bool fenced_;
  std::size_t borrowed_bytes_ = 0;  // of a large message in the ring
  RingWalk walk_;
  SmallLine* small_;
  std::uint64_t small_taken_ = 0;
  std::uint64_t large_taken_ = 0;
  ReaderLine* own_;
  WaitLines* waits_;
  LargeHeader* headers_;
  std::byte* slots_;

  // What was asked for when nothing had come.
  std::uint64_t refused_at_ = ~std::uint64_t{0};  // messages taken by then
  std::size_t refused_bytes_ = 0;
  Tag refused_tag_ = 0;
  bool marked_ = false;
  bool broken_ = false;  // the mismatch is reported
  int writer_;
  std::uint32_t index_;
  std::shared_ptr<Station> station_;
  Segment segment_;
};

}  // namespace tutti::shm
