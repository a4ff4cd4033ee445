// Waiting: spin while it is cheap, pump the wires that ask for it, then sleep until a peer rings. Every wait
// has an owner (the thread that polls), a deadline, and ends when the communicator has failed.
#pragma once

#include <span>
#include <vector>

#include "base/clock.hpp"
#include "execute/patience.hpp"
#include "execute/run.hpp"
#include "execute/yielder.hpp"
#include "transport/transport.hpp"

namespace tutti {

/// One per communicator; used by one thread at a time.
class Waiter {
 public:
  Waiter(const World& world, std::span<Transport* const> transports);

  /// Polls the run until it is done: true. false: the communicator has failed (see its Failure).
  [[nodiscard]] bool finish(Run& run) noexcept;
  /// Polls for at most about `microseconds`; for threads that have other things to look at.
  [[nodiscard]] Progress advance(Run& run, int microseconds) noexcept;

 private:
  /// Called after a poll that found nothing. false: give up, the communicator has failed.
  bool idle(Run& run, Progress& progress) noexcept;
  /// Whether any wire asked for it.
  bool pump() noexcept;
  void sleep(Run& run, Progress& progress) noexcept;
  void report_stall(const Run& run) noexcept;

  const World& world_;
  std::vector<Transport*> transports_;
  std::vector<Transport*> pumped_;  // those that need progress() at times
  unsigned check_every_;
  Patience patience_;
  Yielder yielder_;
  unsigned idle_polls_ = 0;
  Clock::time_point idle_since_{};  // of the present idle stretch, set at its first check
};

}  // namespace tutti
