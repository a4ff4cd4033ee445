// The tcp wire in the conformance suite, over loopback: IPv4 and IPv6, and with other numbers of sockets.
#include "transport/conformance.hpp"
#include "transport/tcp/tcp.hpp"

namespace tutti::conformance {

namespace {
Wire wire(std::string name, std::string family, int sockets) {
  return {.name = std::move(name),
          .make = [](const World& world) { return make_tcp_transport(world); },
          .adapt =
              [family, sockets](World& world) {
                world.settings.socket_interfaces = "=lo";
                world.settings.socket_family = family;
                world.settings.sockets = sockets;
              }};
}
}  // namespace

std::vector<Wire> wires() {
  return {wire("tcp", "ipv4", 0), wire("tcp_one_socket", "ipv4", 1), wire("tcp_three_sockets", "ipv4", 3),
          wire("tcp_ipv6", "ipv6", 0)};
}

}  // namespace tutti::conformance
