// The conformance suite: what every wire must do, whoever wrote it (transport.hpp is the contract).
//
// A wire joins with a file tests/transport/<wire>_conformance.cpp that defines wires(), and a line in
// <wire>_tests.cmake:
//
//     std::vector<Wire> wires() { return {{.name = "tcp", .make = [](const World& w) { return
//     make_tcp_transport(w); }}}; }
//
//     conformance_test(tcp)
//
// Every test then runs once for each of its wires (several, where one wire has several ways to work). A test
// is written as a function of one rank, a Member, and run on as many ranks as it wants: as threads of this
// process or as forked ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "transport/transport.hpp"

namespace tutti::conformance {

struct Wire {
  std::string name;  // of letters, digits and _: part of the tests' names
  std::function<std::unique_ptr<Transport>(const World&)> make;
  /// Changes every rank's world before the transport is made: settings, host_of (all ranks on host 0 unless
  /// changed).
  std::function<void(World&)> adapt = nullptr;
  /// Ranks may be processes: the tests with forked ranks run too.
  bool processes = true;
};

/// Defined by each wire's test program.
std::vector<Wire> wires();

/// Slots of every wire hold at least so much; longer transfers are cut into pieces of it, except where the
/// wire takes and places messages of any length.
inline constexpr std::size_t kPieceBytes = 32 << 10;

/// TUTTI_TEST_SLOWNESS: how many times slower this machine is than one that the tests were written for
/// (emulated: 10). All waits are that much longer, and what only goes on and on is repeated less often.
[[nodiscard]] int slowness();

/// Whether the bytes are the same: without a sanitizer's look at each of them.
[[nodiscard]] bool same(std::span<const std::byte> one, std::span<const std::byte> other);

/// One rank, as a test sees it. All waiting is bounded by `patience_ms` and throws when that has passed or
/// when the world has failed, so that a broken wire fails its test instead of hanging it.
class Member {
 public:
  Member(const Wire& wire, int rank, int size, bool oversubscribed = true);

  [[nodiscard]] int rank() const { return world.rank; }
  [[nodiscard]] int size() const { return world.size; }

  /// Ends of the connection from `writer` to `readers` on a lane.
  [[nodiscard]] std::unique_ptr<Outlet> outlet(std::vector<int> readers, int lane = 0);
  [[nodiscard]] std::unique_ptr<Inlet> inlet(int writer, std::vector<int> readers, int lane = 0);
  /// The same with this rank as the only reader.
  [[nodiscard]] std::unique_ptr<Inlet> inlet(int writer, int lane = 0) {
    return inlet(writer, {rank()}, lane);
  }

  /// Polls until `done()`: spins a little, then arms, polls once more and sleeps, as an executor does.
  void wait(const std::function<bool()>& done);
  /// One message, or several of kPieceBytes; waits until the memory may change again.
  void send(Outlet& outlet, std::span<const std::byte> data, Tag tag = 1);
  /// Its other end: through expect() where the wire places, else through borrow().
  void receive(Inlet& inlet, std::span<std::byte> data, Tag tag = 1);
  /// One message, always through borrow(), copied out.
  [[nodiscard]] std::vector<std::byte> borrow(Inlet& inlet, std::size_t bytes, Tag tag = 1);

  /// Every rank of the test has called it as often.
  std::function<void()> barrier;

  Failure failure;
  World world;
  std::unique_ptr<Transport> transport;
  int patience_ms = 20'000 * slowness();
  int spins = 200;           // polls before the first sleep
  bool sleep_on_fd = false;  // sleep in poll() on wake_fd() instead of in sleep()
};

using Body = std::function<void(Member&)>;
/// Run `body` once a rank, all transports met. An exception or a failed expectation of any rank fails the
/// test.
void on_threads(const Wire& wire, int ranks, const Body& body, bool oversubscribed = true);
void on_processes(const Wire& wire, int ranks, const Body& body, bool oversubscribed = true);

/// `bytes` bytes that depend on position and seed.
[[nodiscard]] std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed);

/// The fixture: GetParam() is the wire.
class Conformance : public ::testing::TestWithParam<Wire> {};

}  // namespace tutti::conformance
