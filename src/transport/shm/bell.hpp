// The bell of a rank: what it sleeps on, and what its peers ring. A page of shared memory (a memfd) holds the
// word that a futex waits on; an eventfd beside it serves a rank that waits on several wires at once. Both
// descriptors are handed to the peers when ranks first greet each other.
//
// The owner arms, sleeps and disarms in one thread; ring() may be called by any thread of any process.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/handle.hpp"

namespace tutti::shm {

/// What the page holds.
struct alignas(64) BellWord {
  static constexpr std::uint32_t kAwake = 0, kOnFutex = 1, kOnEvent = 2;
  std::atomic<std::uint32_t> state{kAwake};
  /// Set before the owner closes its transport: from then on the end of its sockets is no death.
  std::atomic<std::uint32_t> closed{0};
};
static_assert(sizeof(BellWord) == 64 && std::atomic<std::uint32_t>::is_always_lock_free);

/// A peer's bell.
class PeerBell {
 public:
  /// Maps the page behind `page`; throws system_error, or invalid_argument if that is no bell.
  PeerBell(FileDescriptor page, FileDescriptor event);
  /// Ends the owner's sleep, if it sleeps or is about to.
  void ring() noexcept;
  [[nodiscard]] bool closed() const noexcept;

 private:
  Mapping mapping_;
  FileDescriptor event_;
  BellWord* word_;
};

/// This rank's own.
class Bell {
 public:
  Bell();
  /// Says that this rank is about to sleep: peers ring from now on. A barrier and a last poll come between
  /// this and sleep().
  void arm() noexcept;
  void disarm() noexcept;
  /// Until rung, or the time has passed. May return early.
  void sleep(int timeout_ms) noexcept;
  /// From now on the bell rings the eventfd whenever the rank has not called sleep().
  void use_event() noexcept;
  /// Takes the ringing back out of the eventfd.
  void drain_event() noexcept;
  void close() noexcept;

  [[nodiscard]] int page() const noexcept { return page_.get(); }
  [[nodiscard]] int event() const noexcept { return event_.get(); }

 private:
  FileDescriptor page_;
  FileDescriptor event_;
  Mapping mapping_;
  BellWord* word_;
  bool uses_event_ = false;
};

}  // namespace tutti::shm
