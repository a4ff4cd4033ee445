#include "transport/shm/greeting.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <sys/random.h>
#include <sys/stat.h>

#include "base/error.hpp"

namespace tutti::shm {
namespace {

constexpr const char* kAddressKind = "tutti-shm-1";

/// In a time that does not depend on where they differ.
bool same(const Digest& a, std::span<const std::byte> b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= std::to_integer<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

bool within(std::int64_t value, std::int64_t end) {
  return value >= 0 && value < end;
}

std::string check(const Notice& notice, const World& world) {
  if (notice.version != Notice::kVersion) return fmt::format("version {}", notice.version);
  if (notice.communicator != world.communicator) return "it is of another communicator";
  if (notice.to != world.rank) return fmt::format("it is for rank {}", notice.to);
  if (!within(notice.from, world.size))
    return fmt::format("it is from rank {} of {}", notice.from, world.size);
  if (notice.kind == Kind::greeting || notice.kind == Kind::forget) return "";
  if (notice.kind == Kind::memory)
    return notice.memory != 0 && notice.memory_bytes != 0 ? "" : "empty memory";
  if (notice.kind != Kind::offer) return fmt::format("kind {}", static_cast<unsigned>(notice.kind));
  if (notice.lane < 0) return fmt::format("lane {}", notice.lane);
  if (!notice.geometry.valid() || notice.reader >= notice.geometry.readers)
    return fmt::format("{} slots of {} bytes for reader {} of {}", notice.geometry.slots,
                       notice.geometry.slot_bytes, notice.reader, notice.geometry.readers);
  return "";
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id.empty() ? "unknown" : id;
}

std::uint64_t network_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
}

std::string random_name() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    fail_errno(errno, "getrandom for a socket's name");
  std::string name = "tutti-";
  for (const auto byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

}  // namespace

NoticeBytes encode(const Notice& notice, const Signer& sign) {
  NoticeBytes bytes;
  std::memcpy(bytes.data(), &notice, sizeof notice);
  const Digest digest = sign(std::span(bytes).first<sizeof(Notice)>());
  std::memcpy(bytes.data() + sizeof notice, digest.data(), digest.size());
  return bytes;
}

std::optional<Notice> parse(std::span<const std::byte> bytes, const World& world, std::string& reason) {
  if (bytes.size() != kNoticeBytes) {
    reason = fmt::format("it has {} bytes instead of {}", bytes.size(), kNoticeBytes);
    return {};
  }
  if (!same(world.sign(bytes.first(sizeof(Notice))), bytes.last(sizeof(Digest)))) {
    reason = "it is not signed with the communicator's secret";
    return {};
  }
  Notice notice;
  std::memcpy(&notice, bytes.data(), sizeof notice);
  reason = check(notice, world);
  return reason.empty() ? std::optional(notice) : std::nullopt;
}

std::size_t descriptors_of(Kind kind) noexcept {
  return kind == Kind::greeting ? 2 : kind == Kind::forget ? 0 : 1;
}

std::uint64_t hash_of(std::span<const int> readers) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over the ranks, mixed at the end
  for (const int reader : readers) hash = (hash ^ static_cast<std::uint32_t>(reader)) * 0x100000001b3u;
  hash ^= hash >> 32;
  return hash * 0x9e3779b97f4a7c15u;
}

Address Address::make(bool membarrier) {
  return {fmt::format("{}/{}", boot_id(), network_namespace()), random_name(), membarrier};
}

std::string Address::text() const {
  return fmt::format("{} {} {} {}", kAddressKind, machine, socket, membarrier ? 1 : 0);
}

std::optional<Address> Address::parse(const std::string& text) {
  std::istringstream words(text);
  std::string kind;
  Address address;
  if (!(words >> kind >> address.machine >> address.socket >> address.membarrier) || kind != kAddressKind)
    return {};
  if (address.socket.size() > 64) return {};
  return address;
}

}  // namespace tutti::shm
