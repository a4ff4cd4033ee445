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
    reset();
  }

  static const verbs::Table& functions() {
    return verbs_faults::around(real_devices(0).empty() ? table() : verbs::libibverbs());
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
      result.over = true;
    } catch (const Error& error) {
      result.sentence = error.what();
    }
    EXPECT_EQ(verbs_faults::living(), 0) << result.sentence;
    return result;
  }
};

TEST_P(VerbsFaults, fail_whole_and_leak_nothing_whichever_call_fails) {
  for (long number = 0;; ++number) {
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

INSTANTIATE_TEST_SUITE_P(, VerbsFaults, ::testing::Values(kOneRail, kTwoRails),
                         [](const auto& tested) { return tested.param.failover ? "two_rails" : "one_rail"; });

}  // namespace
}  // namespace tutti::verbs_double
