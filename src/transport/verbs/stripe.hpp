// How a large message is spread over the queue pairs of a connection. Pure; only the writer has to know.
#pragma once

#include <algorithm>
#include <cstddef>

namespace tutti::verbs {

/// A message goes in rounds of up to so much for each queue pair: what any device takes as one request.
inline constexpr std::size_t kRoundBytes = 1 << 20;
/// What is shorter takes one queue pair: the others would cost more than they bring.
inline constexpr std::size_t kStripedBytes = 64 << 10;
/// Pieces begin at multiples of this: two cache lines, which devices fetch together.
inline constexpr std::size_t kStripeAlignment = 128;

struct Stripe {
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

/// The bytes of the round that begins at `offset` of a message of `bytes`.
[[nodiscard]] constexpr std::size_t round_bytes(std::size_t bytes, std::size_t offset,
                                                unsigned pairs) noexcept {
  return std::min(bytes - offset, pairs * kRoundBytes);
}

/// What queue pair `pair` of `pairs` carries of a round of `bytes`; may be nothing.
[[nodiscard]] constexpr Stripe stripe(std::size_t bytes, unsigned pair, unsigned pairs) noexcept {
  if (bytes < kStripedBytes) return pair == 0 ? Stripe{0, bytes} : Stripe{bytes, 0};
  const std::size_t even = (bytes + pairs - 1) / pairs;
  const std::size_t share = (even + kStripeAlignment - 1) / kStripeAlignment * kStripeAlignment;
  const std::size_t begin = std::min(bytes, pair * share);
  return {begin, std::min(share, bytes - begin)};
}

}  // namespace tutti::verbs
