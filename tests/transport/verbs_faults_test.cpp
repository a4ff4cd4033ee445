// What libibverbs refuses and what its completions say: over the double's devices, and with
// TUTTI_TEST_VERBS_DEVICES over this host's own.
#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/verbs_talk.hpp"

namespace tutti::verbs_double {
namespace {

using ::testing::HasSubstr;

/// The two rails of a connection are two devices.
constexpr PairOptions kOneRail{.zero_copy = true, .failover = false};
constexpr PairOptions kTwoRails{.zero_copy = true, .queue_pairs = 2};

class VerbsFaults : public ::testing::TestWithParam<PairOptions> {
 protected:
  VerbsFaults() {
    set_log_level(LogLevel::off);
    reset({.devices = 2});
  }
  ~VerbsFaults() override {
    set_log_level(LogLevel::warn);
    verbs_faults::fail_call(-1);
    verbs_faults::fail_completion(-1);
    verbs_faults::hold_completions(-1, verbs_faults::Mishap::late);
    verbs_faults::raise_event(-1, IBV_EVENT_PORT_ACTIVE);
    reset();
  }

  static const verbs::Table& functions() {
    return verbs_faults::around(on_real_devices() ? verbs::libibverbs() : table());
  }

  /// What two ranks said who talked until one failed, or nothing. They are gone now, and nothing leaked.
  struct Outcome {
    std::string sentence;
    bool over = false;  // what fails in destructors is no failure of anybody's
  };
  static Outcome outcome() {
    Outcome result;
    try {
      Pair pair(GetParam(), functions());
      talk(pair, GetParam());
      int looks = 0;  // enough that the ranks hear what their devices say
      EXPECT_TRUE(pair.until([&] { return ++looks == 100; }));
      result.over = true;
    } catch (const Error& error) {
      result.sentence = error.what();
    }
    EXPECT_EQ(verbs_faults::living(), 0) << result.sentence;
    return result;
  }
};

TEST_P(VerbsFaults, fail_whole_and_leak_nothing_whichever_call_fails) {
  for (long number = 0;; number += on_real_devices() ? 1 + number / 8 : 1) {  // those are slow
    verbs_faults::fail_call(number);
    const auto [sentence, over] = outcome();
    const std::string call = verbs_faults::failed_call();
    SCOPED_TRACE(fmt::format("{}, call {}", call, number));
    ASSERT_FALSE(HasFailure());
    if (call.empty()) {
      EXPECT_EQ(sentence, "");
      return;
    }
    // A device that cannot be opened or looked at is left out, the other serves.
    const bool tolerated = call == "ibv_open_device" || call == "ibv_query_device" ||
                           call == "ibv_query_port" || call == "ibv_query_gid_table" ||
                           call == "ibv_alloc_pd" || call == "ibv_create_comp_channel";
    if (!sentence.empty() || !(tolerated || over)) {
      EXPECT_THAT(sentence, HasSubstr(call));
    }
  }
}

/// One that means the rail: the other one carries on, if there is one.
TEST_P(VerbsFaults, carry_on_over_another_rail_whichever_completion_fails) {
  int carried_on = 0, gave_up = 0;
  for (long number = 0;; number += 1 + number / 8) {
    verbs_faults::fail_completion(number, IBV_WC_RETRY_EXC_ERR);
    const auto [sentence, over] = outcome();
    SCOPED_TRACE(number);
    ASSERT_FALSE(HasFailure());
    if (!verbs_faults::completion_failed()) break;
    ++(over ? carried_on : gave_up);
    if (!over) {
      EXPECT_THAT(sentence, HasSubstr("transport retry counter exceeded"));
    }
  }
  if (GetParam().failover) {
    EXPECT_EQ(gave_up, 0);
    EXPECT_GT(carried_on, 0);
  } else {
    EXPECT_GT(gave_up, 0);  // what fails in destructors ends nothing
  }
}

/// One that means the program: nobody carries on.
TEST_P(VerbsFaults, name_what_the_device_refused_whichever_completion_fails) {
  int gave_up = 0;
  for (long number = 0;; number += 1 + number / 4) {
    verbs_faults::fail_completion(number, IBV_WC_REM_ACCESS_ERR);
    const auto [sentence, over] = outcome();
    SCOPED_TRACE(number);
    ASSERT_FALSE(HasFailure());
    if (!verbs_faults::completion_failed()) break;
    if (over) continue;
    ++gave_up;
    EXPECT_THAT(sentence, HasSubstr("remote access error"));
  }
  EXPECT_GT(gave_up, 0);
}

TEST_P(VerbsFaults, lose_nothing_when_completions_come_late) {
  for (long number = 0;; number += 1 + number / 4) {
    verbs_faults::hold_completions(number, verbs_faults::Mishap::late);
    const auto [sentence, over] = outcome();
    SCOPED_TRACE(number);
    EXPECT_EQ(sentence, "");
    ASSERT_FALSE(HasFailure());
    if (!verbs_faults::completions_held()) break;
  }
}

/// The device that failed may have acknowledged what its rank was never told of.
TEST_P(VerbsFaults, carry_on_or_say_so_when_completions_are_lost) {
  int carried_on = 0, gave_up = 0;
  for (long number = 0;; number += 1 + number / 4) {
    verbs_faults::hold_completions(number, verbs_faults::Mishap::lost);
    const auto [sentence, over] = outcome();
    SCOPED_TRACE(number);
    ASSERT_FALSE(HasFailure());
    if (!verbs_faults::completions_held()) break;
    ++(over ? carried_on : gave_up);
    if (over) continue;
    EXPECT_THAT(sentence,
                HasSubstr(GetParam().failover ? "after it had acknowledged data" : "the device failed"));
  }
  EXPECT_GT(GetParam().failover ? carried_on : gave_up, 0);
}

TEST_P(VerbsFaults, carry_on_whatever_a_device_says_that_is_not_its_end) {
  for (const ibv_event_type type :
       {IBV_EVENT_PORT_ERR, IBV_EVENT_PORT_ACTIVE, IBV_EVENT_LID_CHANGE, IBV_EVENT_GID_CHANGE,
        IBV_EVENT_PKEY_CHANGE, IBV_EVENT_SM_CHANGE, IBV_EVENT_CLIENT_REREGISTER, IBV_EVENT_COMM_EST,
        IBV_EVENT_SQ_DRAINED, IBV_EVENT_QP_LAST_WQE_REACHED})
    for (const long number : {0, 3, 20}) {
      verbs_faults::raise_event(number, type);
      const auto [sentence, over] = outcome();
      SCOPED_TRACE(fmt::format("event {}, completion {}", static_cast<int>(type), number));
      EXPECT_EQ(sentence, "");
      EXPECT_TRUE(verbs_faults::event_raised());
      ASSERT_FALSE(HasFailure());
    }
}

TEST_P(VerbsFaults, leave_a_device_that_says_that_it_serves_no_more) {
  for (const ibv_event_type type : {IBV_EVENT_DEVICE_FATAL, IBV_EVENT_CQ_ERR})
    for (const long number : {0, 3, 20}) {
      verbs_faults::raise_event(number, type);
      const auto [sentence, over] = outcome();
      SCOPED_TRACE(fmt::format("event {}, completion {}", static_cast<int>(type), number));
      EXPECT_TRUE(verbs_faults::event_raised());
      ASSERT_FALSE(HasFailure());
      if (!GetParam().failover) {
        EXPECT_THAT(sentence, HasSubstr(type == IBV_EVENT_CQ_ERR ? "completion queue" : "the device failed"));
      } else if (!over) {
        EXPECT_THAT(sentence, HasSubstr("after it had acknowledged data"));
      }
    }
}

INSTANTIATE_TEST_SUITE_P(, VerbsFaults, ::testing::Values(kOneRail, kTwoRails),
                         [](const auto& tested) { return tested.param.failover ? "two_rails" : "one_rail"; });

}  // namespace
}  // namespace tutti::verbs_double
