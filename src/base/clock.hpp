// Time on the monotonic clock, and deadlines on it.
#pragma once

#include <chrono>

namespace tutti {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

[[nodiscard]] inline Deadline after_ms(long long milliseconds) {
  return Clock::now() + std::chrono::milliseconds(milliseconds);
}
[[nodiscard]] inline bool passed(Deadline deadline) {
  return Clock::now() >= deadline;
}
/// Milliseconds until the deadline, at least 0: what poll() takes.
[[nodiscard]] inline int ms_until(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

}  // namespace tutti
