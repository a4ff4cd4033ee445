// Two ranks joined by tcp over loopback within one thread, and the words of the tcp tests.
#pragma once

#include <array>

#include "base/network.hpp"
#include "transport/tcp/tcp.hpp"

namespace tutti::tcp_test {

// Enough to tell members from strangers in a test; the real one is an HMAC.
inline Digest toy_sign(std::span<const std::byte> bytes) {
  Digest digest{};
  std::uint64_t state = 42;
  for (std::size_t i = 0; i < bytes.size() + digest.size(); ++i) {
    state = (state ^ (i < bytes.size() ? std::to_integer<std::uint64_t>(bytes[i]) : 0)) * 0x100000001b3u;
    state ^= state >> 29;
    digest[i % digest.size()] = static_cast<std::byte>(state);
  }
  return digest;
}

inline void describe_world(World& world, Failure& failure, int rank, int size = 2) {
  world.rank = rank;
  world.size = size;
  world.communicator = 77;
  world.host_of.assign(static_cast<std::size_t>(size), 0);
  world.settings.socket_interfaces = "=lo";
  world.settings.socket_family = "ipv4";
  world.settings.init_timeout_ms = 20'000;
  world.sign = toy_sign;
  world.failure = &failure;
}

class Pair {
 public:
  explicit Pair(int sockets = 0) {
    std::vector<std::string> addresses;
    for (int rank : {0, 1}) {
      describe_world(worlds[rank], failures[rank], rank);
      worlds[rank].settings.sockets = sockets;
      transports[rank] = make_tcp_transport(worlds[rank]);
      addresses.push_back(transports[rank]->address());
    }
    for (const auto& transport : transports) transport->meet(addresses);
  }

  [[nodiscard]] std::unique_ptr<Outlet> outlet(int writer, int lane = 0) {
    const std::array<int, 1> reader = {1 - writer};
    return transports[static_cast<std::size_t>(writer)]->open_outlet(reader, lane);
  }
  [[nodiscard]] std::unique_ptr<Inlet> inlet(int reader, int lane = 0) {
    const std::array<int, 1> readers = {reader};
    return transports[static_cast<std::size_t>(reader)]->open_inlet(1 - reader, readers, lane,
                                                                    after_ms(20'000));
  }
  /// Where a rank listens.
  [[nodiscard]] SocketAddress listener_of(int rank) {
    const std::string text = transports[static_cast<std::size_t>(rank)]->address();
    return *parse_socket_address(text.substr(text.rfind(' ') + 1));
  }
  /// Polls both ranks until `done`; false: not in 20 s.
  template <typename Done>
  [[nodiscard]] bool until(Done done) {
    const Deadline deadline = after_ms(20'000);
    while (!done()) {
      for (const auto& transport : transports) transport->progress();
      if (passed(deadline)) return false;
    }
    return true;
  }

  std::array<Failure, 2> failures;
  std::array<World, 2> worlds;
  std::array<std::unique_ptr<Transport>, 2> transports;
};

}  // namespace tutti::tcp_test
