// What ranks of one host say to each other over their Unix sockets, and the address at which they find each
// other.
//
//   greeting  the first message in either direction: who this is; carries the rank's bell (page, eventfd)
//   offer     a connection opened by its writer: which, and its geometry; carries the segment
//   memory    that the sender will lend: its number and length; carries the file
//   forget    the memory of that number is no longer lent
//
// Every message is a fixed-size record followed by its HMAC. Nothing of a record is looked at before the HMAC
// is right, and nothing is used before its bounds are. Native byte order: both ends are one machine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "transport/shm/segment.hpp"
#include "transport/transport.hpp"

namespace tutti::shm {

enum class Kind : std::uint32_t { greeting = 1, offer = 2, memory = 3, forget = 4 };

struct Notice {
  static constexpr std::uint32_t kVersion = 2;
  std::uint32_t version = kVersion;
  Kind kind = Kind::greeting;
  std::uint64_t communicator = 0;
  std::int32_t from = 0;
  std::int32_t to = 0;
  // Of an offer:
  std::int32_t lane = 0;
  std::uint32_t reader = 0;  // the receiver's place among the readers
  std::uint64_t readers_hash = 0;
  Geometry geometry;
  // Of memory, and of its end:
  std::uint64_t memory = 0;
  std::uint64_t memory_bytes = 0;
};
static_assert(std::is_trivially_copyable_v<Notice> && sizeof(Notice) == 72,
              "no padding: every byte is signed");

inline constexpr std::size_t kNoticeBytes = sizeof(Notice) + sizeof(Digest);
using NoticeBytes = std::array<std::byte, kNoticeBytes>;

[[nodiscard]] NoticeBytes encode(const Notice& notice, const Signer& sign);

/// nullopt: not from a peer of `world` to its rank, or nonsense; `reason` says which.
[[nodiscard]] std::optional<Notice> parse(std::span<const std::byte> bytes, const World& world,
                                          std::string& reason);

/// How many descriptors come with it.
[[nodiscard]] std::size_t descriptors_of(Kind kind) noexcept;

/// Identifies the readers of a connection, in their order.
[[nodiscard]] std::uint64_t hash_of(std::span<const int> readers) noexcept;

/// Where a rank is and how it is reached, as Transport::address() carries it.
struct Address {
  std::string
      machine;  // the kernel's boot id and the network namespace: abstract sockets are seen within both
  std::string socket;
  bool membarrier = false;

  /// Of this process, with a new random socket name.
  [[nodiscard]] static Address make(bool membarrier);
  [[nodiscard]] std::string text() const;
  /// nullopt: not an address of this transport.
  [[nodiscard]] static std::optional<Address> parse(const std::string& text);
};

}  // namespace tutti::shm
