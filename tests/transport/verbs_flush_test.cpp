// The memory of a GPU, played by host memory: what comes into it counts as placed behind a flush. Over the
// double's devices, and with TUTTI_TEST_VERBS_DEVICES over this host's own.
#include <atomic>

#include <gmock/gmock.h>

#include "base/log.hpp"
#include "transport/conformance.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti::verbs_double {
namespace {

using ::testing::HasSubstr;

const verbs::Table& devices() {
  return on_real_devices() ? verbs::libibverbs() : table();
}

std::atomic<int> reads_posted;  // relaxed: read while nothing is under way

int post_send_counting_reads(ibv_qp* pair, ibv_send_wr* requests, ibv_send_wr** bad) {
  for (const ibv_send_wr* request = requests; request != nullptr; request = request->next)
    if (request->opcode == IBV_WR_RDMA_READ) reads_posted.fetch_add(1, std::memory_order_relaxed);
  return devices().post_send(pair, requests, bad);
}

const verbs::Table& functions() {
  static verbs::Table counting = devices();
  counting.post_send = post_send_counting_reads;
  return verbs_faults::around(counting);
}

class VerbsFlush : public ::testing::Test {
 protected:
  VerbsFlush() {
    set_log_level(LogLevel::off);
    reset({.devices = 2});
    reads_posted = 0;
  }
  ~VerbsFlush() override {
    set_log_level(LogLevel::warn);
    verbs_faults::fail_call(-1);
    reset();
    EXPECT_EQ(verbs_faults::living(), 0) << "verbs objects leaked";
  }
};

/// Messages longer than a slot, from the registered memory of rank 0 to what plays a GPU's of rank 1.
class Conversation {
 public:
  explicit Conversation(const PairOptions& options)
      : pair(options, functions()),
        message(conformance::pattern(2 * pair.outlet->slot_bytes() + 1000, 3)),
        source_(pair.take_memory(message.size())),
        target(pair.take_memory(message.size())) {
    std::copy(message.begin(), message.end(), source_.begin());
    pair.transports[0]->add_memory(source_.data(), source_.size());
    pair.transports[1]->add_gpu_memory(target.data(), target.size(), -1, 0);
  }
  void move(Tag tag) {
    std::fill(target.begin(), target.end(), std::byte{});
    pair.move(source_, target, tag);
  }

  Pair pair;
  const std::vector<std::byte> message;

 private:
  std::vector<std::byte>& source_;

 public:
  std::vector<std::byte>& target;
};

constexpr PairOptions kShapes[] = {{.zero_copy = true}, {.zero_copy = true, .queue_pairs = 2}};

TEST_F(VerbsFlush, is_a_read_by_every_device_behind_each_message_to_a_gpu) {
  for (const PairOptions& shape : kShapes) {
    Conversation talk(shape);
    reads_posted = 0;
    for (Tag tag = 1; tag <= 5; ++tag) {
      talk.move(tag);
      EXPECT_TRUE(talk.target == talk.message);
    }
    EXPECT_EQ(reads_posted % 5, 0);
    EXPECT_GE(reads_posted, 5);
    if (!on_real_devices()) {
      EXPECT_EQ(reads_posted, 10) << "two devices";
    }
  }
}

TEST_F(VerbsFlush, is_not_made_for_the_hosts_memory) {
  Pair pair({.zero_copy = true}, functions());
  const auto message = conformance::pattern(300'000, 1);
  std::vector<std::byte>& source = pair.take_memory(message.size());
  std::vector<std::byte>& target = pair.take_memory(message.size());
  source = message;
  pair.transports[0]->add_memory(source.data(), source.size());
  pair.transports[1]->add_memory(target.data(), target.size());
  pair.move(source, target, 1);
  EXPECT_EQ(reads_posted, 0);
}

TEST_F(VerbsFlush, begins_when_all_is_written_and_ends_before_it_counts) {
  if (on_real_devices()) GTEST_SKIP() << "only the double tells when a request is carried out";
  Conversation talk({.zero_copy = true, .queue_pairs = 2});
  int seen = 0;
  judge([&](std::uint32_t, const ibv_send_wr& request) {
    if (request.opcode != IBV_WR_RDMA_READ) return IBV_WC_SUCCESS;
    ++seen;
    EXPECT_TRUE(talk.target == talk.message);
    EXPECT_EQ(talk.pair.inlet->placed(), 0u);
    return IBV_WC_SUCCESS;
  });
  talk.move(1);
  EXPECT_EQ(seen, 2);
}

TEST_F(VerbsFlush, that_fails_says_so_and_the_message_never_counts) {
  if (on_real_devices()) GTEST_SKIP() << "only the double fails what one wants";
  Conversation talk({.zero_copy = true});
  judge([](std::uint32_t, const ibv_send_wr& request) {
    return request.opcode == IBV_WR_RDMA_READ ? IBV_WC_REM_ACCESS_ERR : IBV_WC_SUCCESS;
  });
  try {
    talk.move(1);
    FAIL() << "it counted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the memory of a GPU cannot be flushed through soft"));
  }
  EXPECT_EQ(talk.pair.inlet->placed(), 0u);
}

// Nobody can copy it there: an error, not a crash.
TEST_F(VerbsFlush, cannot_help_a_message_that_came_through_host_memory) {
  Pair pair({.zero_copy = true}, functions());
  const auto message = conformance::pattern(2 * pair.outlet->slot_bytes(), 1);
  std::vector<std::byte>& target = pair.take_memory(message.size());
  pair.transports[1]->add_gpu_memory(target.data(), target.size(), -1, 0);
  try {
    pair.move(message, target, 1);
    FAIL() << "it was copied";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("for the memory of a GPU came through host memory"));
  }
}

TEST_F(VerbsFlush, whichever_call_fails_is_named_and_leaves_nothing) {
  for (long number = 0;; number += on_real_devices() ? 1 + number / 8 : 1) {  // those are slow
    verbs_faults::fail_call(number);
    std::string sentence;
    bool right = false;
    try {
      Conversation talk({.zero_copy = true, .failover = false});
      talk.move(1);
      right = talk.target == talk.message;
    } catch (const Error& error) {
      sentence = error.what();
    }
    const std::string call = verbs_faults::failed_call();
    SCOPED_TRACE(fmt::format("{}, call {}", call, number));
    EXPECT_EQ(verbs_faults::living(), 0);
    if (sentence.empty())
      EXPECT_TRUE(right);
    else
      EXPECT_THAT(sentence, HasSubstr(call));
    if (call.empty()) {
      EXPECT_EQ(sentence, "");
      return;
    }
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace tutti::verbs_double
