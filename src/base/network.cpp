#include "base/network.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.hpp"

namespace tutti {

namespace {

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

FileDescriptor make_socket(int family, int type) {
  return FileDescriptor(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

// SocketAddress.

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) noexcept {
  if (address == nullptr) return;
  const bool v4 = address->sa_family == AF_INET && length >= sizeof(sockaddr_in);
  const bool v6 = address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6);
  if (v4) std::memcpy(&storage_, address, sizeof(sockaddr_in));
  if (v6) std::memcpy(&storage_, address, sizeof(sockaddr_in6));
  // An IPv4 peer of a socket that takes both families appears as ::ffff:a.b.c.d: say it as the IPv4 address
  // it is.
  if (v6 && IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr)) {
    sockaddr_in mapped{};
    mapped.sin_family = AF_INET;
    mapped.sin_port = storage_.v6.sin6_port;
    std::memcpy(&mapped.sin_addr, storage_.v6.sin6_addr.s6_addr + 12, 4);
    storage_.v4 = mapped;
  }
}

SocketAddress SocketAddress::any(int family, std::uint16_t port) noexcept {
  SocketAddress address;
  if (family == AF_INET6) {
    address.storage_.v6 = sockaddr_in6{};
    address.storage_.v6.sin6_family = AF_INET6;
  } else {
    address.storage_.v4 = sockaddr_in{};
    address.storage_.v4.sin_family = AF_INET;
  }
  address.set_port(port);
  return address;
}

SocketAddress SocketAddress::loopback(int family, std::uint16_t port) noexcept {
  SocketAddress address = any(family, port);
  if (family == AF_INET6) {
    address.storage_.v6.sin6_addr = in6addr_loopback;
  } else {
    address.storage_.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return address;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) storage_.v6.sin6_port = htons(port);
}

bool SocketAddress::is_loopback() const noexcept {
  if (family() == AF_INET) return bytes()[0] == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

bool SocketAddress::is_link_local() const noexcept {
  if (family() == AF_INET) return bytes().substr(0, 2) == "\xa9\xfe";
  return family() == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&storage_.v6.sin6_addr);
}

std::string_view SocketAddress::bytes() const noexcept {
  if (family() == AF_INET) return {reinterpret_cast<const char*>(&storage_.v4.sin_addr), 4};
  if (family() == AF_INET6) return {reinterpret_cast<const char*>(&storage_.v6.sin6_addr), 16};
  return {};
}

socklen_t SocketAddress::length() const noexcept {
  return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

std::string to_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (!address || ::inet_ntop(address.family(), address.bytes().data(), text.data(), text.size()) == nullptr)
    return "none";
  const bool v6 = address.family() == AF_INET6;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", text.data(), v6 ? "]" : "", address.port());
}

std::optional<SocketAddress> parse_socket_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_integer<std::uint16_t>(text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  const bool v6 = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (v6) host = host.substr(1, host.size() - 2);
  if (!port || host.find('\0') != std::string::npos) return std::nullopt;

  sockaddr_in v4_address{};
  sockaddr_in6 v6_address{};
  v4_address.sin_family = AF_INET;
  v6_address.sin6_family = AF_INET6;
  void* const target = v6 ? static_cast<void*>(&v6_address.sin6_addr) : &v4_address.sin_addr;
  if (::inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), target) != 1) return std::nullopt;
  SocketAddress address =
      v6 ? SocketAddress(reinterpret_cast<const sockaddr*>(&v6_address), sizeof v6_address)
         : SocketAddress(reinterpret_cast<const sockaddr*>(&v4_address), sizeof v4_address);
  address.set_port(*port);
  return address;
}

std::vector<SocketAddress> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = error == 0 ? found : nullptr; one != nullptr; one = one->ai_next) {
    SocketAddress address(one->ai_addr, one->ai_addrlen);
    address.set_port(port);
    if (address) addresses.push_back(address);
  }
  if (addresses.empty())
    fail(Code::system_error, "the name '{}' has no address: {}", host,
         error == 0 ? "neither IPv4 nor IPv6" : ::gai_strerror(error));
  return addresses;
}

// Listening, accepting, connecting.

