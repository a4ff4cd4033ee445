// Where a listener of another process can be reached: every usable address of its host, its port, and which
// network namespace it is in, so that processes of one host find each other over loopback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/network.hpp"

namespace tutti {

struct Endpoint {
  std::uint64_t network = 0;  // network_identity() of the listener's process; 0: unknown
  std::uint16_t port = 0;
  std::vector<SocketAddress> addresses;  // their own ports are ignored
};

/// The endpoint of a listener of this process, with the addresses that the settings allow.
[[nodiscard]] Endpoint endpoint_of(int listener, const Settings& settings);

/// At most `limit` bytes: the last addresses are left out when they do not fit.
[[nodiscard]] std::string encode(const Endpoint& endpoint, std::size_t limit = 1024);
/// Nothing for bytes that encode() would not have written (zero bytes may follow).
[[nodiscard]] std::optional<Endpoint> decode_endpoint(std::string_view bytes) noexcept;

/// Where to try, best first: loopback for a process of the same host, then the addresses in the listener's
/// order.
[[nodiscard]] std::vector<SocketAddress> candidates(const Endpoint& endpoint, const Settings& settings);
/// "10.0.0.1:5000, [fd00::1]:5000"
[[nodiscard]] std::string to_text(const std::vector<SocketAddress>& addresses);

}  // namespace tutti
