// Which endpoints have something under way, and sleeping until one of their sockets can go on.
//
// An endpoint registers when it starts to wait for its sockets and is dropped when pump() says that nothing
// is left, so that idle connections cost nothing. Used by the transport's one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/handle.hpp"

namespace tutti::tcp {

/// A socket as the sleeper sees it. Its address must not change while it is registered.
struct Watch {
  int fd = -1;
  std::uint32_t events = 0;  // EPOLLIN or EPOLLOUT
  bool enabled = false;      // in the kernel: it will end the next sleep, once
};

/// An endpoint that can have something under way.
class Active {
 public:
  virtual ~Active() = default;
  /// Moves what can be moved. false: nothing is left to wait for.
  [[nodiscard]] virtual bool pump() noexcept = 0;
  /// Its sockets that are waited for now.
  virtual void watch(class Activity& activity) noexcept = 0;

 private:
  friend class Activity;
  bool active_ = false;
};

class Activity {
 public:
  Activity();

  /// Once per endpoint and socket, when they are opened; allocates here so that nothing later does.
  void admit(Watch& watch);
  /// Before the endpoint or the socket goes.
  void dismiss(Watch& watch) noexcept;
  void dismiss(Active& endpoint) noexcept;
  /// The watch goes over to another socket. false: the kernel does not watch it, errno says why.
  [[nodiscard]] bool move(Watch& watch, int fd) noexcept;

  /// The endpoint has begun to wait for something.
  void start(Active& endpoint) noexcept {
    if (!endpoint.active_) add(endpoint);
  }
  void pump() noexcept;
  [[nodiscard]] bool any() const noexcept { return !active_.empty(); }

  void arm() noexcept;
  void disarm() noexcept;
  void sleep(int timeout_ms) noexcept;
  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  /// From Active::watch(): this socket's readiness ends the sleep.
  void enable(Watch& watch) noexcept;

 private:
  void add(Active& endpoint) noexcept;
  [[nodiscard]] bool register_disabled(Watch& watch) noexcept;
  void collect(int timeout_ms) noexcept;

  FileDescriptor epoll_;
  std::vector<Active*> active_;
  std::size_t admitted_ = 0;
  bool armed_ = false;
};

}  // namespace tutti::tcp
