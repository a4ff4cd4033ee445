// How a sleeper and the peer that would wake it agree on who saw what.
//
// Both sides store, then look at what the other stored: the writer publishes a message and looks whether
// somebody waits; the sleeper says that it waits and looks once more for a message. Both need a full barrier
// in between, or each may miss the other. Which side pays for it is decided once a host:
//   - fences: either side executes one. For oversubscribed hosts, where ranks sleep all the time.
//   - asymmetric: only the sleeper pays, by membarrier(2), which makes every core that runs a registered
//   process execute a
//     barrier; the side that publishes keeps the compiler from reordering, no more.
#pragma once

#include <atomic>

namespace tutti::shm {

/// A full barrier of this thread.
inline void full_fence() noexcept {
  // seq_cst: what came before must be visible before what comes after is read, which no weaker order promises
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer does not model fences; a read-modify-write is one on the machine.
  static thread_local std::atomic<int> dummy{0};
  dummy.fetch_add(1, std::memory_order_seq_cst);
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  static thread_local std::atomic<int> dummy{0};
  dummy.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// The publishing side's barrier: see above.
inline void publisher_barrier(bool fenced) noexcept {
  if (fenced)
    full_fence();
  else
    std::atomic_signal_fence(
        std::memory_order_seq_cst);  // the compiler only: the sleeper's membarrier does the rest
}

/// Registers this process to execute barriers for others. false: the kernel (or a seccomp filter) does not
/// allow it.
[[nodiscard]] bool join_membarrier() noexcept;

/// The sleeper's barrier: on this thread, and on every registered process's unless `fenced`.
void sleeper_barrier(bool fenced) noexcept;

}  // namespace tutti::shm
