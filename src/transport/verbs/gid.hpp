// GIDs: the addresses of an RDMA port, and which entry of its table to use. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace tutti::verbs {

using Gid = std::array<std::uint8_t, 16>;

enum class GidType : std::uint8_t { unknown, infiniband, roce_v1, roce_v2 };

struct GidEntry {
  int index = 0;
  GidType type = GidType::unknown;
  Gid gid{};
};

[[nodiscard]] bool is_ipv4(const Gid& gid) noexcept;        // ::ffff:a.b.c.d
[[nodiscard]] bool is_link_local(const Gid& gid) noexcept;  // fe80::/10, 169.254/16 mapped
[[nodiscard]] bool is_none(const Gid& gid) noexcept;
/// "10.0.0.1" for a mapped address, else as IPv6.
[[nodiscard]] std::string to_text(const Gid& gid);
[[nodiscard]] std::string_view to_text(GidType type) noexcept;

struct GidChoice {
  GidEntry entry;
  std::string reason;  // for the log
};
/// Of a RoCE port's entries: v2 before v1 (an entry whose type cannot be read counts between them), then IPv4
/// before IPv6, then the first in the table. Link-local addresses and empty entries are not taken. `wanted`
/// >= 0: just that index, whatever it is.
[[nodiscard]] std::optional<GidChoice> choose_gid(std::span<const GidEntry> entries, int wanted);

}  // namespace tutti::verbs
