#include "transport/shm/sleeper.hpp"

#include <algorithm>

#include "transport/shm/fence.hpp"

namespace tutti::shm {
namespace {

constexpr int kLookMs =
    50;  // how often a waiting rank looks whether its peers live: deaths are known well within 2 s

}  // namespace

void Sleeper::enroll(Waiter& waiter) {
  waiters_.push_back(&waiter);
}

void Sleeper::dismiss(Waiter& waiter) noexcept {
  std::erase(waiters_, &waiter);
}

void Sleeper::barrier() const noexcept {
  sleeper_barrier(neighbours_.fenced());
}

void Sleeper::arm() noexcept {
  if (passed(next_look_)) look_around();
  armed_ = true;
  bell_.arm();
  for (Waiter* waiter : waiters_) waiter->mark();
  barrier();
}

void Sleeper::disarm() noexcept {
  armed_ = false;
  bell_.disarm();
  for (Waiter* waiter : waiters_) waiter->unmark();
  if (!uses_fd_) return;
  bell_.drain_event();
  neighbours_.attend(0);  // whatever else made wake_fd() readable
}

void Sleeper::sleep(int timeout_ms) noexcept {
  // The dead do not ring: wake up in time to look for them.
  bell_.sleep(timeout_ms < 0 ? kLookMs : std::min(timeout_ms, kLookMs));
}

int Sleeper::wake_fd() noexcept {
  uses_fd_ = true;
  bell_.use_event();
  return neighbours_.event_fd();
}

void Sleeper::look_around() noexcept {
  next_look_ = after_ms(kLookMs);
  neighbours_.attend(0);
  for (Waiter* waiter : waiters_) waiter->inspect();
}

}  // namespace tutti::shm
