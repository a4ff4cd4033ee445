// The loop wire by itself: repeatable, strict, and its faults named. One thread drives all ranks.
#include "transport/loop/loop.hpp"

#include <array>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tutti {
namespace {

using ::testing::HasSubstr;

/// Two ranks joined by connections in both directions, and the words of the tests.
class Pair {
 public:
  explicit Pair(std::uint64_t seed = 1, LoopOptions options = {}) : network(2, seed, options) {
    for (int rank : {0, 1}) {
      World& world = worlds_[rank];
      world.rank = rank;
      world.size = 2;
      world.failure = &failures[rank];
      transports_[rank] = network.make(world);
    }
    for (int rank : {0, 1}) transports_[rank]->meet({"loop:0", "loop:1"});
    open();
  }

  void advance_fully() {
    while (network.advance()) {
    }
  }
  void run_until(std::uint64_t at_ns) {
    while (network.now_ns() < at_ns && network.advance()) {
    }
  }

  LoopNetwork network;
  std::array<Failure, 2> failures;
  std::unique_ptr<Outlet> outlet;  // of rank 0
  std::unique_ptr<Inlet> inlet;    // of rank 1

 private:
  void open() {
    const std::array<int, 1> reader = {1};
    inlet =
        transports_[1]->open_inlet(0, reader, 0, after_ms(0));  // before its outlet: bound when that is there
    outlet = transports_[0]->open_outlet(reader, 0);
  }
  std::array<World, 2> worlds_;
  std::array<std::unique_ptr<Transport>, 2> transports_;
};

const std::byte* bytes_of(const char* text) {
  return reinterpret_cast<const std::byte*>(text);
}

TEST(Loop, a_message_is_invisible_until_the_clock_has_moved) {
  Pair pair;
  ASSERT_TRUE(pair.outlet->send(bytes_of("hello"), 5, 7));
  EXPECT_EQ(pair.inlet->borrow(5, 7), nullptr);
  EXPECT_EQ(pair.outlet->completed(), 0u);
  ASSERT_TRUE(pair.network.advance());
  const std::byte* message = pair.inlet->borrow(5, 7);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(std::memcmp(message, "hello", 5), 0);
  pair.inlet->release();
  EXPECT_EQ(pair.outlet->completed(), 1u);
}

TEST(Loop, advance_says_when_nothing_is_under_way) {
  Pair pair;
  EXPECT_FALSE(pair.network.advance());
  EXPECT_EQ(pair.inlet->borrow(5, 7), nullptr);
  EXPECT_THAT(pair.network.describe(), HasSubstr("asks to borrow"));
}

TEST(Loop, a_connection_holds_no_more_messages_than_slots) {
  Pair pair(3, {.slots = 1});
  ASSERT_TRUE(pair.outlet->send(bytes_of("a"), 1, 0));
  EXPECT_FALSE(pair.outlet->send(bytes_of("b"), 1, 0));
  pair.advance_fully();
  EXPECT_EQ(pair.outlet->lease(1), nullptr);
  ASSERT_NE(pair.inlet->borrow(1, 0), nullptr);
  pair.inlet->release();
  EXPECT_EQ(pair.outlet->lease(1), nullptr) << "the slot's way back takes time";
  pair.advance_fully();
  EXPECT_NE(pair.outlet->lease(1), nullptr);
}

TEST(Loop, targets_and_released_slots_are_scribbled_over) {
  Pair pair;
  std::array<std::byte, 4> target{};
  ASSERT_TRUE(pair.inlet->expect(target.data(), target.size(), 0));
  EXPECT_NE(target[0], std::byte{});
  ASSERT_TRUE(pair.outlet->send(bytes_of("data"), 4, 0));
  pair.advance_fully();
  EXPECT_EQ(pair.inlet->placed(), 1u);
  EXPECT_EQ(std::memcmp(target.data(), "data", 4), 0);
}

std::uint64_t fingerprint_of_traffic(std::uint64_t seed) {
  Pair pair(seed);
  int sent = 0;
  int received = 0;
  while (received < 20) {
    if (sent < 20 && pair.outlet->send(bytes_of("01234567890123456789"), static_cast<std::size_t>(sent), 0))
      ++sent;
    else if (pair.inlet->borrow(static_cast<std::size_t>(received), 0) != nullptr)
      pair.inlet->release(), ++received;
    else if (!pair.network.advance())
      break;
  }
  EXPECT_EQ(received, 20);
  return pair.network.fingerprint();
}

TEST(Loop, the_same_seed_gives_the_same_run_and_another_another) {
  EXPECT_EQ(fingerprint_of_traffic(5), fingerprint_of_traffic(5));
  EXPECT_NE(fingerprint_of_traffic(5), fingerprint_of_traffic(6));
}

TEST(Loop, a_killed_rank_is_named_to_its_peers) {
  Pair pair;
  pair.network.kill(0, 10);
  pair.advance_fully();
  EXPECT_TRUE(pair.network.killed(0));
  EXPECT_FALSE(pair.failures[0].failed()) << "the dead learn nothing";
  ASSERT_TRUE(pair.failures[1].failed());
  EXPECT_EQ(pair.failures[1].rank(), 0);
  EXPECT_EQ(pair.failures[1].code(), Code::remote_error);
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("rank 0 was killed at 10 ns"));
  EXPECT_FALSE(pair.outlet->send(bytes_of("x"), 1, 0));
  EXPECT_EQ(pair.inlet->borrow(1, 0), nullptr);
}

