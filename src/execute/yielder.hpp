// Where ranks outnumber cores: giving the core to a rank that shares it, without falling asleep.
#pragma once

#include <algorithm>

#include <sched.h>

#include "base/clock.hpp"

namespace tutti {

/// sched_yield() comes back after a microsecond where all that share the core wait in the same way: far
/// sooner than a sleeper is woken. Where one of them computes it comes back after that one's whole time
/// slice, milliseconds; then sleeping is better, and yielding rests: the longer, the more often that happens.
class Yielder {
 public:
  /// Gives the core away once. false: it rests, the caller had better sleep.
  [[nodiscard]] bool yield(Clock::time_point now) noexcept {
    if (now < rests_until_) return false;
    ::sched_yield();
    const Clock::time_point after = Clock::now();
    if (after - now > kStall) rest(after);
    return true;
  }

 private:
  static constexpr Clock::duration kStall = std::chrono::milliseconds(1);
  static constexpr Clock::duration kShortest = std::chrono::milliseconds(10);
  static constexpr Clock::duration kLongest = std::chrono::seconds(1);

  void rest(Clock::time_point now) noexcept {
    const bool again = now - rests_until_ < 8 * rest_;
    rest_ = again ? std::min(2 * rest_, kLongest) : kShortest;
    rests_until_ = now + rest_;
  }

  Clock::duration rest_ = kShortest;
  Clock::time_point rests_until_{};
};

}  // namespace tutti
