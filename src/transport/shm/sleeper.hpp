// How a rank sleeps: it marks just those connections whose last poll was refused, so that only what it waits
// for wakes it.
//
// Order of events that makes a lost wake-up impossible: the bell is armed, the connections are marked, a
// barrier (fence.hpp), the caller's last poll, the sleep. A peer publishes, passes its barrier, looks at the
// mark, and if it is set takes it and rings. Either the peer sees the mark, or the last poll sees what was
// published. A connection that is refused for the first time in that last poll is marked then, with a barrier
// and one more poll of its own.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "transport/shm/bell.hpp"
#include "transport/shm/neighbours.hpp"

namespace tutti::shm {

/// An endpoint, as the sleeper sees it.
class Waiter {
 public:
  /// Marks the connection, if its last poll was refused.
  virtual void mark() noexcept = 0;
  virtual void unmark() noexcept = 0;
  /// Called now and then while nothing comes: looks for what the fast path cannot afford to see.
  virtual void inspect() noexcept {}

 protected:
  ~Waiter() = default;
};

class Sleeper {
 public:
  Sleeper(Bell& bell, Neighbours& neighbours) : bell_(bell), neighbours_(neighbours) {}

  void enroll(Waiter& waiter);
  void dismiss(Waiter& waiter) noexcept;

  [[nodiscard]] bool armed() const noexcept { return armed_; }
  /// Between mark() and another poll.
  void barrier() const noexcept;

  void arm() noexcept;
  void disarm() noexcept;
  void sleep(int timeout_ms) noexcept;
  [[nodiscard]] int wake_fd() noexcept;

 private:
  void look_around() noexcept;

  Bell& bell_;
  Neighbours& neighbours_;
  std::vector<Waiter*> waiters_;
  Deadline next_look_{};
  bool armed_ = false;
  bool uses_fd_ = false;
};

}  // namespace tutti::shm
