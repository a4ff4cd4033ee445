// The memory of one connection: one writer, one or more readers, two rings.
//
//   who waits   one line a direction: a bit for each reader that sleeps, a bit for the writer
//   offer       a line: memory of the reader, if it is only one, that the writer may write into
//   readers     a line each: how many messages of each ring it has given back; written by that reader only
//   small ring  64 lines: header and up to 56 bytes of payload in one cache line, so that a message is one
//   transfer headers     a line for each of the last 128 large messages ring        the large messages'
//   payloads, one behind the other; page-aligned, touched by nothing else
//
// Large messages take turns over the whole ring, whatever their length: with 2 MiB, more than a second-level
// cache, a line that is written again has left the reader's cache for the shared one, where taking it back
// costs a fifth. Where ranks share cores, and so caches, the fewest lines serve best: a ring that is found
// empty begins anew.
//
// A large message from memory that the writer lends, or in memory that the reader offered, takes a header,
// and no room in the ring.
//
// A message of up to kSmallBytes goes through the small ring, any other through the large one; both ends know
// the length, so each knows where the next message is. A header is one 64-bit word that holds the message's
// number in its ring, tag and (small ring) length; storing it publishes the message, and comparing it with
// the one awaited checks everything.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/handle.hpp"
#include "transport/transport.hpp"

namespace tutti::shm {

inline constexpr std::size_t kLine = 64;
inline constexpr std::size_t kSmallBytes = 56;
inline constexpr std::uint32_t kSmallLines = 64;
inline constexpr std::uint32_t kHeaders = 128;
inline constexpr int kMaxReaders = 512;

struct alignas(kLine) SmallLine {
  std::atomic<std::uint64_t> header;
  std::byte payload[kSmallBytes];
};
struct alignas(kLine) LargeHeader {
  std::atomic<std::uint64_t> header;
  // Written before the header.
  std::uint64_t bytes;
  std::uint64_t restarts;  // not 0: this message lies at the ring's beginning
  // Not 0: it lies not in the ring but there in memory that the writer lends (lending.hpp), or kInPlace.
  std::uint64_t lent_memory;
  std::uint64_t lent_offset;
};
/// The writer has written it into the memory that the reader offered.
inline constexpr std::uint64_t kInPlace = ~std::uint64_t{0};
/// Memory of a connection's only reader that the writer may write messages into. It is written again only
/// when all of these were taken, so that nobody looks at what is there.
struct alignas(2 * kLine) OfferLine {
  std::atomic<std::uint64_t> first;  // the messages before the first of them, and 1; written last
  std::uint64_t memory;
  std::uint64_t offset;
  std::uint64_t bytes;
};
// Pairs of lines, since some processors fetch lines in pairs.
struct alignas(2 * kLine) ReaderLine {
  std::atomic<std::uint64_t> small_released;
  std::atomic<std::uint64_t> large_released;
};
struct alignas(2 * kLine) WaitLines {
  std::atomic<std::uint64_t> readers[kMaxReaders / 64];  // bit r % 64 of word r / 64: reader r sleeps
  alignas(2 * kLine) std::atomic<std::uint64_t> writer;  // not 0: the writer sleeps until there is room
};
static_assert(sizeof(SmallLine) == kLine && sizeof(LargeHeader) == kLine && sizeof(OfferLine) == 2 * kLine &&
              sizeof(ReaderLine) == 2 * kLine);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// The tag as a header carries it: messages of one ring are in order among themselves, and this keeps them in
/// order with those of the other, of which `others` came before. Else a rank could take a small message past
/// a large one that it does not expect.
[[nodiscard]] constexpr Tag ordered(Tag tag, std::uint64_t others) noexcept {
  return tag ^ static_cast<Tag>(others);
}
/// Number in the ring (from 1; 24 bits, the ring is far shorter), length and tag of a small message.
[[nodiscard]] constexpr std::uint64_t small_header(std::uint64_t number, std::size_t bytes,
                                                   Tag tag) noexcept {
  return (number << 40) | (std::uint64_t{bytes} << 32) | tag;
}
[[nodiscard]] constexpr bool same_small_number(std::uint64_t a, std::uint64_t b) noexcept {
  return (a ^ b) >> 40 == 0;
}
/// Number in the ring (from 1; 32 bits) and tag of a large message.
[[nodiscard]] constexpr std::uint64_t large_header(std::uint64_t number, Tag tag) noexcept {
  return (number << 32) | tag;
}
[[nodiscard]] constexpr bool same_large_number(std::uint64_t a, std::uint64_t b) noexcept {
  return (a ^ b) >> 32 == 0;
}

/// What decides where everything lies.
struct Geometry {
  std::uint32_t readers = 1;
  std::uint32_t slots = 32;             // how many of the largest messages the ring holds
  std::uint64_t slot_bytes = 64 << 10;  // the largest message; a multiple of a line

