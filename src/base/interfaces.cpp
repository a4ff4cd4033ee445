// The part of network.hpp that asks which interfaces this host has and which of them are to be used.
#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <functional>
#include <memory>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/network.hpp"

namespace tutti {

namespace {

int prefix_bits_of(const SocketAddress& mask) {
  int bits = 0;
  for (const char byte : mask.bytes()) bits += std::popcount(static_cast<unsigned char>(byte));
  return bits;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// TUTTI_SOCKET_INTERFACES: '^' before everything excludes, '=' compares whole names instead of prefixes. Both
// may also stand before a single name of the list, where '=' means that name alone.
bool matches(std::string_view name, std::string_view pattern) {
  const bool exclude = pattern.starts_with('^');
  if (exclude) pattern.remove_prefix(1);
  const bool exact = pattern.starts_with('=');
  if (exact) pattern.remove_prefix(1);
  const auto parts = split(pattern, ',');
  const bool found = std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    const bool whole = exact || part.starts_with('=');
    if (part.starts_with('=')) part.remove_prefix(1);
    return whole ? name == part : name.starts_with(part);
  });
  return found != exclude;
}

// Interfaces that other hosts cannot reach: loopback and the bridges of local containers and machines.
bool is_local_only(const Interface& one) {
  constexpr std::array<std::string_view, 5> bridges = {"docker", "virbr", "br-", "cni", "podman"};
  return one.address.is_loopback() ||
         std::any_of(bridges.begin(), bridges.end(),
                     [&](std::string_view prefix) { return one.name.starts_with(prefix); });
}

}  // namespace

std::vector<Interface> list_interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) fail_errno(errno, "getifaddrs()");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  std::vector<Interface> found;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    const SocketAddress address(one->ifa_addr, sizeof(sockaddr_in6));
    if (!address || (one->ifa_flags & IFF_UP) == 0) continue;
    const SocketAddress mask(one->ifa_netmask, sizeof(sockaddr_in6));
    found.push_back({one->ifa_name, address, prefix_bits_of(mask)});
  }
  return found;
}

std::vector<Interface> choose_interfaces(const std::vector<Interface>& all, std::string_view pattern,
                                         std::string_view family) {
  std::vector<Interface> chosen;
  for (const Interface& one : all) {
    const bool v6 = one.address.family() == AF_INET6;
    if ((v6 && (family == "ipv4" || one.address.is_link_local())) || (!v6 && family == "ipv6")) continue;
    if (pattern.empty() || matches(one.name, pattern)) chosen.push_back(one);
  }
  if (pattern.empty() && !std::all_of(chosen.begin(), chosen.end(), is_local_only))
    chosen.erase(std::remove_if(chosen.begin(), chosen.end(), is_local_only), chosen.end());
  std::stable_partition(chosen.begin(), chosen.end(),
                        [](const Interface& one) { return one.address.family() == AF_INET; });
  return chosen;
}

std::vector<Interface> usable_interfaces(const Settings& settings) {
  const std::vector<Interface> all = list_interfaces();
  std::vector<Interface> chosen = choose_interfaces(all, settings.socket_interfaces, settings.socket_family);
  if (!chosen.empty()) return chosen;
  std::string present;
  for (const Interface& one : all)
    present +=
        (present.empty() ? "" : ", ") + one.name + (one.address.family() == AF_INET6 ? " (ipv6)" : " (ipv4)");
  fail(Code::invalid_argument,
       "no network interface fits TUTTI_SOCKET_INTERFACES='{}' and TUTTI_SOCKET_FAMILY='{}'; this host has: "
       "{}",
       settings.socket_interfaces, settings.socket_family, present.empty() ? "none that is up" : present);
}

std::uint64_t machine_identity() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  if (boot.empty()) boot = host_name();
  return std::hash<std::string>{}(boot);
}

std::uint64_t network_identity() {
  struct stat net {};
  const bool known = ::stat("/proc/self/ns/net", &net) == 0;
  return machine_identity() ^ (known ? net.st_ino * 0x9e3779b97f4a7c15ull : 0);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

}  // namespace tutti