PortRange parse_port_range(std::string_view text, std::string_view variable) {
  if (text.empty()) return {};
  const auto dash = text.find('-');
  const auto first = parse_integer<std::uint16_t>(text.substr(0, dash));
  const auto last =
      dash == std::string_view::npos ? first : parse_integer<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *first > *last)
    fail(Code::invalid_argument, "{} is '{}'; it must be like 20000 or 20000-20100, within 1 to 65535",
         variable, text);
  return {*first, *last};
}

FileDescriptor listen_in_range(const SocketAddress& where, PortRange range, int backlog) {
  int error = 0;
  for (int port = range.first; port <= range.last; ++port) {
    FileDescriptor listener = make_socket(where.family(), SOCK_STREAM);
    if (!listener) fail_errno(errno, "socket() for a listener at " + to_text(where));
    const int on = 1;
    const int off = 0;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (where.family() == AF_INET6) ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    SocketAddress address = where;
    address.set_port(static_cast<std::uint16_t>(port));
    if (::bind(listener.get(), address.get(), address.length()) == 0 &&
        ::listen(listener.get(), backlog) == 0)
      return listener;
    error = errno;
    if (error != EADDRINUSE && error != EACCES) break;  // another port will not help
  }
  fail_errno(error, fmt::format("no listener at {}, ports {}-{} (0: any; TUTTI_PORT_RANGE)", to_text(where),
                                range.first, range.last));
}

FileDescriptor listen_anywhere(const Settings& settings, int backlog) {
  const PortRange range = parse_port_range(settings.port_range);
  const bool both = settings.socket_family.empty();
  // A kernel without IPv6 refuses the socket or its address; IPv4 alone is then all there is.
  if (both || settings.socket_family == "ipv6") {
    const FileDescriptor probe = make_socket(AF_INET6, SOCK_STREAM);
    const SocketAddress any = SocketAddress::any(AF_INET6);
    const bool available = probe && ::bind(probe.get(), any.get(), any.length()) == 0;
    if (available || !both) return listen_in_range(any, range, backlog);
  }
  return listen_in_range(SocketAddress::any(AF_INET), range, backlog);
}

FileDescriptor accept_connection(int listener) noexcept {
  FileDescriptor connection(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection) set_no_delay(connection.get());
  return connection;
}

FileDescriptor start_connect(const SocketAddress& peer, const SocketAddress& from) {
  const std::string what = "connect to " + to_text(peer);
  FileDescriptor connection = make_socket(peer.family(), SOCK_STREAM);
  if (!connection) fail_errno(errno, what);
  set_no_delay(connection.get());
  if (from && ::bind(connection.get(), from.get(), from.length()) != 0)
    fail_errno(errno, what + " from " + to_text(from));
  if (::connect(connection.get(), peer.get(), peer.length()) != 0 && errno != EINPROGRESS && errno != EINTR)
    fail_errno(errno, what);
  return connection;
}

int connect_result(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

FileDescriptor connect_to(const SocketAddress& peer, Deadline deadline, const SocketAddress& from) {
  FileDescriptor connection = start_connect(peer, from);
  pollfd writable{connection.get(), POLLOUT, 0};
  while (::poll(&writable, 1, ms_until(deadline)) <= 0)
    if (passed(deadline)) fail(Code::timeout, "connect to {}: no answer in time", to_text(peer));
  if (const int error = connect_result(connection.get()); error != 0)
    fail_errno(error, "connect to " + to_text(peer));
  return connection;
}

SocketAddress route_to(const SocketAddress& peer) noexcept {
  const FileDescriptor probe = make_socket(peer.family(), SOCK_DGRAM);
  SocketAddress target = peer;
  if (target.port() == 0) target.set_port(9);  // nothing is sent; some kernels refuse port 0
  if (!probe || ::connect(probe.get(), target.get(), target.length()) != 0) return {};
  SocketAddress from = local_address(probe.get());
  from.set_port(0);
  return from;
}

namespace {
SocketAddress address_by(int (*call)(int, sockaddr*, socklen_t*), int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  return call(fd, address, &length) == 0 ? SocketAddress(address, length) : SocketAddress();
}
}  // namespace

SocketAddress local_address(int fd) noexcept {
  return address_by(&::getsockname, fd);
}
SocketAddress peer_address(int fd) noexcept {
  return address_by(&::getpeername, fd);
}

void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace tutti
