// A rail that died comes back within a connection: it is used again, so that the other one may die next.
#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/verbs_talk.hpp"

namespace tutti::verbs_double {
namespace {

class VerbsReturn : public ::testing::TestWithParam<Manner> {
 protected:
  VerbsReturn() {
    set_log_level(LogLevel::off);
    reset({.devices = 2});
  }
  ~VerbsReturn() override {
    set_log_level(LogLevel::warn);
    EXPECT_EQ(living(), 0u) << "verbs objects leaked";
    reset();
  }

  /// Calls `talk_with(pair, first, request)` with a fresh pair for every shape, device and request, until it
  /// says that there was no such request.
  template <typename TalkWith>
  static void sweep(long step, TalkWith talk_with) {
    for (const PairOptions& shape : kTalkShapes)
      for (const int first : {0, 1})
        for (long request = 0, more = 1; more != 0; request += step) {
          SCOPED_TRACE(fmt::format("zero copy {}, {} queue pairs, device {}, request {}", shape.zero_copy,
                                   shape.queue_pairs, first, request));
          kill_rail({});
          more = talk_with(shape, first, request) ? 1 : 0;
          ASSERT_FALSE(HasFailure());
          ASSERT_EQ(living(), 0u);
        }
  }

  /// What was sent last may all have arrived: then nobody has noticed.
  static void be_left(Pair& pair) {
    ASSERT_TRUE(pair.until([] { return rail_is_left() || rail_is_used(); }));
  }
  static void come_back(Pair& pair) {
    be_left(pair);
    mend_rail();
    ASSERT_TRUE(pair.until([] { return rail_is_used(); })) << "the connection does not go back";
  }

  /// Each rail dies in turn while two ranks talk, and comes back.
  static void alternate(Manner manner, long step) {
    constexpr int kDeaths = 3;
    sweep(step, [&](const PairOptions& shape, int first, long request) {
      Pair pair(shape);
      int deaths = 0;
      for (; deaths < kDeaths && !HasFailure(); ++deaths) {
        kill_rail({(first + deaths) % 2, request, manner});
        talk(pair, shape);
        if (!rail_is_dead()) break;
        come_back(pair);
      }
      talk(pair, shape);
      return deaths > 0;
    });
  }
};

TEST_P(VerbsReturn, lets_the_other_rail_die_next) {
  alternate(GetParam(), 1);
}

TEST_P(VerbsReturn, lets_the_other_rail_die_next_when_the_devices_take_their_time) {
  reset({.devices = 2, .delayed = true});
  alternate(GetParam(), 7);
}

TEST_P(VerbsReturn, is_tried_again_when_the_rail_dies_at_once) {
  sweep(1, [&](const PairOptions& shape, int first, long request) {
    constexpr int kDeaths = 4;
    constexpr long kSoon = 6;
    Pair pair(shape);
    kill_rail({first, 2, GetParam()});
    talk(pair, shape);
    for (int death = 0; death < kDeaths && rail_is_dead() && !HasFailure(); ++death) {
      be_left(pair);
      mend_rail();
      kill_rail({first, request, GetParam()});
      talk(pair, shape);
      talk_through_the_ring(pair);
    }
    if (rail_is_dead()) come_back(pair);
    talk(pair, shape);
    return request < kSoon;
  });
}

/// Of three rails one is just coming back, so that words about its last life are said again.
TEST_P(VerbsReturn, lets_another_rail_die_meanwhile) {
  constexpr PairOptions kShape{.zero_copy = true, .queue_pairs = 3};
  constexpr long kRequests = 30;
  reset({.devices = 3});
  for (const int first : {0, 1, 2})
    for (const int second : {1, 2})
      for (long request = 0; request < kRequests; ++request) {
        SCOPED_TRACE(fmt::format("device {}, then {} later, request {}", first, second, request));
        kill_rail({});
        Pair pair(kShape);
        kill_rail({first, 2, GetParam()});
        talk_straight(pair);
        be_left(pair);
        mend_rail();
        kill_rail({(first + second) % 3, request, GetParam()});
        talk_straight(pair);
        if (rail_is_dead()) come_back(pair);
        talk_straight(pair);
        ASSERT_FALSE(HasFailure());
      }
}

INSTANTIATE_TEST_SUITE_P(, VerbsReturn,
                         ::testing::Values(Manner::cut, Manner::unheard, Manner::late, Manner::slow,
                                           Manner::down),
                         ::testing::PrintToStringParamName());

using VerbsReturnFails = VerbsReturn;

/// The rail that serves dies while the other one is just coming back: it serves in time or it does not, but
/// what it says is right.
TEST_P(VerbsReturnFails, or_not_when_the_last_rail_dies_meanwhile) {
  int successes = 0;
  sweep(1, [&](const PairOptions& shape, int first, long request) {
    constexpr long kSoon = 12;
    Pair pair(shape);
    kill_rail({first, 2, GetParam()});
    talk(pair, shape);
    be_left(pair);
    mend_rail();
    kill_rail({1 - first, request, GetParam()});
    try {
      talk(pair, shape);
      ++successes;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("port 1"));
    }
    return request < kSoon;
  });
  EXPECT_GT(successes, 0);
}

INSTANTIATE_TEST_SUITE_P(, VerbsReturnFails, ::testing::Values(Manner::cut, Manner::late, Manner::down),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace tutti::verbs_double
