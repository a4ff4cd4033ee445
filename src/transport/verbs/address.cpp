#include "transport/verbs/address.hpp"

#include <algorithm>
#include <bit>
#include <sstream>
#include <utility>

#include <fmt/core.h>

namespace tutti::verbs {
namespace {

constexpr std::string_view kWord = "verbs2";
constexpr std::size_t kMostRails = 16;

std::string to_hex(const Gid& gid) {
  std::string text;
  for (const std::uint8_t byte : gid) text += fmt::format("{:02x}", byte);
  return text;
}

bool from_hex(const std::string& text, Gid& gid) {
  const auto digit = [](char letter) {
    if (letter >= '0' && letter <= '9') return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
  };
  if (text.size() != 2 * gid.size()) return false;
  for (std::size_t i = 0; i < gid.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    gid[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

/// The bits on which two addresses agree, from the first on.
int agreement(const Gid& left, const Gid& right) noexcept {
  int bits = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const auto difference = static_cast<std::uint8_t>(left[i] ^ right[i]);
    if (difference != 0) return bits + std::countl_zero(difference);
    bits += 8;
  }
  return bits;
}

constexpr int kSubnetBits = 64;
constexpr int kIpv4NetworkBits = 96 + 24;  // one of 256 addresses, most likely

bool reach(const PeerPort& left, const PeerPort& right) noexcept {
  if (left.ethernet != right.ethernet) return false;
  return left.ethernet ? is_ipv4(left.gid) == is_ipv4(right.gid)
                       : agreement(left.gid, right.gid) >= kSubnetBits;
}

bool in_one_network(const PeerPort& left, const PeerPort& right) noexcept {
  const int bits = left.ethernet && is_ipv4(left.gid) ? kIpv4NetworkBits : kSubnetBits;
  return agreement(left.gid, right.gid) >= bits;
}

}  // namespace

std::string to_text(const Address& address) {
  std::string text = fmt::format("{} {} {}", kWord, address.host, address.rails.size());
  for (const PeerRail& rail : address.rails)
    text += fmt::format("\n{} {} {} {} {}", rail.port.ethernet ? 1 : 0, rail.port.lid,
                        static_cast<int>(rail.port.mtu), to_hex(rail.port.gid), rail.name);
  return text + "\n" + tcp::to_text(address.greeting);
}

std::optional<Address> parse_address(const std::string& text) {
  std::istringstream lines(text);
  std::string word, gid, line;
  std::size_t count = 0;
  Address address;
  lines >> word >> address.host >> count;
  if (!lines || word != kWord || count > kMostRails) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    PeerRail rail;
    int ethernet = 0, mtu = 0;
    lines >> ethernet >> rail.port.lid >> mtu >> gid >> std::ws;
    std::getline(lines, rail.name);
    if (!lines || mtu < IBV_MTU_256 || mtu > IBV_MTU_4096 || !from_hex(gid, rail.port.gid))
      return std::nullopt;
    rail.port.ethernet = ethernet != 0;
    rail.port.mtu = static_cast<ibv_mtu>(mtu);
    address.rails.push_back(std::move(rail));
  }
  if (count == 0) std::getline(lines, line);  // the rest of the first line
  std::getline(lines, line);
  const auto greeting = tcp::parse_address(line);
  if (!greeting) return std::nullopt;
  address.greeting = *greeting;
  return address;
}

PeerRail describe(const Rail& rail) {
  return {rail.name(), {rail.ethernet, rail.lid, rail.gid.gid, rail.mtu}};
}

std::vector<RailPair> match(const std::vector<PeerRail>& own, const std::vector<PeerRail>& peers) {
  struct Way {
    std::size_t own, peers;
    int agreement;
  };
  std::vector<Way> ways;
  for (std::size_t i = 0; i < own.size(); ++i)
    for (std::size_t j = 0; j < peers.size(); ++j)
      if (reach(own[i].port, peers[j].port))
        ways.push_back({i, j, agreement(own[i].port.gid, peers[j].port.gid)});
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Way& left, const Way& right) { return left.agreement > right.agreement; });

  std::vector<RailPair> pairs;
  std::vector<bool> own_taken(own.size()), peers_taken(peers.size());
  for (const bool spare : {false, true})
    for (const Way& way : ways) {
      if (own_taken[way.own]) continue;
      if (spare ? !in_one_network(own[way.own].port, peers[way.peers].port) : peers_taken[way.peers])
        continue;
      own_taken[way.own] = peers_taken[way.peers] = true;
      pairs.push_back({way.own, way.peers, spare});
    }
  std::sort(pairs.begin(), pairs.end(), [](const RailPair& left, const RailPair& right) {
    return std::pair(left.spare, left.own) < std::pair(right.spare, right.own);
  });
  return pairs;
}

}  // namespace tutti::verbs
