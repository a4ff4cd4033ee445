// What the two ends of a connection tell each other over a socket before their queue pairs are connected: the
// writer an Offer (right behind the hello that names the connection), the reader an Answer, the writer one
// more byte when it is ready. Both are of fixed size and signed, and nothing in them is looked at before the
// signature is right. The socket stays open: its end says that the peer is gone.
#pragma once

#include <optional>
#include <span>

#include "transport/verbs/queue_pair.hpp"
#include "transport/verbs/ring.hpp"

namespace tutti::verbs {

/// The queue pairs and the memory of one end.
struct EndDescription {
  std::uint64_t communicator = 0;
  std::uint64_t nonce = 0;  // the writer's choice; the answer repeats it
  std::int32_t writer = 0;
  std::int32_t reader = 0;
  std::int32_t lane = 0;
  std::uint32_t pairs = 0;
  std::uint64_t memory = 0;  // the writer's adverts, the reader's ring
  std::uint64_t memory_bytes = 0;
  std::uint32_t answer = 0;  // 0: an offer
  std::uint32_t unused = 0;
  Keys memory_keys{};  // by queue pair
  struct Pair {
    PairAddress address;
    std::uint16_t own_rail = 0, peers_rail = 0;  // as the writer sees it
  } pair[kMostPairs];
};
/// That end has no such queue pair (0 is no number of one that connects): both begin without it.
[[nodiscard]] constexpr bool is_missing(const EndDescription::Pair& pair) noexcept {
  return pair.address.number == 0;
}
static_assert(sizeof(EndDescription) == 56 + (sizeof(std::uint32_t) + 12) * kMostPairs,
              "no padding: every byte is signed");

using EndBytes = std::array<std::byte, sizeof(EndDescription) + sizeof(Digest)>;

[[nodiscard]] EndBytes encode(const EndDescription& end, const Signer& sign);
/// nullopt: not from a member of the communicator.
[[nodiscard]] std::optional<EndDescription> parse(const EndBytes& bytes, const World& world);

/// Reads one from a socket, bit by bit.
class EndReader {
 public:
  enum class Verdict { wait, complete, closed };
  /// Takes what is there without waiting.
  [[nodiscard]] Verdict read(int socket) noexcept;
  [[nodiscard]] const EndBytes& bytes() const noexcept { return bytes_; }

 private:
  EndBytes bytes_{};
  std::size_t got_ = 0;
};

}  // namespace tutti::verbs
