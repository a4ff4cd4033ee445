#include "transport/verbs/gid.hpp"

#include <algorithm>
#include <tuple>

#include <arpa/inet.h>
#include <fmt/core.h>

namespace tutti::verbs {
namespace {

constexpr std::size_t kIpv4Begins = 12;

int preference(GidType type) {
  switch (type) {
    case GidType::roce_v2: return 0;
    case GidType::unknown: return 1;
    default: return 2;
  }
}

auto rank_of(const GidEntry& entry) {
  return std::make_tuple(preference(entry.type), is_ipv4(entry.gid) ? 0 : 1, entry.index);
}

}  // namespace

bool is_ipv4(const Gid& gid) noexcept {
  const bool zeros = std::all_of(gid.begin(), gid.begin() + 10, [](std::uint8_t byte) { return byte == 0; });
  return zeros && gid[10] == 0xff && gid[11] == 0xff;
}

bool is_link_local(const Gid& gid) noexcept {
  if (is_ipv4(gid)) return gid[kIpv4Begins] == 169 && gid[kIpv4Begins + 1] == 254;
  return gid[0] == 0xfe && (gid[1] & 0xc0) == 0x80;
}

bool is_none(const Gid& gid) noexcept {
  return std::all_of(gid.begin(), gid.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string to_text(const Gid& gid) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool ipv4 = is_ipv4(gid);
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, gid.data() + (ipv4 ? kIpv4Begins : 0), text.data(), text.size());
  return text.data();
}

std::string_view to_text(GidType type) noexcept {
  switch (type) {
    case GidType::infiniband: return "InfiniBand";
    case GidType::roce_v1: return "RoCE v1";
    case GidType::roce_v2: return "RoCE v2";
    case GidType::unknown: break;
  }
  return "of unknown type";
}

std::optional<GidChoice> choose_gid(std::span<const GidEntry> entries, int wanted) {
  const GidEntry* best = nullptr;
  for (const GidEntry& entry : entries) {
    if (is_none(entry.gid)) continue;
    if (wanted >= 0 ? entry.index != wanted : is_link_local(entry.gid)) continue;
    if (best == nullptr || rank_of(entry) < rank_of(*best)) best = &entry;
  }
  if (best == nullptr) return std::nullopt;
  if (wanted >= 0) return GidChoice{*best, "TUTTI_VERBS_GID_INDEX names it"};
  return GidChoice{*best, fmt::format("it is {} and {}, the best of {} entries", to_text(best->type),
                                      is_ipv4(best->gid) ? "IPv4" : "IPv6", entries.size())};
}

}  // namespace tutti::verbs
