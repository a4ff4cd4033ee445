// Plain or non-temporal stores into slots? A plain store first takes its line back from the reader's cache:
// cheap where both cores share a fast one, ten times the cost of all else where they do not, and virtual
// machines change place while they run. Non-temporal stores cost the same everywhere, but the reader then
// fetches from memory. So the writer now and then times plain stores, and goes by that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "reduce/reduce.hpp"

namespace tutti::shm {

class StoreChoice {
 public:
  /// Shorter messages are written plainly: the fence behind non-temporal stores would show.
  static constexpr std::size_t kLeastBytes = 2 << 10;
  /// What a probe writes plainly, the first bytes of a message.
  static constexpr std::size_t kProbeBytes = 2 << 10;

  [[nodiscard]] bool streaming() const noexcept { return streaming_; }
  [[nodiscard]] reduce::Store of(std::size_t bytes) const noexcept {
    return streaming_ && bytes >= kLeastBytes ? reduce::Store::streaming : reduce::Store::plain;
  }
  /// Whether this message begins with a probe.
  [[nodiscard]] bool probes(std::size_t bytes) noexcept {
    return bytes >= kProbeBytes && (++messages_ % kProbeEvery) == 0;
  }
  /// How long a probe took. One slow probe may be an interruption, so it takes two of a kind to change.
  void probed(Clock::duration time) noexcept {
    const bool slow = time > kSlowProbe;
    if (slow == last_slow_) streaming_ = slow;
    last_slow_ = slow;
  }

 private:
  static constexpr std::uint32_t kProbeEvery = 16;
  // 6 GB/s. Near, nineteen of twenty probes take under 300 ns, clock and fences included; far, over 420.
  static constexpr Clock::duration kSlowProbe = std::chrono::nanoseconds(350);

  std::uint32_t messages_ = 0;
  bool streaming_ = true;
  bool last_slow_ = true;
};

}  // namespace tutti::shm
