#include "bootstrap/endpoint.hpp"

#include <algorithm>
#include <cstring>

#include "bootstrap/wire.hpp"

namespace tutti {

namespace {

SocketAddress address_from(int version, std::string_view bytes) noexcept {
  SocketAddress address;
  if (version == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
    address = SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
    address = SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return address;
}

}  // namespace

Endpoint endpoint_of(int listener, const Settings& settings) {
  Endpoint endpoint;
  endpoint.network = network_identity();
  endpoint.port = local_address(listener).port();
  for (const Interface& one : usable_interfaces(settings)) endpoint.addresses.push_back(one.address);
  return endpoint;
}

std::string encode(const Endpoint& endpoint, std::size_t limit) {
  constexpr std::size_t head = 8 + 2 + 1;
  constexpr std::size_t most = 255;
  Packer body;
  std::uint8_t count = 0;
  for (const SocketAddress& address : endpoint.addresses) {
    const std::string_view bytes = address.bytes();
    if (head + body.bytes().size() + 1 + bytes.size() > limit || count == most) break;
    body.number<std::uint8_t>(bytes.size() == 4 ? 4 : 6).raw(bytes);
    ++count;
  }
  return Packer().number(endpoint.network).number(endpoint.port).number(count).raw(body.bytes()).take();
}

std::optional<Endpoint> decode_endpoint(std::string_view bytes) noexcept {
  Unpacker from(bytes);
  Endpoint endpoint;
  endpoint.network = from.number<std::uint64_t>();
  endpoint.port = from.number<std::uint16_t>();
  const int count = from.number<std::uint8_t>();
  for (int index = 0; index < count; ++index) {
    const int version = from.number<std::uint8_t>();
    if (version != 4 && version != 6) return std::nullopt;
    const std::string_view address = from.raw(version == 4 ? 4 : 16);
    if (!from.ok()) return std::nullopt;
    endpoint.addresses.push_back(address_from(version, address));
  }
  if (!from.ok() || endpoint.port == 0) return std::nullopt;
  return endpoint;
}

std::vector<SocketAddress> candidates(const Endpoint& endpoint, const Settings& settings) {
  std::vector<SocketAddress> found;
  if (endpoint.network != 0 && endpoint.network == network_identity())
    found.push_back(SocketAddress::loopback(settings.socket_family == "ipv6" ? AF_INET6 : AF_INET));
  for (const SocketAddress& address : endpoint.addresses) {
    const bool v6 = address.family() == AF_INET6;
    if (settings.socket_family == (v6 ? "ipv4" : "ipv6")) continue;
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
  }
  for (SocketAddress& address : found) address.set_port(endpoint.port);
  return found;
}

std::string to_text(const std::vector<SocketAddress>& addresses) {
  std::string text;
  for (const SocketAddress& address : addresses) text += (text.empty() ? "" : ", ") + to_text(address);
  return text;
}

}  // namespace tutti
