// A rail dies at every point of a conversation, in every manner: the other one carries on, with the right
// bits, and nothing is written to memory that was given back.
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <ostream>
#include <utility>

#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/conformance.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti::verbs_double {

static void PrintTo(Manner manner, std::ostream* out) {
  constexpr const char* kNames[] = {"cut", "unheard", "late", "slow", "down", "failed", "mute", "lying"};
  *out << kNames[static_cast<int>(manner)];
}

namespace {

using ::testing::HasSubstr;

constexpr std::byte kReused{0xee};

/// Made once: there are many conversations.
const std::vector<std::byte>& known(std::size_t bytes, Tag seed) {
  static std::map<std::pair<std::size_t, Tag>, std::vector<std::byte>> all;
  auto& one = all[{bytes, seed}];
  if (one.size() != bytes) one = conformance::pattern(bytes, seed);
  return one;
}

/// Messages that are copied and borrowed, several on their way at once; the ring goes around a few times.
void talk_through_the_ring(Pair& pair) {
  constexpr std::size_t kSizes[] = {40, 5000, 0, 60'000};
  constexpr Tag kAhead = 3, kMessages = 24;
  std::vector<std::span<const std::byte>> messages;
  for (Tag i = 0; i < kMessages; ++i) messages.push_back(known(kSizes[i % 4], i));
  Tag next = 0;
  const auto write = [&](Tag end) {
    for (; next < std::min(end, kMessages); ++next) {
      std::byte* const slot = pair.outlet->lease(messages[next].size());
      if (slot == nullptr) return;
      std::copy(messages[next].begin(), messages[next].end(), slot);
      if (next % 5 == 0) pair.progress();  // a rail may die while a slot is leased
      pair.outlet->commit(messages[next].size(), next);
    }
  };
  for (Tag read = 0; read < kMessages; ++read) {
    const std::byte* got = nullptr;
    const std::size_t bytes = messages[read].size();
    ASSERT_TRUE(pair.until([&] {
      write(read + kAhead);
      return (got = pair.inlet->borrow(bytes, read)) != nullptr;
    }));
    ASSERT_TRUE(std::equal(messages[read].begin(), messages[read].end(), got)) << "message " << read;
    pair.inlet->release();
  }
}

/// A message from one piece of memory to another. Either is used for something else as soon as it is given
/// back.
struct Parcel {
  Parcel(std::size_t bytes, Tag its_tag)
      : source(known(bytes, its_tag)), target(bytes), expected(source), tag(its_tag) {}
  std::vector<std::byte> source, target, expected;
  Tag tag;
  bool got = false;
};

/// Messages that are placed: written straight to their targets, or in pieces where memory is not registered.
void talk_straight(Pair& pair) {
  constexpr std::size_t kSizes[] = {300'000, 3, 20'000, 150'001, 70'000};
  std::vector<Parcel> parcels;
  for (const std::size_t bytes : kSizes) parcels.emplace_back(bytes, static_cast<Tag>(parcels.size()));
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    if (i != 3) pair.transports[0]->add_memory(parcels[i].source.data(), parcels[i].source.size());
    pair.transports[1]->add_memory(parcels[i].target.data(), parcels[i].target.size());
  }
  const std::uint64_t sent = pair.outlet->completed(), placed = pair.inlet->placed();
  for (Parcel& parcel : parcels) {
    ASSERT_TRUE(pair.until(
        [&] { return pair.inlet->expect(parcel.target.data(), parcel.target.size(), parcel.tag); }));
    ASSERT_TRUE(pair.until(
        [&] { return pair.outlet->send(parcel.source.data(), parcel.source.size(), parcel.tag); }));
  }
  ASSERT_TRUE(pair.until([&] {
    for (std::size_t i = 0; i < parcels.size(); ++i) {
      Parcel& parcel = parcels[i];
      if (pair.outlet->completed() > sent + i) std::fill(parcel.source.begin(), parcel.source.end(), kReused);
      if (pair.inlet->placed() <= placed + i || std::exchange(parcel.got, true)) continue;
      EXPECT_TRUE(parcel.target == parcel.expected) << "message " << i;
      std::fill(parcel.target.begin(), parcel.target.end(), kReused);
    }
    return pair.outlet->completed() == sent + parcels.size() && parcels.back().got;
  }));
  talk_through_the_ring(pair);
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    const auto& target = parcels[i].target;
    EXPECT_EQ(std::count(target.begin(), target.end(), kReused), target.size())
        << "message " << i << " was written late";
    if (i != 3) pair.transports[0]->remove_memory(parcels[i].source.data(), parcels[i].source.size());
    pair.transports[1]->remove_memory(parcels[i].target.data(), parcels[i].target.size());
  }
}

