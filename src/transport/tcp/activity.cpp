#include "transport/tcp/activity.hpp"

#include <algorithm>
#include <array>

#include <sys/epoll.h>

#include "base/error.hpp"

namespace tutti::tcp {

Activity::Activity() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) fail_errno(errno, "epoll_create1() of the tcp transport");
}

// Every socket is registered once and disabled. What is waited for is enabled before a sleep, for one report
// only: early data of others must not end sleep after sleep.
bool Activity::register_disabled(Watch& watch) noexcept {
  epoll_event event{};
  event.events = EPOLLONESHOT;
  event.data.ptr = &watch;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watch.fd, &event) == 0;
}

void Activity::admit(Watch& watch) {
  if (!register_disabled(watch)) fail_errno(errno, "epoll_ctl() of the tcp transport");
  active_.reserve(++admitted_);  // there are no more endpoints than sockets
}

bool Activity::move(Watch& watch, int fd) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch.fd, nullptr);
  const bool enabled = watch.enabled;
  watch = {fd, watch.events, false};
  if (!register_disabled(watch)) return false;
  if (enabled) enable(watch);
  return true;
}

void Activity::dismiss(Watch& watch) noexcept {
  if (watch.fd >= 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch.fd, nullptr) == 0) --admitted_;
}

void Activity::dismiss(Active& endpoint) noexcept {
  active_.erase(std::remove(active_.begin(), active_.end(), &endpoint), active_.end());
  endpoint.active_ = false;
}

void Activity::add(Active& endpoint) noexcept {
  endpoint.active_ = true;
  active_.push_back(&endpoint);
  if (armed_) endpoint.watch(*this);
}

void Activity::pump() noexcept {
  for (std::size_t i = 0; i < active_.size();) {
    Active& endpoint = *active_[i];
    if (endpoint.pump()) {
      ++i;
      continue;
    }
    endpoint.active_ = false;
    active_[i] = active_.back();
    active_.pop_back();
  }
}

void Activity::enable(Watch& watch) noexcept {
  if (watch.enabled) return;
  epoll_event event{};
  event.events = watch.events | EPOLLONESHOT;
  event.data.ptr = &watch;
  watch.enabled = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watch.fd, &event) == 0;
}

void Activity::arm() noexcept {
  armed_ = true;
  for (Active* endpoint : active_) endpoint->watch(*this);
}

void Activity::disarm() noexcept {
  armed_ = false;
  collect(0);
}

void Activity::sleep(int timeout_ms) noexcept {
  collect(timeout_ms);
}

// What the kernel has reported it has also disabled.
void Activity::collect(int timeout_ms) noexcept {
  std::array<epoll_event, 32> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  for (int i = 0; i < count; ++i)
    static_cast<Watch*>(events[static_cast<std::size_t>(i)].data.ptr)->enabled = false;
}

}  // namespace tutti::tcp
