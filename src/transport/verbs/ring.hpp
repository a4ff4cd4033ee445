// The ring through which messages reach a reader: memory of the reader's that the writer writes into, with a
// twin at the writer where messages are put together. Both ends walk it by the same rules, so that a parcel
// needs no address.
//
// A parcel takes whole lines of 64 bytes in one piece. The last 16 bytes of its first line are its header. Up
// to 48 bytes of payload lie right before the header, longer payload right behind it: header and payload are
// always one contiguous write.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "transport/transport.hpp"

namespace tutti::verbs {

inline constexpr std::size_t kLine = 64;
/// Parcels that can be on their way: the reader keeps a receive ready for each.
inline constexpr std::uint32_t kParcels = 128;

/// What an immediate says, in either direction. The first three are parcels.
enum class Word : std::uint32_t {
  whole,   // a message
  piece,   // a part of a message that is longer than a slot: all but the last are a slot long
  placed,  // no payload: the message was written to where the reader said
  stripe,  // a part of such a message, beside the ring
  credit,  // so many parcels were given back
  advert,  // the reader says where a message goes
  closed,  // one end has closed a queue pair (failover.hpp)
  fresh,   // one end has made a queue pair anew
};

struct Header {
  std::uint64_t bytes = 0;  // of the message
  Tag tag = 0;
  std::uint32_t number = 0;  // of the message on its connection, from 0, cut to 32 bits
};
static_assert(sizeof(Header) == 16);
static_assert(std::endian::native == std::endian::little, "headers are little-endian on the wire");

inline constexpr std::size_t kHeaderOffset = kLine - sizeof(Header);
inline constexpr std::size_t kSmallBytes = kHeaderOffset;

// With a number: of the parcel, of the message, of the parcels given back. Cut to 29 bits.
inline constexpr std::uint32_t kNumberMask = 0x1fff'ffff;
[[nodiscard]] constexpr std::uint32_t immediate_of(Word word, std::uint64_t number) noexcept {
  return static_cast<std::uint32_t>(word) << 29 | (static_cast<std::uint32_t>(number) & kNumberMask);
}
[[nodiscard]] constexpr Word word_of(std::uint32_t immediate) noexcept {
  return static_cast<Word>(immediate >> 29);
}
/// How far the immediate's number is ahead of `known`; large if it is behind.
[[nodiscard]] constexpr std::uint32_t ahead_of(std::uint64_t known, std::uint32_t immediate) noexcept {
  return (immediate - static_cast<std::uint32_t>(known)) & kNumberMask;
}

/// What stands right before the header of a placed message: how many stripes told of themselves.
using Stripes = std::uint64_t;

/// Where a parcel with so much payload begins its payload, from its first line.
[[nodiscard]] constexpr std::size_t payload_offset(std::size_t payload) noexcept {
  return payload > kSmallBytes ? kLine : kHeaderOffset - (payload + 7) / 8 * 8;
}
/// The bytes that it takes in the ring.
[[nodiscard]] constexpr std::size_t footprint(std::size_t payload) noexcept {
  return payload > kSmallBytes ? kLine + (payload + kLine - 1) / kLine * kLine : kLine;
}
/// A ring that can carry on with so many slots: twice the largest parcel at least, or a parcel that does not
/// fit before the end might never fit.
[[nodiscard]] constexpr std::size_t ring_bytes(std::size_t slot_bytes, int slots) noexcept {
  return footprint(slot_bytes) * static_cast<std::size_t>(slots < 2 ? 2 : slots);
}

/// Walks the ring, parcel by parcel. Positions count the bytes since the beginning, skipped ones included.
class RingWalk {
 public:
  explicit RingWalk(std::size_t capacity) noexcept : capacity_(capacity) {}

  struct Place {
    std::size_t offset;  // in the ring
    std::uint64_t end;   // the position behind it
  };
  /// Where the next parcel goes: at the beginning again where it does not fit before the end.
  [[nodiscard]] Place next(std::size_t payload) const noexcept {
    const std::size_t size = footprint(payload);
    if (offset_ + size <= capacity_) return {offset_, position_ + size};
    return {0, position_ + (capacity_ - offset_) + size};
  }
  void pass(const Place& place) noexcept {
    offset_ += static_cast<std::size_t>(place.end - position_);
    if (offset_ >= capacity_) offset_ -= capacity_;
    position_ = place.end;
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::size_t capacity_;
  std::uint64_t position_ = 0;
  std::size_t offset_ = 0;
};

inline constexpr unsigned kMostPairs = 16;
/// Keys of memory, by queue pair: the device of each has its own.
using Keys = std::array<std::uint32_t, kMostPairs>;

/// Where a reader says that a message shall go, written into the writer's mailbox. Its place there is its
/// number modulo kAdverts: only the next so many messages are told of.
struct Advert {
  std::uint64_t number = 0;   // of the message
  std::uint64_t address = 0;  // 0: that memory is not registered, send parcels
  std::uint64_t bytes = 0;
  Tag tag = 0;
  std::uint32_t unused = 0;
  Keys keys{};
};
inline constexpr std::uint32_t kAdverts = 16;

}  // namespace tutti::verbs
