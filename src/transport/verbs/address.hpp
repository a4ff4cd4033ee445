// What a rank says of itself as Transport::address(): its host, its rails, and where it listens for
// connections to be set up. And which rail of one rank goes with which of another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transport/tcp/address.hpp"
#include "transport/verbs/queue_pair.hpp"

namespace tutti::verbs {

struct PeerRail {
  std::string name;  // "mlx5_0 port 1", for messages
  PeerPort port;
};

struct Address {
  std::string host;
  std::vector<PeerRail> rails;
  tcp::Address greeting;
};
[[nodiscard]] std::string to_text(const Address& address);
[[nodiscard]] std::optional<Address> parse_address(const std::string& text);
[[nodiscard]] PeerRail describe(const Rail& rail);

/// A rail of this rank and one of the peer that reach each other. Indices.
struct RailPair {
  std::size_t own, peers;
  bool spare = false;  // the peer's rail goes with another of the own ones, too
};
/// Rails whose addresses agree longest go together, one with one. Own ones that are left over go with the
/// nearest, if that is in one network with them, and come last: a pair that is not wired costs seconds before
/// the kernel says so. Empty: they do not reach each other. Whether it is empty is the same from both sides.
[[nodiscard]] std::vector<RailPair> match(const std::vector<PeerRail>& own,
                                          const std::vector<PeerRail>& peers);

}  // namespace tutti::verbs
