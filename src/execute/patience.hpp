// How long a thread spins before it sleeps.
#pragma once

#include "transport/transport.hpp"

namespace tutti {

/// TUTTI_SPIN_US at first. A sleep that ends soon after was not worth it, least where both ends of a
/// connection sleep: each wakes the other late, and so sends it to sleep again. So while sleeps end within a
/// few times TUTTI_SPIN_US, threads spin that long.
class Patience {
 public:
  explicit Patience(const World& world) noexcept
      : least_ns_(world.oversubscribed ? kCrowdedNs : world.settings.spin_us * 1000LL),
        most_ns_(world.oversubscribed ? least_ns_ : kWorthIt * least_ns_),
        ns_(least_ns_) {}

  [[nodiscard]] bool ends_before(long long waited_ns) const noexcept { return waited_ns > ns_; }
  /// A sleep is over, so long after the wait began.
  void woken(long long waited_ns) noexcept { ns_ = waited_ns < most_ns_ ? most_ns_ : least_ns_; }

 private:
  static constexpr long long kWorthIt = 10;
  /// Where ranks outnumber cores a spinning thread holds up the one it waits for.
  static constexpr long long kCrowdedNs = 200;

  const long long least_ns_;
  const long long most_ns_;
  long long ns_;
};

}  // namespace tutti
