#include "transport/tcp/socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace tutti::tcp {

namespace {

Moved moved(ssize_t result, bool zero_is_end) noexcept {
  if (result > 0) return {static_cast<std::size_t>(result), false, 0};
  if (result == 0) return {0, zero_is_end, 0};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {0, false, errno};
}

void set(int fd, int level, int option, int value) noexcept {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

std::string_view congestion_control_of(int fd, std::array<char, 16>& name) noexcept {
  auto length = static_cast<socklen_t>(name.size());
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return {};
  const std::string_view text(name.data(), length);
  return text.substr(0, text.find('\0'));
}

bool is_near(int fd) noexcept {
  constexpr unsigned kNear_us = 5000;
  tcp_info info{};
  socklen_t length = sizeof info;
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_rtt < kNear_us;
}

}  // namespace

Moved write_some(int fd, const void* data, std::size_t bytes) noexcept {
  return moved(::send(fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT), false);
}

Moved write_some(int fd, const iovec* parts, std::size_t count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);  // sendmsg() does not change them
  message.msg_iovlen = count;
  return moved(::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT), false);
}

Moved read_some(int fd, void* data, std::size_t bytes) noexcept {
  return moved(::recv(fd, data, bytes, MSG_DONTWAIT), true);
}

Moved read_some(int fd, const iovec* parts, std::size_t count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);  // recvmsg() does not change them
  message.msg_iovlen = count;
  return moved(::recvmsg(fd, &message, MSG_DONTWAIT), true);
}

Moved peek(int fd, void* data, std::size_t bytes) noexcept {
  return moved(::recv(fd, data, bytes, MSG_DONTWAIT | MSG_PEEK), true);
}

int link_timeout_ms(const Settings& settings) noexcept {
  constexpr int kLongest = 30'000, kShortest = 2'000;
  if (settings.timeout_ms <= 0) return kLongest;
  return std::clamp(settings.timeout_ms / 20, kShortest, kLongest);
}

// BBR paces, which costs it two thirds of the bandwidth that a near and lossless link has (16 against 46
// Gbit/s measured over veth); on a long one it may be what the operator chose it for, and stays.
void set_up_writing(int fd, const Settings& settings) noexcept {
  std::string_view wanted = settings.congestion_control;
  if (wanted == "system") return;
  std::array<char, 16> name{};
  if (wanted.empty() && congestion_control_of(fd, name).starts_with("bbr") && is_near(fd)) wanted = "cubic";
  if (!wanted.empty())
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, wanted.data(), static_cast<socklen_t>(wanted.size()));
}

// Nothing is on its way to the same machine; but what the kernel takes it copies, and copies again when it is
// read, which the cache should still hold (8 MiB both ways at once over veth: 2.9 ms, with the 4 MiB of the
// kernel's own tuning 4.1). Half of what is asked for is for its own books. On a real wire, the buffer has to
// hold what is under way, and stays the kernel's to size.
void keep_little(int fd) noexcept {
  constexpr int kBytes = 512 << 10;
  set(fd, SOL_SOCKET, SO_SNDBUF, kBytes);
}

void set_up_reading(int fd, const Settings& settings) noexcept {
  constexpr int kProbes = 3;
  const int seconds = std::max(2, link_timeout_ms(settings) / 1000);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 2));
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / (2 * kProbes)));
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

int unacknowledged_bytes(int fd) noexcept {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

unsigned unacknowledged_ms(int fd) noexcept {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || info.tcpi_unacked == 0) return 0;
  return info.tcpi_last_ack_recv;
}

}  // namespace tutti::tcp
