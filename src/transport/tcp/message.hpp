// How messages lie on the sockets of a connection: a line of header before the payload, and which socket
// carries which message. Both ends follow these rules without talking about them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "transport/transport.hpp"

namespace tutti::tcp {

/// What lease() and borrow() can carry.
inline constexpr std::size_t kSlotBytes = 128 << 10;
/// Messages queued at either end of a connection before send() and expect() say "not now".
inline constexpr std::size_t kQueued = 64;
/// The most that one system call moves: between two, the other sockets get their turn. A long call is what
/// keeps a socket busy: the kernel collects the acknowledgements that come meanwhile (8 MiB one way between
/// two caches: 2.2 ms, by calls of 512 KiB 2.6 ms).
inline constexpr std::size_t kBurstBytes = 8 << 20;
/// From this length on a message waits for the next progress(), so that one system call carries several.
inline constexpr std::size_t kGatheredBytes = 64 << 10;
inline constexpr int kMostSockets = 16;

/// As long as a cache line, for the copies into the kernel and out of it, which processors of the kinds that
/// copy by `rep movsb` make up to twenty times slower (AMD's third Zen: 2 GB/s instead of 40) where the
/// target lies 1 to 31 bytes behind the source, modulo 4096. The kernel begins an empty socket's data at a
/// page's start: behind a header of 16 bytes, that is what the payload of a page-aligned buffer would meet
/// with.
struct Header {
  std::uint64_t bytes = 0;
  Tag tag = 0;
  std::uint32_t sequence = 0;  // of the message on its connection, modulo 2^32
  std::array<std::byte, 48> unused{};
};
static_assert(sizeof(Header) == 64, "payloads stay aligned, and clear of the slow distances");
static_assert(std::endian::native == std::endian::little, "headers are little-endian on the wire");

/// Says for one message after the other which socket carries it: small ones all use the first, whose reader
/// acknowledges them with its answers (twin.hpp); large ones take turns over the others, if there are any.
class SocketRule {
 public:
  explicit SocketRule(int sockets) noexcept : sockets_(static_cast<unsigned>(sockets)) {}
  /// The socket of the next message.
  [[nodiscard]] unsigned peek(std::size_t bytes) const noexcept {
    return bytes < kLargeBytes || sockets_ == 1 ? 0 : 1 + large_ % (sockets_ - 1);
  }
  /// The same; call exactly once for each message.
  unsigned next(std::size_t bytes) noexcept {
    const unsigned socket = peek(bytes);
    if (bytes >= kLargeBytes) ++large_;
    return socket;
  }

 private:
  static constexpr std::size_t kLargeBytes = 2 << 10;
  unsigned sockets_;
  unsigned large_ = 0;
};

}  // namespace tutti::tcp
