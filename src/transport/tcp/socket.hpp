// One socket of a connection: how it is set up, and reading and writing where "would block" is a value.
#pragma once

#include <string>

#include <sys/uio.h>

#include "base/handle.hpp"
#include "base/settings.hpp"

namespace tutti::tcp {

/// What became of a read or write.
struct Moved {
  std::size_t bytes = 0;
  bool closed = false;  // the peer will send no more
  int error = 0;        // errno of a broken socket; "would block" is 0 bytes and no error
  [[nodiscard]] bool broken() const noexcept { return closed || error != 0; }
};
[[nodiscard]] Moved write_some(int fd, const void* data, std::size_t bytes) noexcept;
[[nodiscard]] Moved write_some(int fd, const iovec* parts, std::size_t count) noexcept;
[[nodiscard]] Moved read_some(int fd, void* data, std::size_t bytes) noexcept;
[[nodiscard]] Moved read_some(int fd, const iovec* parts, std::size_t count) noexcept;
/// What read_some() would give, left where it is.
[[nodiscard]] Moved peek(int fd, void* data, std::size_t bytes) noexcept;

/// After this long without a sign of life from the peer's kernel, its link counts as cut.
[[nodiscard]] int link_timeout_ms(const Settings& settings) noexcept;

/// Of a socket that has just connected: congestion control as the settings say. Failing to set it is no
/// error.
void set_up_writing(int fd, const Settings& settings) noexcept;
/// Its peer is on this machine: the kernel takes only what stays in a cache.
void keep_little(int fd) noexcept;
/// Of an accepted one: probes an idle peer, so that a cut link is noticed by who waits on it.
void set_up_reading(int fd, const Settings& settings) noexcept;

/// Bytes that the kernel has taken and the peer's has not acknowledged.
[[nodiscard]] int unacknowledged_bytes(int fd) noexcept;
/// Milliseconds since the peer's kernel last acknowledged anything, while it owes an acknowledgement; else 0.
[[nodiscard]] unsigned unacknowledged_ms(int fd) noexcept;

}  // namespace tutti::tcp
