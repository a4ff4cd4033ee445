// The first bytes on every socket: which connection it belongs to, and the proof that the client knows the
// secret of the communicator. They are of fixed size, and nothing in them is looked at before the proof is
// right.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "transport/transport.hpp"

namespace tutti::tcp {

struct Hello {
  static constexpr std::uint64_t kMagic = 0x3150435449545455;  // "UTTITCP1"
  std::uint64_t magic = kMagic;
  std::uint64_t communicator = 0;
  std::int32_t writer = 0;
  std::int32_t reader = 0;
  std::int32_t lane = 0;
  std::uint16_t socket = 0;  // of `sockets`, from 0
  std::uint16_t sockets = 1;

  auto operator<=>(const Hello&) const = default;
};
static_assert(sizeof(Hello) == 32, "no padding: every byte is signed");

using HelloBytes = std::array<std::byte, sizeof(Hello) + sizeof(Digest)>;

/// Takes the same time wherever the difference is, so that a forger learns nothing from it.
[[nodiscard]] bool same_proof(std::span<const std::byte> left, std::span<const std::byte> right) noexcept;

[[nodiscard]] HelloBytes encode(const Hello& hello, const Signer& sign);
/// nullopt: not from a peer of `world` that wants to write to its rank.
[[nodiscard]] std::optional<Hello> parse(const HelloBytes& bytes, const World& world);

}  // namespace tutti::tcp
