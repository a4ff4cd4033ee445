// Where a rank listens, as Transport::address() carries it, and by which of the ways one rank reaches
// another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/network.hpp"

namespace tutti::tcp {

struct Address {
  std::uint64_t machine = 0;             // machine_identity()
  std::uint64_t network = 0;             // network_identity(): loopback addresses mean something within it
  std::vector<SocketAddress> addresses;  // in order of preference
};
[[nodiscard]] std::string to_text(const Address& address);
[[nodiscard]] std::optional<Address> parse_address(const std::string& text);

/// One way to a peer.
struct Way {
  SocketAddress to;
  SocketAddress from;     // bind to it before connecting; none: the kernel's choice
  std::string interface;  // of this host
  std::string reason;     // why this interface, for the log
};
/// "10.0.0.2:4242 via eth0"
[[nodiscard]] std::string to_text(const Way& way);

/// The ways from this host to the peer, best first: on a network that both share before through a router,
/// otherwise in the peer's order. `own`: usable_interfaces(). `settings`: when it names interfaces, only
/// those are used.
[[nodiscard]] std::vector<Way> ways_to(const Address& peer, std::uint64_t own_network,
                                       const std::vector<Interface>& own, const Settings& settings);
/// Of the ways, those that sockets are spread over: the first, and the first over each other interface that
/// shares a network with the peer as the first does. Indices into `ways`.
[[nodiscard]] std::vector<std::size_t> spread(const std::vector<Way>& ways);

}  // namespace tutti::tcp