TEST(Loop, a_cut_is_told_to_both_ends_and_loses_what_was_under_way) {
  Pair pair;
  ASSERT_TRUE(pair.outlet->send(bytes_of("x"), 1, 0));
  pair.network.cut(0, 1, 0);
  pair.advance_fully();
  EXPECT_THAT(pair.failures[0].sentence(), HasSubstr("from rank 0 to rank 1 was cut"));
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("from rank 0 to rank 1 was cut"));
  EXPECT_EQ(pair.inlet->borrow(1, 0), nullptr);
}

TEST(Loop, a_truncated_message_is_noticed_with_both_lengths) {
  Pair pair;
  pair.network.truncate(0, 1, 0);
  pair.advance_fully();
  ASSERT_TRUE(pair.outlet->send(bytes_of("four"), 4, 9));
  pair.advance_fully();
  EXPECT_EQ(pair.inlet->borrow(4, 9), nullptr);
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("rank 0 sent 3 bytes with tag 9"));
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("rank 1 awaits 4 bytes with tag 9"));
}

TEST(Loop, a_corrupted_tag_is_noticed) {
  Pair pair;
  pair.network.corrupt_tag(0, 1, 0);
  pair.advance_fully();
  std::array<std::byte, 4> target{};
  ASSERT_TRUE(pair.inlet->expect(target.data(), 4, 9));
  ASSERT_TRUE(pair.outlet->send(bytes_of("four"), 4, 9));
  pair.advance_fully();
  EXPECT_EQ(pair.inlet->placed(), 0u);
  EXPECT_EQ(pair.failures[1].code(), Code::invalid_usage);
}

TEST(Loop, a_paused_rank_sees_nothing_until_it_goes_on) {
  Pair pair;
  pair.network.pause(1, 0, 1'000'000);
  ASSERT_TRUE(pair.outlet->send(bytes_of("x"), 1, 0));
  pair.run_until(900'000);
  while (pair.network.now_ns() < 1'000'000) {
    EXPECT_EQ(pair.inlet->borrow(1, 0), nullptr);
    ASSERT_TRUE(pair.network.advance());
  }
  EXPECT_NE(pair.inlet->borrow(1, 0), nullptr);
}

TEST(Loop, a_delayed_message_holds_up_those_behind_it) {
  Pair pair;
  pair.network.delay(0, 1, 0, 5'000'000);
  ASSERT_TRUE(pair.network.advance());
  ASSERT_TRUE(pair.outlet->send(bytes_of("a"), 1, 0));
  ASSERT_TRUE(pair.outlet->send(bytes_of("b"), 1, 0));
  ASSERT_TRUE(pair.network.advance());
  EXPECT_GE(pair.network.now_ns(), 5'000'000u);
}

TEST(Loop, memory_changed_before_it_was_sent_is_reported) {
  Pair pair;
  std::array<std::byte, 4> memory{};
  ASSERT_TRUE(pair.outlet->send(memory.data(), 4, 0));
  memory[2] = std::byte{1};
  pair.advance_fully();
  EXPECT_THAT(pair.failures[0].sentence(), HasSubstr("was changed before it had been sent"));
}

TEST(Loop, waiting_for_a_closed_outlet_is_a_failure_once_its_messages_are_read) {
  Pair pair;
  ASSERT_TRUE(pair.outlet->send(bytes_of("x"), 1, 0));
  pair.outlet.reset();
  pair.advance_fully();
  ASSERT_NE(pair.inlet->borrow(1, 0), nullptr);
  pair.inlet->release();
  EXPECT_FALSE(pair.failures[1].failed());
  EXPECT_EQ(pair.inlet->borrow(1, 0), nullptr);
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("rank 0 closed its connection"));
}

TEST(LoopDeathTest, asking_for_too_long_a_slot_is_a_broken_contract) {
  Pair pair;
  EXPECT_DEATH((void)pair.outlet->lease(pair.outlet->slot_bytes() + 1), "slot_bytes");
}

TEST(LoopDeathTest, announcing_a_target_while_borrowing_is_a_broken_contract) {
  Pair pair;
  std::array<std::byte, 1> target{};
  EXPECT_EQ(pair.inlet->borrow(1, 0), nullptr);
  EXPECT_DEATH((void)pair.inlet->expect(target.data(), 1, 0), "asked");
}

}  // namespace
}  // namespace tutti
