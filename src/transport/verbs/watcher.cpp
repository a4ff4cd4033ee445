#include "transport/verbs/watcher.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>

#include "base/error.hpp"

namespace tutti::verbs {

Watcher::Watcher() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) fail_errno(errno, "epoll_create1() of the verbs transport");
}

void Watcher::watch(int fd, Watched& watched) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.ptr = &watched;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    fail_errno(errno, "epoll_ctl() of the verbs transport");
}

void Watcher::forget(int fd) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Watcher::wait(int timeout_ms) noexcept {
  std::array<epoll_event, 32> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  for (int i = 0; i < count; ++i)
    static_cast<Watched*>(events[static_cast<std::size_t>(i)].data.ptr)->ready();
}

}  // namespace tutti::verbs
