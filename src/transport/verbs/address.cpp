#include "transport/verbs/address.hpp"

#include <bit>
#include <sstream>

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

bool reach(const PeerPort& left, const PeerPort& right) noexcept {
  if (left.ethernet != right.ethernet) return false;
  return left.ethernet ? is_ipv4(left.gid) == is_ipv4(right.gid)
                       : agreement(left.gid, right.gid) >= kSubnetBits;
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
  std::vector<RailPair> pairs;
  for (std::size_t i = 0; i < own.size(); ++i) {
    std::size_t best = peers.size();
    const auto nearness = [&](std::size_t j) { return agreement(own[i].port.gid, peers[j].port.gid); };
    for (std::size_t j = 0; j < peers.size(); ++j) {
      if (!reach(own[i].port, peers[j].port)) continue;
      if (best == peers.size() || nearness(j) > nearness(best)) best = j;
    }
    if (best < peers.size()) pairs.push_back({i, best});
  }
  return pairs;
}

}  // namespace tutti::verbs
