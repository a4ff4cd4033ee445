// The verbs wire over the double: registered memory, and everything that can fail.
#include "transport/verbs/verbs.hpp"

#include <array>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <poll.h>

#include "base/error.hpp"
#include "transport/conformance.hpp"
#include "transport/tcp_pair.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti {
namespace {

using ::testing::HasSubstr;
using verbs_double::Pair;

/// A little of everything: borrowed, leased, placed, bounced and direct messages.
void talk(Pair& pair) {
  using conformance::pattern;
  const auto small = pattern(40, 1), middle = pattern(5000, 2), big = pattern(300'000, 3);
  const auto borrow = [&](std::size_t bytes, Tag tag) {
    const std::byte* got = nullptr;
    EXPECT_TRUE(pair.until([&] { return (got = pair.inlet->borrow(bytes, tag)) != nullptr; }));
    return got;
  };
  for (Tag i = 0; i < 300; ++i) {
    const auto& message = i % 3 == 0 ? middle : small;
    ASSERT_TRUE(pair.until([&] { return pair.outlet->send(message.data(), message.size(), i); }));
    ASSERT_EQ(std::memcmp(borrow(message.size(), i), message.data(), message.size()), 0);
    pair.inlet->release();
  }
  if (!pair.transports[1]->takes_added()) return;
  std::vector<std::byte> source = big, target(big.size());
  pair.move(source, target, 7);
  EXPECT_TRUE(target == big);
  for (const std::size_t rank : {0, 1}) {
    auto& memory = rank == 0 ? source : target;
    pair.transports[rank]->add_memory(memory.data(), memory.size());
    std::fill(target.begin(), target.end(), std::byte{});
    pair.move(source, target, 8);
    EXPECT_TRUE(target == big);
  }
  for (const std::size_t rank : {0, 1}) {
    auto& memory = rank == 0 ? source : target;
    ASSERT_TRUE(pair.until([&] { return pair.outlet->completed() == 303; }));
    pair.transports[rank]->remove_memory(memory.data(), memory.size());
  }
}

struct Verbs : ::testing::Test {
  void SetUp() override { verbs_double::reset({.devices = 2}); }
  void TearDown() override { EXPECT_EQ(verbs_double::living(), 0u) << "verbs objects leaked"; }
};

TEST_F(Verbs, writes_registered_memory_straight_to_its_target) {
  for (const int queue_pairs : {1, 2, 5}) {
    Pair pair({.zero_copy = true, .queue_pairs = queue_pairs});
    const auto message = conformance::pattern((9 << 20) + 7, 1);
    std::vector<std::byte> source = message, target(message.size());
    pair.transports[0]->add_memory(source.data(), source.size());
    pair.transports[1]->add_memory(target.data(), target.size());
    std::size_t largest = 0;
    verbs_double::judge([&](std::uint32_t, const ibv_send_wr& request) {
      if (request.num_sge == 1) largest = std::max<std::size_t>(largest, request.sg_list->length);
      return IBV_WC_SUCCESS;
    });
    // Whole, a part in the middle, and a few that are queued at once.
    pair.move(source, target, 1);
    EXPECT_TRUE(target == message);
    std::fill(target.begin(), target.end(), std::byte{});
    std::array<std::size_t, 5> sizes = {1 << 20, 20'000, 3, 70'001, 2 << 20};
    std::size_t offset = 0;
    for (const std::size_t bytes : sizes) {
      ASSERT_TRUE(pair.inlet->expect(target.data() + offset, bytes, 2));
      ASSERT_TRUE(pair.until([&] { return pair.outlet->send(source.data() + offset, bytes, 2); }));
      offset += bytes;
    }
    ASSERT_TRUE(pair.until([&] { return pair.inlet->placed() == 6 && pair.outlet->completed() == 6; }));
    EXPECT_TRUE(
        std::equal(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(offset), target.begin()));
    EXPECT_GT(largest, pair.outlet->slot_bytes()) << "it went through slots";
  }
}

/// What the devices are asked for a stream of short messages: requests, inline ones, completions.
std::array<int, 3> cost_of_short_messages(bool zero_copy, bool registered) {
  Pair pair({.zero_copy = zero_copy});
  std::vector<std::byte> source = conformance::pattern(8000, 1);
  if (registered) pair.transports[0]->add_memory(source.data(), source.size());
  std::array<int, 3> cost{};
  verbs_double::judge([&](std::uint32_t, const ibv_send_wr& request) {
    ++cost[0];
    cost[1] += (request.send_flags & IBV_SEND_INLINE) != 0 ? 1 : 0;
    cost[2] += (request.send_flags & IBV_SEND_SIGNALED) != 0 ? 1 : 0;
    return IBV_WC_SUCCESS;
  });
  for (Tag i = 0; i < 1000; ++i) {
    const std::size_t bytes = i % 10 == 0 ? source.size() : 8;
    EXPECT_TRUE(pair.until([&] { return pair.outlet->send(source.data(), bytes, i); }));
    EXPECT_EQ(pair.outlet->completed(), i + 1) << "it waits for an acknowledgement";
    EXPECT_TRUE(pair.until([&] { return pair.inlet->borrow(bytes, i) != nullptr; }));
    pair.inlet->release();
  }
  verbs_double::judge(nullptr);
  return cost;
}

TEST_F(Verbs, asks_no_more_of_the_device_for_short_messages_with_zero_copy) {
  const auto slots = cost_of_short_messages(false, false);
  EXPECT_EQ(cost_of_short_messages(true, false), slots);
  EXPECT_EQ(cost_of_short_messages(true, true), slots);
}

// Its slots are full, so that it waits: the advert that comes meanwhile is used.
TEST_F(Verbs, uses_an_advert_that_comes_while_a_message_waits_for_room) {
  Pair pair({.zero_copy = true, .slots = 2});
  const std::size_t slot = pair.outlet->slot_bytes();
  std::vector<std::byte> source = conformance::pattern(slot, 1), target(slot);
  pair.transports[0]->add_memory(source.data(), slot);
  pair.transports[1]->add_memory(target.data(), slot);
  const auto filler = conformance::pattern(slot, 2);
  int fillers = 0;
  ASSERT_TRUE(pair.until([&] { return pair.outlet->send(filler.data(), slot, 1); }));
  for (fillers = 1; pair.outlet->send(filler.data(), slot, 1);) ++fillers;
  ASSERT_TRUE(pair.outlet->send(source.data(), slot, 2));  // queued
  std::size_t direct = 0;
  verbs_double::judge([&](std::uint32_t, const ibv_send_wr& request) {
    if (request.num_sge == 1 && request.sg_list->length == slot) ++direct;
    return IBV_WC_SUCCESS;
  });
  std::vector<std::vector<std::byte>> sinks(static_cast<std::size_t>(fillers), std::vector<std::byte>(slot));
  const auto placed = static_cast<std::uint64_t>(fillers + 1);
  for (auto& sink : sinks) ASSERT_TRUE(pair.inlet->expect(sink.data(), slot, 1));
  ASSERT_TRUE(pair.inlet->expect(target.data(), slot, 2));
  ASSERT_TRUE(
      pair.until([&] { return pair.inlet->placed() == placed && pair.outlet->completed() == placed; }));
  EXPECT_EQ(direct, 1u);
  EXPECT_TRUE(target == source);
  verbs_double::judge(nullptr);
}

TEST_F(Verbs, makes_a_sentence_of_a_failed_completion) {
  const std::pair<ibv_wc_status, const char*> statuses[] = {{IBV_WC_RETRY_EXC_ERR, "retry"},
                                                            {IBV_WC_RNR_RETRY_EXC_ERR, "not ready"},
                                                            {IBV_WC_REM_ACCESS_ERR, "remote access"},
                                                            {IBV_WC_LOC_PROT_ERR, "local protection"}};
  for (const auto& [status, words] : statuses) {
    Pair pair;
    const auto message = conformance::pattern(100, 1);
    ASSERT_TRUE(pair.until([&] { return pair.outlet->send(message.data(), message.size(), 1); }));
    verbs_double::judge([status = status](std::uint32_t, const ibv_send_wr&) { return status; });
    try {
      (void)pair.until([&] { return !pair.outlet->send(message.data(), message.size(), 2); });
      (void)pair.until([] { return false; });
      FAIL() << "nobody noticed";
    } catch (const Error& error) {
      for (const char* part :
           {words, "rank 1", "soft", "port 1", "10.0.0.", "queue pair", "vendor code 0x81"})
        EXPECT_THAT(error.what(), HasSubstr(part));
      const bool remote = status != IBV_WC_LOC_PROT_ERR;
      EXPECT_EQ(error.code(), remote ? Code::remote_error : Code::system_error);
      EXPECT_EQ(error.rank(), remote ? 1 : -1);
    }
    verbs_double::judge(nullptr);
  }
}

std::function<void()> after_notify;

TEST_F(Verbs, is_woken_by_what_comes_while_it_arms) {
  verbs_double::reset();
  verbs::Table table = verbs_double::table();
  table.req_notify_cq = [](ibv_cq* queue, int solicited_only) {
    const int result = verbs_double::table().req_notify_cq(queue, solicited_only);
    if (const auto now = std::exchange(after_notify, nullptr)) now();
    return result;
  };
  Pair pair({}, table);
  const std::byte byte{7};
  ASSERT_TRUE(pair.until([&] { return pair.outlet->send(&byte, 1, 1); }));
  pair.transports[1]->progress();
  after_notify = [&] { EXPECT_TRUE(pair.outlet->send(&byte, 1, 2)); };
  pair.transports[1]->arm();
  // Whether or not the last poll sees this message, nothing else will be told of until the next arm().
  pollfd waiting{pair.transports[1]->wake_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
  pair.transports[1]->disarm();
  EXPECT_NE(pair.inlet->borrow(1, 1), nullptr);
}

TEST_F(Verbs, reads_what_devices_report) {
  Pair pair;
  verbs_double::raise(IBV_EVENT_PORT_ERR);
  for (const auto& transport : pair.transports) {
    transport->arm();
    transport->disarm();
    transport->sleep(0);
  }
  talk(pair);  // an event alone ends nothing
}

TEST_F(Verbs, stays_on_a_rail_that_was_down_for_less_than_it_took_to_hear_of) {
  verbs_double::reset({.devices = 2});
  ::testing::internal::CaptureStderr();
  {
    Pair pair;
    for (const auto type : {IBV_EVENT_PORT_ERR, IBV_EVENT_PORT_ACTIVE}) verbs_double::raise(type);
    for (const auto& transport : pair.transports) transport->sleep(0);
    talk(pair);
  }
  EXPECT_THAT(
      ::testing::internal::GetCapturedStderr(),
      AllOf(HasSubstr("soft1 port 1: the port went down; it is active again"), Not(HasSubstr("leaves"))));
  verbs_double::reset();
}

TEST_F(Verbs, says_why_there_is_none) {
  verbs_double::reset({.devices = 0});
  World world;
  Failure failure;
  tcp_test::describe_world(world, failure, 0);
  try {
    (void)make_verbs_transport(world, verbs_double::table());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no usable RDMA port"));
  }
  verbs_double::reset();
  world.settings.verbs_devices = "^soft";
  EXPECT_THROW((void)make_verbs_transport(world, verbs_double::table()), Error);
}

TEST_F(Verbs, negotiates_what_the_settings_say) {
  const auto with = [](const char* devices) {
    World world;
    Failure failure;
    tcp_test::describe_world(world, failure, 0);
    world.settings.verbs_devices = devices;
    return make_verbs_transport(world, verbs_double::table())->address();
  };
  EXPECT_THAT(with("=soft1"), HasSubstr("soft1 port 1"));
  EXPECT_THAT(with("=soft1"), ::testing::Not(HasSubstr("soft0")));
  EXPECT_THAT(with(""), HasSubstr("00000000000000000000ffff0a000001")) << "the IPv4 entry";
}

TEST_F(Verbs, knows_the_speed_of_what_a_connection_uses) {
  for (const int queue_pairs : {1, 2, 4}) {
    const Pair pair({.queue_pairs = queue_pairs});
    EXPECT_EQ(pair.transports[0]->link_speed().bytes_per_ns, queue_pairs == 1 ? 12.5 : 25) << "two rails";
    EXPECT_FALSE(pair.transports[0]->link_speed().software);
  }
}

TEST_F(Verbs, loses_nothing_when_the_device_takes_its_time) {
  verbs_double::reset({.devices = 1, .delayed = true});
  for (const bool zero_copy : {false, true}) {
    Pair pair({.zero_copy = zero_copy, .queue_pairs = 3});
    talk(pair);
  }
  verbs_double::reset();
}

}  // namespace
}  // namespace tutti
