// Two ranks of one thread, joined by a connection over the double's devices.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/settings.hpp"
#include "transport/tcp_pair.hpp"
#include "transport/transport.hpp"
#include "transport/verbs/verbs.hpp"
#include "transport/verbs_double.hpp"
#include "transport/verbs_faults.hpp"

namespace tutti::verbs_double {

struct PairOptions {
  bool zero_copy = false;
  int queue_pairs = 1;
  int slots = 8;
  bool failover = true;
};

/// TUTTI_TEST_VERBS_DEVICES names devices of this host for each of the hosts that ranks play in turn, with ;
/// between: "rxe0_;rxe1_". Empty: the double's.
[[nodiscard]] inline std::string real_devices(int rank) {
  std::vector<std::string> hosts;
  std::istringstream names(environment("TUTTI_TEST_VERBS_DEVICES"));
  for (std::string host; std::getline(names, host, ';');) hosts.push_back(host);
  return hosts.empty() ? "" : hosts[static_cast<std::size_t>(rank) % hosts.size()];
}
[[nodiscard]] inline bool on_real_devices() {
  return !real_devices(0).empty();
}

class Pair {
 public:
  explicit Pair(const PairOptions& options = {},
                const verbs::Table& functions = verbs_faults::around(table())) {
    std::vector<std::string> addresses;
    for (const std::size_t rank : {0, 1}) {
      World& world = worlds[rank];
      tcp_test::describe_world(world, failures[rank], static_cast<int>(rank));
      world.settings.verbs_zero_copy = options.zero_copy;
      world.settings.verbs_queue_pairs = options.queue_pairs;
      world.settings.verbs_slots = options.slots;
      world.settings.verbs_failover = options.failover;
      world.settings.verbs_devices = real_devices(world.rank);
      transports[rank] = make_verbs_transport(world, functions);
      addresses.push_back(transports[rank]->address());
    }
    for (const auto& transport : transports) transport->meet(addresses);
    const std::array<int, 1> readers = {1};
    outlet = transports[0]->open_outlet(readers, 0);
    inlet = transports[1]->open_inlet(0, readers, 0, after_ms(20'000));
  }

  /// Polls both ranks until `done`, and now and then does what a rank does before it sleeps. Throws their
  /// failure; false: not in 20 s.
  template <typename Done>
  [[nodiscard]] bool until(Done done) {
    constexpr int kSpins = 16;
    const Deadline deadline = after_ms(20'000);
    for (int spins = 1; !done(); ++spins) {
      progress();
      for (const Failure& failure : failures)
        if (failure.failed()) end_by(failure);
      if (passed(deadline)) return false;
      if (spins % kSpins != 0) continue;
      for (const auto& transport : transports) transport->arm();
      progress();
      for (const auto& transport : transports) transport->disarm();
      std::this_thread::yield();  // a delayed device has a thread of its own
    }
    return true;
  }
  void progress() {
    for (const auto& transport : transports) transport->progress();
  }
  /// Throws timeout if it does not get there.
  void move(std::span<const std::byte> from, std::span<std::byte> to, Tag tag) {
    const std::uint64_t before = inlet->placed();
    const auto wait = [&](auto done) {
      if (!until(done)) fail(Code::timeout, "a message of {} bytes did not get there", from.size());
    };
    wait([&] { return inlet->expect(to.data(), to.size(), tag); });
    wait([&] { return outlet->send(from.data(), from.size(), tag); });
    wait([&] { return inlet->placed() > before; });
  }

  /// Tells both ranks, as the control plane does: what is under way is not looked at any more.
  [[noreturn]] void end_by(const Failure& failure) {
    const Error error(failure.code(), failure.sentence(), failure.rank());
    for (Failure& one : failures) one.report(error.code(), error.rank(), error.what());
    throw error;
  }

  /// Memory that devices may write to until both ranks are gone, whatever fails before.
  [[nodiscard]] std::vector<std::byte>& take_memory(std::size_t bytes) { return memory_.emplace_back(bytes); }

 private:
  std::list<std::vector<std::byte>> memory_;

 public:
  std::array<Failure, 2> failures;
  std::array<World, 2> worlds;
  std::array<std::unique_ptr<Transport>, 2> transports;
  std::unique_ptr<Outlet> outlet;
  std::unique_ptr<Inlet> inlet;
};

}  // namespace tutti::verbs_double
