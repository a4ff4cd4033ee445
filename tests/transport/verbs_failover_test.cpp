// A rail dies at every point of a conversation, in every manner: the other one carries on, with the right
// bits, and nothing is written to memory that was given back.
#include <cerrno>
#include <functional>

#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/verbs_talk.hpp"

namespace tutti::verbs_double {
namespace {

using ::testing::HasSubstr;

void talk(const PairOptions& options) {
  Pair pair(options);
  talk(pair, options);
}

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
    for (std::size_t shape = 0; shape < std::size(kTalkShapes); ++shape)
      for (const int device : {0, 1})
        for (long request = 0;; request += step) {
          SCOPED_TRACE(fmt::format("shape {}, device {}, request {}", shape, device, request));
          kill_rail({device, request, manner});
          std::string sentence;
          try {
            talk(kTalkShapes[shape]);
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
  const bool device_failed = GetParam() == Manner::failed || GetParam() == Manner::mute;
  sweep(GetParam(), 7, [&](const std::string& sentence) {
    // That of the end which is written to may fail between a put and the word that tells of it.
    if (device_failed && sentence.find("the peer's device failed") != std::string::npos) return;
    EXPECT_EQ(sentence, "");
  });
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
