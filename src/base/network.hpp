// Sockets and interfaces, as the control plane and the tcp transport need them: socket addresses and their
// text, the interfaces of this host and which of them the settings allow, listening in a port range,
// connecting with a deadline. Every socket made here is non-blocking and close-on-exec. Functions keep no
// state and may be called by any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.hpp"
#include "base/handle.hpp"
#include "base/settings.hpp"

namespace tutti {

/// An IPv4 or IPv6 address with a port. A plain value; the default one is none.
class SocketAddress {
 public:
  SocketAddress() = default;
  /// From what the system gave; other families than IPv4 and IPv6 give none.
  SocketAddress(const sockaddr* address, socklen_t length) noexcept;

  [[nodiscard]] static SocketAddress any(int family, std::uint16_t port = 0) noexcept;
  [[nodiscard]] static SocketAddress loopback(int family, std::uint16_t port = 0) noexcept;

  [[nodiscard]] int family() const noexcept { return storage_.any.sa_family; }  // AF_UNSPEC: none
  [[nodiscard]] std::uint16_t port() const noexcept;
  void set_port(std::uint16_t port) noexcept;
  [[nodiscard]] bool is_loopback() const noexcept;
  /// IPv6 fe80::/10 and IPv4 169.254/16: mean something on one link only.
  [[nodiscard]] bool is_link_local() const noexcept;
  /// The 4 or 16 bytes of the address without its port, in network order; empty for none.
  [[nodiscard]] std::string_view bytes() const noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept { return &storage_.any; }
  [[nodiscard]] socklen_t length() const noexcept;
  explicit operator bool() const noexcept { return family() != AF_UNSPEC; }
  /// The same address and port (an IPv6 address's scope is not compared).
  friend bool operator==(const SocketAddress& left, const SocketAddress& right) noexcept {
    return left.family() == right.family() && left.port() == right.port() && left.bytes() == right.bytes();
  }

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_{};
};

/// "10.0.0.1:5000" or "[fd00::1]:5000"; "none".
[[nodiscard]] std::string to_text(const SocketAddress& address);
/// The inverse of to_text; nothing for any other text.
[[nodiscard]] std::optional<SocketAddress> parse_socket_address(std::string_view text);
/// Every address that a name ("node7", "10.0.0.1") and a port stand for; throws system_error when there is
/// none. May wait for the name service.
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port);

/// One address of one network interface that is up.
struct Interface {
  std::string name;
  SocketAddress address;  // port 0
  int prefix_bits = 0;    // of the network that the address is in
};

/// Every address of every interface that is up, in the system's order.
[[nodiscard]] std::vector<Interface> list_interfaces();
/// Those of `all` that `pattern` (TUTTI_SOCKET_INTERFACES: prefixes "eth,ib", exact "=eth0", all but
/// "^docker,lo") and `family` ("", "ipv4", "ipv6") allow. Without a pattern, loopback and the host's own
/// bridges (docker, virbr …) are left out as long as something else remains. Link-local IPv6 addresses are
/// always left out. IPv4 comes first.
[[nodiscard]] std::vector<Interface> choose_interfaces(const std::vector<Interface>& all,
                                                       std::string_view pattern, std::string_view family);
/// choose_interfaces() of this host by the settings; throws invalid_argument, naming what there is, when none
/// is left.
[[nodiscard]] std::vector<Interface> usable_interfaces(const Settings& settings);

/// Two processes with the same value run on the same boot of the same kernel, in whatever containers.
/// Independent of TUTTI_HOSTID, as the next.
[[nodiscard]] std::uint64_t machine_identity();
/// Two processes with the same value can reach each other over loopback: the same machine, the same network
/// namespace.
[[nodiscard]] std::uint64_t network_identity();

/// The ports that a listener may take; {0, 0}: any.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};
/// "20000-20100", "20000" or "" (any); throws invalid_argument naming the variable that it is from.
[[nodiscard]] PortRange parse_port_range(std::string_view text,
                                         std::string_view variable = "TUTTI_PORT_RANGE");

/// A listening socket at `where` (its port is ignored) on the first free port of the range; local_address()
/// says which. Throws system_error naming address and range.
[[nodiscard]] FileDescriptor listen_in_range(const SocketAddress& where, PortRange range, int backlog = 1024);
/// A listening socket on every address that the settings' family allows: IPv6 that takes IPv4 too where the
/// host has it.
[[nodiscard]] FileDescriptor listen_anywhere(const Settings& settings, int backlog = 1024);

/// A connection from the listener's queue, with TCP_NODELAY; none when the queue is empty or the client went
/// away.
[[nodiscard]] FileDescriptor accept_connection(int listener) noexcept;

/// Starts to connect (from the local address `from`, unless it is none) and returns at once; the socket
/// becomes writable when it is decided, and connect_result() tells how. Throws system_error naming the peer
/// when it cannot even start.
[[nodiscard]] FileDescriptor start_connect(const SocketAddress& peer, const SocketAddress& from = {});
/// 0, or the errno with which a started connect ended. Call once the socket is writable.
[[nodiscard]] int connect_result(int fd) noexcept;
/// Connects, or throws: timeout at the deadline, system_error otherwise, both naming the peer.
[[nodiscard]] FileDescriptor connect_to(const SocketAddress& peer, Deadline deadline,
                                        const SocketAddress& from = {});

/// The local address from which the kernel would send to `peer` (its port 0); none when there is no route.
[[nodiscard]] SocketAddress route_to(const SocketAddress& peer) noexcept;

[[nodiscard]] SocketAddress local_address(int fd) noexcept;
[[nodiscard]] SocketAddress peer_address(int fd) noexcept;
void set_no_delay(int fd) noexcept;

/// The name of this host, for messages.
[[nodiscard]] std::string host_name();

}  // namespace tutti