  [[nodiscard]] std::uint64_t ring_bytes() const noexcept { return slots * slot_bytes; }

  [[nodiscard]] std::size_t small_offset() const noexcept;
  [[nodiscard]] std::size_t headers_offset() const noexcept;
  [[nodiscard]] std::size_t slots_offset() const noexcept;
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Whether a segment can look like this; for geometries that a peer sent.
  [[nodiscard]] bool valid() const noexcept;

  /// For a connection of `readers`, on a host with `local_ranks`: the settings', rounded up. Where it is the
  /// default, each pair of more than two ranks has fewer slots, so that all the pairs' rings leave room in
  /// the caches; and from 8 ranks on slots shrink as the ranks grow, so that a rank's connections to all
  /// others keep their sum (down to 8 KiB a slot).
  [[nodiscard]] static Geometry of(const Settings& settings, int readers, int local_ranks);
};

/// Where large messages lie: both ends walk the ring alike, as both know every length. Positions count bytes
/// from the connection's beginning, skipped ones included.
///
/// A processor that reads a message fetches on beyond its end. So there is a gap, for else these would be the
/// lines that the writer fills next, which it would have to take back; the shorter the messages, the more.
class RingWalk {
 public:
  explicit RingWalk(std::uint64_t ring_bytes) noexcept
      : ring_bytes_(ring_bytes),
        gap_(std::min<std::uint64_t>(2 << 10, whole_lines(ring_bytes / 1024))),
        apart_(4 * gap_) {}

  /// Where in the ring the next message begins. One that begins near the end runs on beyond it: there is room
  /// behind.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// The position after a message of `bytes` and its gap.
  [[nodiscard]] std::uint64_t after(std::uint64_t bytes) const noexcept {
    const std::uint64_t filled = whole_lines(bytes + kLine - 1);
    const std::uint64_t length = filled <= apart_ / 2 ? apart_ : filled + gap_;
    return offset_ + length < ring_bytes_ ? position_ + length : position_ - offset_ + ring_bytes_;
  }
  void advance(std::uint64_t bytes) noexcept {
    const std::uint64_t next = after(bytes);
    offset_ += next - position_;
    if (offset_ == ring_bytes_) offset_ = 0;
    position_ = next;
  }
  /// The next message lies at the ring's beginning, where it may be already.
  void restart() noexcept {
    if (offset_ == 0) return;
    position_ += ring_bytes_ - offset_;
    offset_ = 0;
  }

 private:
  [[nodiscard]] static constexpr std::uint64_t whole_lines(std::uint64_t bytes) noexcept {
    return bytes & ~(kLine - 1);
  }

  std::uint64_t ring_bytes_;
  std::uint64_t gap_;    // behind a message
  std::uint64_t apart_;  // from a short message's beginning to the next one's
  std::uint64_t position_ = 0;
  std::uint64_t offset_ = 0;  // position_ within the ring
};

/// A mapped segment.
class Segment {
 public:
  Segment() = default;
  /// The writer's: new, zeroed, every page there. `descriptor` receives the memfd, for the readers. `purpose`
  /// is for the error's sentence.
  static Segment create(const Geometry& geometry, FileDescriptor& descriptor, const std::string& purpose);
  /// A reader's. Throws invalid_argument if the file does not have that size or could shrink.
  static Segment open(const Geometry& geometry, const FileDescriptor& descriptor, const std::string& purpose);

  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] WaitLines& waits() const noexcept { return *at<WaitLines>(0); }
  [[nodiscard]] OfferLine& offer() const noexcept { return *at<OfferLine>(sizeof(WaitLines)); }
  [[nodiscard]] ReaderLine* readers() const noexcept {
    return at<ReaderLine>(sizeof(WaitLines) + sizeof(OfferLine));
  }
  [[nodiscard]] SmallLine* small() const noexcept { return at<SmallLine>(geometry_.small_offset()); }
  [[nodiscard]] LargeHeader* headers() const noexcept { return at<LargeHeader>(geometry_.headers_offset()); }
  [[nodiscard]] std::byte* slots() const noexcept { return mapping_.data() + geometry_.slots_offset(); }

 private:
  template <typename T>
  [[nodiscard]] T* at(std::size_t offset) const noexcept {
    return reinterpret_cast<T*>(mapping_.data() + offset);
  }

  Geometry geometry_;
  Mapping mapping_;
};

}  // namespace tutti::shm
