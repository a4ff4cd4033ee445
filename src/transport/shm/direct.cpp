#include "transport/shm/direct.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include <sys/uio.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti::shm {
namespace {

/// A call copies no more than this, so that its caller can look around.
constexpr std::size_t kMostAtOnce = 4 << 20;

/// Addresses in the peer's process.
struct Exposed {
  std::uint64_t data = 0, probe = 0;
};

std::optional<Exposed> parse(const std::string& text) {
  Exposed exposed;
  const char* const end = text.data() + text.size();
  const auto data = std::from_chars(text.data(), end, exposed.data, 16);
  if (data.ec != std::errc() || data.ptr == end || *data.ptr != ' ') return std::nullopt;
  const auto probe = std::from_chars(data.ptr + 1, end, exposed.probe, 16);
  if (probe.ec != std::errc() || probe.ptr != end) return std::nullopt;
  return exposed;
}

void* pointer(std::uint64_t address) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
}

/// 0, or why that process's memory cannot be used.
int try_reading(pid_t process, std::uint64_t address, std::uint64_t expected) {
  std::uint64_t seen = 0;
  const iovec here{&seen, sizeof seen}, there{pointer(address), sizeof seen};
  if (::process_vm_readv(process, &here, 1, &there, 1, 0) != sizeof seen) return errno;
  return seen == expected ? 0 : ESRCH;
}

class DirectReach final : public Reach {
 public:
  DirectReach(std::shared_ptr<Station> station, int peer, pid_t process, std::uint64_t address)
      : station_(std::move(station)), peer_(peer), process_(process), address_(address) {}

  [[nodiscard]] std::size_t write(std::size_t offset, const std::byte* data,
                                  std::size_t bytes) noexcept override {
    if (broken_) return 0;
    const std::size_t taken = std::min(bytes, kMostAtOnce);
    const iovec here{const_cast<std::byte*>(data), taken};  // it is only read
    const iovec there{pointer(address_ + offset), taken};
    const ssize_t written = ::process_vm_writev(process_, &here, 1, &there, 1, 0);
    if (written > 0) return static_cast<std::size_t>(written);
    lose(errno);
    return 0;
  }
  [[nodiscard]] bool written() noexcept override { return true; }

 private:
  void lose(int error) noexcept {
    broken_ = true;
    Failure* const failure = station_->world.failure;
    if (failure == nullptr) return;
    std::string sentence = fmt::format("process_vm_writev into the window of {}: {}",
                                       station_->neighbours.name_of(peer_), errno_text(error));
    if (error == ESRCH) return failure->suspect(Code::remote_error, peer_, sentence + ": it has ended");
    failure->report(Code::system_error, peer_,
                    sentence + "; was its memory, or that of the put, freed too early?");
  }

  std::shared_ptr<Station> station_;
  int peer_;
  pid_t process_;
  std::uint64_t address_;
  bool broken_ = false;
};

}  // namespace

std::string describe_exposed(const Station& station, const std::byte* data) {
  return fmt::format("{:x} {:x}", reinterpret_cast<std::uintptr_t>(data),
                     reinterpret_cast<std::uintptr_t>(&station.probe));
}

std::unique_ptr<Reach> reach_directly(std::shared_ptr<Station> station, int peer,
                                      const std::string& exposed) {
  const auto where = parse(exposed);
  const pid_t process = station->neighbours.process_of(peer);
  if (!where || process <= 0) return nullptr;
  const std::uint64_t expected =
      station->probe ^
      ((static_cast<std::uint64_t>(station->world.rank) ^ static_cast<std::uint64_t>(peer)) << 32);
  if (const int error = try_reading(process, where->probe, expected); error != 0) {
    TUTTI_LOG(info, "the kernel lets rank {} not write into {}: {}; puts go through slots (two copies)",
              station->world.rank, station->neighbours.name_of(peer), errno_text(error));
    return nullptr;
  }
  return std::make_unique<DirectReach>(std::move(station), peer, process, where->data);
}

}  // namespace tutti::shm