void talk(const PairOptions& options) {
  Pair pair(options);
  talk_through_the_ring(pair);
  if (options.zero_copy) talk_straight(pair);
}

constexpr PairOptions kShapes[] = {{.slots = 2},
                                   {.zero_copy = true, .slots = 4},
                                   {.zero_copy = true, .queue_pairs = 2},
                                   {.zero_copy = true, .queue_pairs = 3, .slots = 4}};

class VerbsFailover : public ::testing::TestWithParam<Manner> {
 protected:
  VerbsFailover() {
    set_log_level(LogLevel::off);
    reset({.devices = 2});
  }
  ~VerbsFailover() override {
    set_log_level(LogLevel::warn);
    EXPECT_EQ(living(), 0u) << "verbs objects leaked";
  }

  /// Talks once for every request at which the rail may die, and once more, when it does not. `check` gets
  /// the sentence of who failed, or nothing.
  static void sweep(Manner manner, long step, const std::function<void(const std::string&)>& check) {
    for (std::size_t shape = 0; shape < std::size(kShapes); ++shape)
      for (const int device : {0, 1})
        for (long request = 0;; request += step) {
          SCOPED_TRACE(fmt::format("shape {}, device {}, request {}", shape, device, request));
          kill_rail({device, request, manner});
          std::string sentence;
          try {
            talk(kShapes[shape]);
          } catch (const Error& error) {
            sentence = error.what();
          }
          check(sentence);
          ASSERT_FALSE(HasFailure());
          ASSERT_EQ(living(), 0u);
          if (!rail_is_dead()) break;
        }
  }
};

TEST_P(VerbsFailover, carries_on_wherever_a_rail_dies) {
  sweep(GetParam(), 1, [](const std::string& sentence) { EXPECT_EQ(sentence, ""); });
}

TEST_P(VerbsFailover, carries_on_when_the_devices_take_their_time) {
  reset({.devices = 2, .delayed = true});
  sweep(GetParam(), 7, [](const std::string& sentence) { EXPECT_EQ(sentence, ""); });
  reset();
}

INSTANTIATE_TEST_SUITE_P(, VerbsFailover,
                         ::testing::Values(Manner::cut, Manner::unheard, Manner::late, Manner::slow,
                                           Manner::down, Manner::failed, Manner::mute),
                         ::testing::PrintToStringParamName());

using VerbsFailoverFails = VerbsFailover;

TEST_F(VerbsFailoverFails, rather_than_to_miss_what_a_device_acknowledged) {
  int failures = 0;
  sweep(Manner::lying, 1, [&](const std::string& sentence) {
    if (sentence.empty()) return;
    ++failures;
    EXPECT_THAT(sentence, HasSubstr("after it had acknowledged data"));
  });
  EXPECT_GT(failures, 0) << "no message was acknowledged at once";
}

TEST_F(VerbsFailoverFails, when_there_is_no_other_rail_or_none_is_wanted) {
  for (const int devices : {1, 2}) {
    reset({.devices = devices});
    kill_rail({devices - 1, 3, Manner::cut});
    try {
      talk({.failover = false});
      FAIL() << devices;
    } catch (const Error& error) {
      for (const char* part : {"rank 1", "transport retry counter exceeded", "soft", "port 1"})
        EXPECT_THAT(error.what(), HasSubstr(part));
      EXPECT_EQ(error.rank(), 1);
    }
  }
}

TEST_F(VerbsFailoverFails, not_when_one_rail_is_dead_from_the_beginning) {
  verbs::Table functions = table();
  functions.modify_qp = [](ibv_qp* pair, ibv_qp_attr* attributes, int mask) {
    const bool dead = std::string_view(pair->context->device->name) == "soft1";
    if (dead && attributes->qp_state == IBV_QPS_RTR) return ETIMEDOUT;
    return table().modify_qp(pair, attributes, mask);
  };
  Pair pair({.zero_copy = true, .queue_pairs = 2}, functions);
  talk_through_the_ring(pair);
  talk_straight(pair);
}

TEST_F(VerbsFailoverFails, when_the_last_rail_dies) {
  for (long requests = 5; requests < 25; ++requests) {
    kill_rail({1, 5, Manner::unheard});
    judge([&, left = requests](std::uint32_t, const ibv_send_wr&) mutable {
      return left-- > 0 ? IBV_WC_SUCCESS : IBV_WC_RETRY_EXC_ERR;
    });
    try {
      talk({.zero_copy = true});
      FAIL() << requests;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("rank"));
    }
    judge(nullptr);
  }
}

}  // namespace
}  // namespace tutti::verbs_double
