// Measures what the cost model needs, in a fraction of a second: medians of short loops, so that a disturbed
// one does not count.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/cache.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"
#include "reduce/reduce.hpp"
#include "select/costs.hpp"

namespace tutti {
namespace {

constexpr int kSamples = 9;

template <typename Body>
double best_ns(const Body& body) {
  double best = 0;
  for (int i = 0; i < kSamples; ++i) {
    const auto begin = Clock::now();
    body();
    const auto ns = static_cast<double>((Clock::now() - begin).count());
    if (i == 0 || ns < best) best = ns;
  }
  return best;
}

struct alignas(64) Counter {
  std::atomic<int> value{0};
};

/// One way of a cache line between two threads, by round trips.
double line_latency_ns() {
  constexpr int kTrips = 500;
  Counter ping, pong;
  double one_way = 0;
  std::thread other([&] {
    for (int i = 1; i <= kTrips * kSamples; ++i) {
      // acquire and release: the pattern whose cost is asked for.
      for (int spins = 0; ping.value.load(std::memory_order_acquire) < i; ++spins) {
        if (spins > 10'000) std::this_thread::yield();
      }
      pong.value.store(i, std::memory_order_release);
    }
  });
  int trip = 0;
  one_way = best_ns([&] {
              for (int i = 0; i < kTrips; ++i) {
                ping.value.store(++trip, std::memory_order_release);  // as above
                for (int spins = 0; pong.value.load(std::memory_order_acquire) < trip; ++spins) {
                  if (spins > 10'000) std::this_thread::yield();
                }
              }
            }) /
            (2 * kTrips);
  other.join();
  return one_way;
}

struct SocketPair {
  FileDescriptor left, right;
};

SocketPair connected_pair() {
  const auto check = [](int result, const char* call) {
    if (result < 0) fail_errno(errno, std::string(call) + " on 127.0.0.1, to measure TCP");
    return result;
  };
  FileDescriptor listener(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  check(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), "bind");
  check(::listen(listener.get(), 1), "listen");
  check(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  SocketPair pair;
  pair.left = FileDescriptor(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  check(::connect(pair.left.get(), reinterpret_cast<sockaddr*>(&address), length), "connect");
  pair.right = FileDescriptor(check(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"));
  const int on = 1;
  for (const int fd : {pair.left.get(), pair.right.get()})
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return pair;
}

/// Whole lines, as the tcp transport sends them: what malloc gives, 16 bytes behind a page's start, is read
/// from a socket twenty times slower on some processors (transport/tcp/message.hpp).
struct alignas(64) Line {
  std::byte bytes[64];
};

bool move_all(int fd, std::vector<Line>& lines, std::size_t bytes, bool sends) {
  auto* const at = reinterpret_cast<std::byte*>(lines.data());
  for (std::size_t moved = 0; moved < bytes;) {
    const ssize_t n = sends ? ::send(fd, at + moved, bytes - moved, MSG_NOSIGNAL)
                            : ::recv(fd, at + moved, bytes - moved, 0);
    if (n <= 0) return false;
    moved += static_cast<std::size_t>(n);
  }
  return true;
}

/// Half a round trip of `bytes` over loopback.
double tcp_ns(std::size_t bytes, int trips) {
  SocketPair pair = connected_pair();
  std::vector<Line> here(bytes / sizeof(Line) + 1), there(here.size());
  std::thread other([&] {
    while (move_all(pair.right.get(), there, bytes, false) && move_all(pair.right.get(), there, bytes, true))
      continue;
  });
  const double half = best_ns([&] {
                        for (int i = 0; i < trips; ++i) {
                          if (move_all(pair.left.get(), here, bytes, true))
                            (void)move_all(pair.left.get(), here, bytes, false);
                        }
                      }) /
                      (2 * trips);
  ::shutdown(pair.left.get(), SHUT_RDWR);
  other.join();
  return half;
}

}  // namespace

Costs measure_costs() {
  Costs costs;
  costs.shared_memory.latency_ns = std::clamp(line_latency_ns(), 20.0, 1'000.0);
  constexpr std::size_t kBytes = 256 << 10;
  std::vector<std::byte> a(kBytes, std::byte{1}), b(kBytes, std::byte{1});
  const double copy_ns = best_ns([&] { reduce::copy({a.data()}, b.data(), kBytes); }) / kBytes;
  costs.shared_memory.ns_per_byte = std::clamp(copy_ns, 0.005, 1.0);
  const reduce::Kernel sum = reduce::kernel(ElementType::float32, Operator::sum);
  const std::byte* inputs[] = {a.data(), b.data()};
  const double reduce_ns = best_ns([&] { sum({a.data()}, inputs, 2, kBytes / 4, 1); }) / kBytes;
  costs.reduce_ns_per_byte = std::clamp(reduce_ns, 0.005, 1.0);
  constexpr std::size_t kLong = 512 << 10;
  const double brief = std::clamp(tcp_ns(8, 20), 2'000.0, 100'000.0);
  // Of a half round trip the two system calls take about two thirds.
  costs.tcp.latency_ns = brief / 3;
  costs.tcp.overhead_ns = brief / 3;
  costs.tcp.ns_per_byte = std::clamp((tcp_ns(kLong, 1) - brief) / kLong, 0.02, 10.0);
  costs.core_cache_bytes = static_cast<double>(caches().second_level_bytes);
  return costs;
}

}  // namespace tutti
