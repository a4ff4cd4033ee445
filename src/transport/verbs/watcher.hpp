// What a rank sleeps on: completion channels and asynchronous events of its devices, and the sockets that
// tell that a peer is gone. An epoll set; one thread at a time.
#pragma once

#include "base/handle.hpp"

namespace tutti::verbs {

/// Somebody whose descriptor has become readable. Its address must not change while it is watched.
class Watched {
 public:
  virtual void ready() noexcept = 0;

 protected:
  ~Watched() = default;
};

class Watcher {
 public:
  Watcher();
  void watch(int fd, Watched& watched);
  void forget(int fd) noexcept;
  [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
  /// Waits so long until something is readable, and tells everybody whose is.
  void wait(int timeout_ms) noexcept;

 private:
  FileDescriptor epoll_;
};

}  // namespace tutti::verbs
