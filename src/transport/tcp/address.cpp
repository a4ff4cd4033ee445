#include "transport/tcp/address.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

namespace tutti::tcp {

namespace {

constexpr std::string_view kWord = "tcp1";
constexpr std::string_view kSharedNetwork = "it is on the peer's network";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool parse_hex(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

bool same_network(const SocketAddress& left, const SocketAddress& right, int prefix_bits) {
  if (left.family() != right.family()) return false;
  const std::string_view a = left.bytes(), b = right.bytes();
  for (int bit = 0; bit < prefix_bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    if (((a[byte] ^ b[byte]) & (0x80 >> bit % 8)) != 0) return false;
  }
  return true;
}

const Interface* owner_of(const std::vector<Interface>& own, const SocketAddress& address) {
  const auto found = std::find_if(
      own.begin(), own.end(), [&](const Interface& one) { return one.address.bytes() == address.bytes(); });
  return found == own.end() ? nullptr : &*found;
}

const Interface* on_network_of(const std::vector<Interface>& own, const SocketAddress& peer) {
  const auto found = std::find_if(own.begin(), own.end(), [&](const Interface& one) {
    return same_network(one.address, peer, one.prefix_bits);
  });
  return found == own.end() ? nullptr : &*found;
}

// The way to one address of the peer, if there is one.
std::optional<Way> way_to(const SocketAddress& to, const std::vector<Interface>& own,
                          const Settings& settings) {
  const bool chosen = !settings.socket_interfaces.empty();
  if (const Interface* const shared = on_network_of(own, to))
    return Way{to, chosen && !to.is_loopback() ? shared->address : SocketAddress(), shared->name,
               std::string(kSharedNetwork)};
  const SocketAddress from = route_to(to);
  if (!from) return std::nullopt;
  if (const Interface* const routed = owner_of(own, from))
    return Way{to, {}, routed->name, "the route to the peer uses it"};
  if (!chosen) return Way{to, {}, "another interface", "the route to the peer uses it"};
  // The kernel would leave by an interface that the setting excludes: leave from an allowed one of the same
  // family.
  const auto same_family = std::find_if(own.begin(), own.end(), [&](const Interface& one) {
    return one.address.family() == to.family() && !one.address.is_loopback();
  });
  if (same_family == own.end()) return std::nullopt;
  return Way{to, same_family->address, same_family->name, "TUTTI_SOCKET_INTERFACES names it"};
}

}  // namespace

std::string to_text(const Address& address) {
  std::string text = fmt::format("{} {:x} {:x}", kWord, address.machine, address.network);
  for (const SocketAddress& one : address.addresses) text += fmt::format(" {}", tutti::to_text(one));
  return text;
}

std::optional<Address> parse_address(const std::string& text) {
  const auto words = words_of(text);
  if (words.size() < 4 || words[0] != kWord) return std::nullopt;
  Address address;
  if (!parse_hex(words[1], address.machine) || !parse_hex(words[2], address.network)) return std::nullopt;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const auto one = parse_socket_address(words[i]);
    if (!one) return std::nullopt;
    address.addresses.push_back(*one);
  }
  return address;
}

std::string to_text(const Way& way) {
  return fmt::format("{} via {}", tutti::to_text(way.to), way.interface);
}

std::vector<Way> ways_to(const Address& peer, std::uint64_t own_network, const std::vector<Interface>& own,
                         const Settings& settings) {
  std::vector<Way> ways;
  for (const SocketAddress& to : peer.addresses) {
    if (to.is_loopback() && peer.network != own_network) continue;
    if (auto way = way_to(to, own, settings)) ways.push_back(std::move(*way));
  }
  std::stable_partition(ways.begin(), ways.end(),
                        [](const Way& way) { return way.reason == kSharedNetwork; });
  return ways;
}

std::vector<std::size_t> spread(const std::vector<Way>& ways) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const bool another = std::none_of(chosen.begin(), chosen.end(), [&](std::size_t before) {
      return ways[before].interface == ways[i].interface;
    });
    if (chosen.empty() || (another && ways[i].reason == kSharedNetwork)) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace tutti::tcp
