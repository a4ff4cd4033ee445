#include "transport/shm/bell.hpp"

#include <cerrno>
#include <new>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/shm/explain.hpp"

namespace tutti::shm {
namespace {

constexpr std::size_t kPageBytes = 4096;

Mapping map_page(int fd) {
  void* data = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED) fail_explained(errno, "mmap of a rank's bell (4 KiB)");
  return Mapping(static_cast<std::byte*>(data), kPageBytes);
}

std::uint32_t* raw(std::atomic<std::uint32_t>& word) noexcept {
  return reinterpret_cast<std::uint32_t*>(&word);
}

// Not the private forms: the word is shared among processes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, int timeout_ms) noexcept {
  timespec timeout{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000L};
  ::syscall(SYS_futex, raw(word), FUTEX_WAIT, value, timeout_ms < 0 ? nullptr : &timeout, nullptr, 0);
}
void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, raw(word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}
void add_to(int event) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);  // full means rung already
}

}  // namespace

PeerBell::PeerBell(FileDescriptor page, FileDescriptor event) : event_(std::move(event)) {
  struct stat status {};
  if (::fstat(page.get(), &status) != 0) fail_explained(errno, "fstat of a peer's bell");
  const int seals = ::fcntl(page.get(), F_GET_SEALS);
  if (status.st_size != kPageBytes || seals < 0 || (seals & F_SEAL_SHRINK) == 0)
    fail(Code::invalid_argument, "a peer's bell is not a sealed page but {} bytes with seals {}",
         status.st_size, seals);
  mapping_ = map_page(page.get());
  word_ = reinterpret_cast<BellWord*>(mapping_.data());
}

void PeerBell::ring() noexcept {
  // acq_rel: what this rank published comes before; of several who ring, one wakes.
  const auto before = word_->state.exchange(BellWord::kAwake, std::memory_order_acq_rel);
  if (before == BellWord::kOnFutex) futex_wake(word_->state);
  if (before == BellWord::kOnEvent) add_to(event_.get());
}

bool PeerBell::closed() const noexcept {
  return word_->closed.load(std::memory_order_acquire) != 0;  // acquire: pairs with Bell::close
}

Bell::Bell() {
  page_ = FileDescriptor(::memfd_create("tutti-bell", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!page_) fail_explained(errno, "memfd_create for this rank's bell");
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(page_.get(), 0, kPageBytes);
  if (error != 0) fail_explained(error, "posix_fallocate of 4 KiB for this rank's bell");
  if (::fcntl(page_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    fail_explained(errno, "fcntl(F_ADD_SEALS) on this rank's bell");
  event_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) fail_explained(errno, "eventfd for this rank's bell");
  mapping_ = map_page(page_.get());
  word_ = new (mapping_.data()) BellWord;
}

void Bell::arm() noexcept {
  // release: a peer that sees the mark set after this also sees the state; the caller's barrier orders the
  // last poll.
  word_->state.store(uses_event_ ? BellWord::kOnEvent : BellWord::kOnFutex, std::memory_order_release);
}

void Bell::disarm() noexcept {
  word_->state.store(BellWord::kAwake, std::memory_order_relaxed);  // a ring that comes too late does nothing
}

void Bell::sleep(int timeout_ms) noexcept {
  std::uint32_t expected = BellWord::kOnEvent;
  // relaxed: the futex call itself compares the word again; what was published is read by the polls that
  // follow.
  word_->state.compare_exchange_strong(expected, BellWord::kOnFutex, std::memory_order_relaxed);
  if (expected != BellWord::kAwake) futex_wait(word_->state, BellWord::kOnFutex, timeout_ms);
}

void Bell::use_event() noexcept {
  uses_event_ = true;
  std::uint32_t expected = BellWord::kOnFutex;
  // relaxed: only which way to ring changes.
  word_->state.compare_exchange_strong(expected, BellWord::kOnEvent, std::memory_order_relaxed);
  if (expected == BellWord::kAwake)
    add_to(event_.get());  // rung since arm(): or not armed, where a wake-up costs little
}

void Bell::drain_event() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(event_.get(), &count, sizeof count);  // empty: nothing to take
}

void Bell::close() noexcept {
  word_->closed.store(1, std::memory_order_release);
}  // pairs with PeerBell::closed

}  // namespace tutti::shm
