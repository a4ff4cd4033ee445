#include "execute/wait.hpp"

#include <algorithm>

#include <fmt/core.h>
#include <poll.h>

namespace tutti {
namespace {

/// The clock and the failure are looked at every so many empty polls: a few microseconds. Where ranks
/// outnumber cores, sooner: there those are longer than the other rank would need the core.
constexpr unsigned kCheckEvery = 64, kCheckEveryWhenCrowded = 2;
/// A sleeper looks around this often even if nobody rings: a failure is recorded without ringing.
constexpr int kSleepMs = 20;
/// Where ranks outnumber cores a thread whose patience is over lets others run, and sleeps when nothing came
/// of that.
constexpr long long kYieldNs = 100'000;

/// Between two looks at memory. Asking a device or the kernel is pause enough, and who emulates a processor
/// may take microseconds for this one instruction.
void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Waiter::Waiter(const World& world, std::span<Transport* const> transports)
    : world_(world),
      transports_(transports.begin(), transports.end()),
      check_every_(world.oversubscribed ? kCheckEveryWhenCrowded : kCheckEvery),
      patience_(world) {
  for (Transport* transport : transports_) pumped_.push_back(transport);
}

bool Waiter::finish(Run& run) noexcept {
  for (;;) {
    Progress progress = run.poll();
    if (progress == Progress::pending && !idle(run, progress)) return false;
    if (progress == Progress::done) break;
    if (progress == Progress::moved) idle_polls_ = 0;
  }
  idle_polls_ = 0;
  return true;
}

Progress Waiter::advance(Run& run, int microseconds) noexcept {
  const Deadline end = Clock::now() + std::chrono::microseconds(microseconds);
  Progress progress = Progress::pending;
  do {
    progress = run.poll();
    if (progress == Progress::pending && !idle(run, progress)) break;
  } while (progress != Progress::done && !passed(end));
  return progress;
}

bool Waiter::idle(Run& run, Progress& progress) noexcept {
  const bool pumped = pump();
  if (++idle_polls_ % check_every_ != 0) {
    if (!pumped) relax();
    return true;
  }
  if (world_.failure->failed()) return false;
  const auto now = Clock::now();
  if (idle_polls_ == check_every_) idle_since_ = now;
  const auto idle_ns = (now - idle_since_).count();
  if (patience_.ends_before(idle_ns)) {
    const bool yielded = world_.oversubscribed && idle_ns < kYieldNs && yielder_.yield(now);
    if (!yielded) sleep(run, progress);
  }
  if (world_.settings.timeout_ms > 0 && idle_ns > world_.settings.timeout_ms * 1'000'000LL) report_stall(run);
  return !world_.failure->failed();
}

bool Waiter::pump() noexcept {
  bool any = false;
  for (Transport* transport : pumped_) {
    if (!transport->needs_progress()) continue;
    transport->progress();
    any = true;
  }
  return any;
}

void Waiter::sleep(Run& run, Progress& progress) noexcept {
  for (Transport* transport : transports_) transport->arm();
  pump();
  progress = run.poll();  // what came before the bell was armed rings nobody
  if (progress == Progress::pending && !world_.failure->failed()) {
    if (transports_.size() == 1) {
      transports_.front()->sleep(kSleepMs);
    } else {
      pollfd fds[4];
      nfds_t count = 0;
      for (Transport* transport : transports_) {
        if (count < std::size(fds)) fds[count++] = {transport->wake_fd(), POLLIN, 0};
      }
      ::poll(fds, count, kSleepMs);
    }
  }
  for (Transport* transport : transports_) transport->disarm();
  patience_.woken((Clock::now() - idle_since_).count());
}

void Waiter::report_stall(const Run& run) noexcept {
  world_.failure->report(
      Code::timeout, -1,
      fmt::format("rank {}: {} has not moved for {} ms: {}. A peer is stuck or did not call it; "
                  "TUTTI_TIMEOUT_MS sets the limit",
                  world_.rank, name_of(run.plan().call.collective), world_.settings.timeout_ms,
                  run.waiting_for()));
}

}  // namespace tutti
