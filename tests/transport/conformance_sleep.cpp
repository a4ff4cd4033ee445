// The conformance suite, second part: sleeping, waking, and peers that die.
#include <csignal>
#include <cstring>

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/conformance.hpp"

namespace tutti::conformance {
namespace {

using ::testing::HasSubstr;

/// Sleeps at every message: whoever loses a wake-up takes until its own timeout, and all together far too
/// long.
void ping_pong_asleep(Member& member, bool on_fd) {
  member.spins = 0;
  member.sleep_on_fd = on_fd;
  const int peer = 1 - member.rank();
  auto outlet = member.outlet({peer});
  auto inlet = member.inlet(peer);
  const auto start = Clock::now();
  const auto rounds = static_cast<std::uint32_t>(10'000 / slowness());
  std::uint32_t value = 0;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    std::vector<std::byte> message(i % 4 == 3 ? 1024 : sizeof i);
    std::memcpy(message.data(), &i, sizeof i);
    if (member.rank() == 0) member.send(*outlet, message, i);
    const auto got = member.borrow(*inlet, message.size(), i);
    std::memcpy(&value, got.data(), sizeof value);
    ASSERT_EQ(value, i);
    if (member.rank() == 1) member.send(*outlet, message, i);
    ASSERT_LT(Clock::now() - start, std::chrono::seconds(60)) << "wake-ups were lost";
  }
  member.barrier();
}

TEST_P(Conformance, loses_no_wake_up_of_processes) {
  for (const bool oversubscribed : {true, false}) {
    const auto body = [](Member& member) { ping_pong_asleep(member, false); };
    if (GetParam().processes) on_processes(GetParam(), 2, body, oversubscribed);
  }
}

TEST_P(Conformance, loses_no_wake_up_of_threads) {
  for (const bool oversubscribed : {true, false})
    on_threads(
        GetParam(), 2, [](Member& member) { ping_pong_asleep(member, false); }, oversubscribed);
}

TEST_P(Conformance, loses_no_wake_up_of_ranks_that_wait_on_a_descriptor) {
  for (const bool oversubscribed : {true, false})
    on_threads(
        GetParam(), 2, [](Member& member) { ping_pong_asleep(member, true); }, oversubscribed);
}

TEST_P(Conformance, wakes_a_writer_that_sleeps_until_there_is_room) {
  const Body body = [](Member& member) {
    member.spins = 0;
    const auto messages = static_cast<std::uint32_t>(5000 / slowness());
    if (member.rank() == 0) {
      auto outlet = member.outlet({1});
      for (std::uint32_t i = 0; i < messages; ++i)
        member.send(*outlet, pattern(i % 2 == 0 ? 16 : 2000, i), i);
    } else {
      auto inlet = member.inlet(0);
      for (std::uint32_t i = 0; i < messages; ++i)
        ASSERT_EQ(member.borrow(*inlet, i % 2 == 0 ? 16 : 2000, i), pattern(i % 2 == 0 ? 16 : 2000, i));
    }
    member.barrier();
  };
  on_threads(GetParam(), 2, body);
  if (GetParam().processes) on_processes(GetParam(), 2, body);
}

/// Rank `victim` is killed while the others wait for it.
void outlive(Member& member, int victim, bool victim_reads) {
  const int survivor = 1 - victim;
  std::unique_ptr<Outlet> outlet;
  std::unique_ptr<Inlet> inlet;
  if ((member.rank() == victim) == victim_reads)
    inlet = member.inlet(1 - member.rank());
  else
    outlet = member.outlet({1 - member.rank()});
  member.barrier();
  if (member.rank() == victim) ::kill(::getpid(), SIGKILL);
  const auto start = Clock::now();
  const auto message = pattern(8, 1);
  EXPECT_THROW(member.wait([&] {
    if (inlet) return inlet->borrow(8, 1) != nullptr;
    while (outlet->send(message.data(), message.size(), 1)) continue;
    return false;
  }),
               Error);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(2 * slowness()));
  EXPECT_EQ(member.rank(), survivor);
  EXPECT_EQ(member.failure.rank(), victim) << member.failure.sentence();
  EXPECT_EQ(member.failure.code(), Code::remote_error);
  EXPECT_THAT(member.failure.sentence(), HasSubstr("rank " + std::to_string(victim)));
}

TEST_P(Conformance, names_the_reader_that_died) {
  if (!GetParam().processes) GTEST_SKIP() << "ranks of this wire share a process";
  on_processes(GetParam(), 2, [](Member& member) { outlive(member, 1, true); });
}

TEST_P(Conformance, names_the_writer_that_died) {
  if (!GetParam().processes) GTEST_SKIP() << "ranks of this wire share a process";
  on_processes(GetParam(), 2, [](Member& member) { outlive(member, 0, false); });
}

TEST_P(Conformance, names_the_dead_to_who_waits_on_a_descriptor) {
  if (!GetParam().processes) GTEST_SKIP() << "ranks of this wire share a process";
  on_processes(GetParam(), 2, [](Member& member) {
    member.sleep_on_fd = true;
    outlive(member, 0, false);
  });
}

}  // namespace
}  // namespace tutti::conformance
