#include "transport/shm/segment.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/shm/explain.hpp"
#include "transport/shm/memory.hpp"

namespace tutti::shm {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kHugePageBytes = 2 << 20;
constexpr std::uint64_t kLeastSlotBytes = 8 << 10;
constexpr int kRanksOfFullSlots = 8;
constexpr std::uint32_t kSlotsOfAPair = 8;
constexpr std::uint64_t kMostSlotBytes = 1ull << 30;
constexpr std::uint32_t kMostSlots = 1u << 16;

std::uint64_t round_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

Mapping map(int fd, const Geometry& geometry, const std::string& purpose) {
  // Populated: the first message need not wait for page faults.
  void* data = ::mmap(nullptr, geometry.bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED)
    fail_explained(errno, fmt::format("mmap of {} bytes for {}", geometry.bytes(), purpose));
  return Mapping(static_cast<std::byte*>(data), geometry.bytes());
}

// Allocates every page now: a SIGBUS in the middle of a collective could not be explained to anybody.
void allocate(int fd, const Geometry& geometry, const std::string& purpose) {
  const auto what = fmt::format("allocating {} bytes ({} slots of {}) of shared memory for {}",
                                geometry.bytes(), geometry.slots, geometry.slot_bytes, purpose);
  if (geometry.bytes() > available_memory()) fail_explained(ENOMEM, what);
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(fd, 0, static_cast<off_t>(geometry.bytes()));
  if (error != 0) fail_explained(error, what);
  if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    fail_explained(errno, fmt::format("fcntl(F_ADD_SEALS) on the memory of {}", purpose));
}

}  // namespace

std::size_t Geometry::small_offset() const noexcept {
  return sizeof(WaitLines) + sizeof(OfferLine) + readers * sizeof(ReaderLine);
}
std::size_t Geometry::headers_offset() const noexcept {
  return small_offset() + kSmallLines * sizeof(SmallLine);
}
std::size_t Geometry::slots_offset() const noexcept {
  return round_up(headers_offset() + kHeaders * sizeof(LargeHeader), kPageBytes);
}
std::size_t Geometry::bytes() const noexcept {
  return round_up(slots_offset() + ring_bytes() + slot_bytes,
                  kPageBytes);  // a message may begin at the ring's end
}

bool Geometry::valid() const noexcept {
  return readers >= 1 && readers <= kMaxReaders && std::has_single_bit(slots) && slots <= kMostSlots &&
         slot_bytes >= kLine && slot_bytes <= kMostSlotBytes && slot_bytes % kLine == 0;
}

Geometry Geometry::of(const Settings& settings, int readers, int local_ranks) {
  static const Settings defaults;
  Geometry geometry;
  geometry.readers = static_cast<std::uint32_t>(readers);
  geometry.slots = std::bit_ceil(static_cast<std::uint32_t>(std::max(settings.slots, 1)));
  if (settings.slots == defaults.slots && readers == 1 && local_ranks > 2) geometry.slots = kSlotsOfAPair;
  geometry.slot_bytes = round_up(std::max<std::uint64_t>(settings.slot_bytes, kLine), kLine);
  if (settings.slot_bytes == defaults.slot_bytes && local_ranks > kRanksOfFullSlots) {
    const auto share =
        std::bit_floor(geometry.slot_bytes * kRanksOfFullSlots / static_cast<unsigned>(local_ranks));
    geometry.slot_bytes = std::max(share, kLeastSlotBytes);
  }
  if (!geometry.valid())
    fail(Code::invalid_argument,
         "{} slots of {} bytes for {} readers: at most {} slots (TUTTI_SHM_SLOTS) of {} bytes "
         "(TUTTI_SHM_SLOT) for {} "
         "readers are possible",
         geometry.slots, geometry.slot_bytes, readers, kMostSlots, kMostSlotBytes, kMaxReaders);
  return geometry;
}

Segment Segment::create(const Geometry& geometry, FileDescriptor& descriptor, const std::string& purpose) {
  descriptor = FileDescriptor(::memfd_create("tutti-connection", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor) fail_explained(errno, fmt::format("memfd_create for {}", purpose));
  allocate(descriptor.get(), geometry, purpose);
  Segment segment;
  segment.geometry_ = geometry;
  segment.mapping_ = map(descriptor.get(), geometry, purpose);
  // Only advice: where the kernel has huge pages for shared memory, large segments need fewer translations.
  if (geometry.bytes() >= kHugePageBytes) ::madvise(segment.mapping_.data(), geometry.bytes(), MADV_HUGEPAGE);
  return segment;
}

Segment Segment::open(const Geometry& geometry, const FileDescriptor& descriptor,
                      const std::string& purpose) {
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0)
    fail_explained(errno, fmt::format("fstat of the memory of {}", purpose));
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  if (static_cast<std::size_t>(status.st_size) != geometry.bytes() || seals < 0 ||
      (seals & F_SEAL_SHRINK) == 0)
    fail(Code::invalid_argument,
         "the memory of {} has {} bytes and seals {}; {} bytes, sealed against shrinking, were said", purpose,
         status.st_size, seals, geometry.bytes());
  Segment segment;
  segment.geometry_ = geometry;
  segment.mapping_ = map(descriptor.get(), geometry, purpose);
  return segment;
}

}  // namespace tutti::shm
