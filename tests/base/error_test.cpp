#include "base/error.hpp"

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/assert.hpp"
#include "base/failure.hpp"
#include "base/log.hpp"

namespace tutti {
namespace {

using ::testing::HasSubstr;

TEST(Error, carries_code_sentence_and_rank) {
  const Error error(Code::remote_error, "rank 3 has left", 3);
  EXPECT_EQ(error.code(), Code::remote_error);
  EXPECT_EQ(error.rank(), 3);
  EXPECT_STREQ(error.what(), "rank 3 has left");
  EXPECT_EQ(Error(Code::timeout, "late").rank(), -1);
}

TEST(Error, fail_formats_its_sentence) {
  try {
    fail(Code::invalid_argument, "count {} of {}", 3, "send");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_STREQ(error.what(), "count 3 of send");
    return;
  }
  FAIL() << "fail returned";
}

TEST(Error, fail_errno_gives_the_reason) {
  try {
    fail_errno(ECONNREFUSED, "connect to 127.0.0.1:1");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::system_error);
    EXPECT_EQ(std::string(error.what()), "connect to 127.0.0.1:1: " + errno_text(ECONNREFUSED));
    EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
    return;
  }
  FAIL() << "fail_errno returned";
}

TEST(Failure, keeps_the_first_report) {
  Failure failure;
  EXPECT_FALSE(failure.failed());
  EXPECT_NO_THROW(failure.check());
  failure.report(Code::remote_error, 2, "rank 2 died");
  failure.report(Code::timeout, 1, "rank 1 is late");
  ASSERT_TRUE(failure.failed());
  EXPECT_EQ(failure.code(), Code::remote_error);
  EXPECT_EQ(failure.rank(), 2);
  EXPECT_EQ(failure.sentence(), "rank 2 died");
}

TEST(Failure, check_throws_what_was_reported) {
  Failure failure;
  failure.report(Code::timeout, 5, "rank 5 is late");
  try {
    failure.check();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::timeout);
    EXPECT_EQ(error.rank(), 5);
    EXPECT_STREQ(error.what(), "rank 5 is late");
    return;
  }
  FAIL() << "check returned";
}

TEST(Failure, a_verdict_takes_the_place_of_a_suspicion) {
  Failure failure;
  failure.suspect(Code::remote_error, 1, "rank 1 closed the connection");
  ASSERT_TRUE(failure.failed());
  EXPECT_FALSE(failure.settled());
  EXPECT_EQ(failure.sentence(), "rank 1 closed the connection");
  failure.report(Code::remote_error, 2, "rank 2 died");
  EXPECT_TRUE(failure.settled());
  EXPECT_EQ(failure.rank(), 2);
  EXPECT_EQ(failure.sentence(), "rank 2 died");
  failure.suspect(Code::remote_error, 3, "rank 3 closed the connection");
  EXPECT_EQ(failure.sentence(), "rank 2 died");
}

TEST(Failure, a_suspicion_stands_where_no_verdict_comes) {
  Failure failure;
  failure.suspect(Code::remote_error, 1, "rank 1 closed the connection");
  EXPECT_THROW(failure.check(), Error);
  EXPECT_TRUE(failure.settled());
  EXPECT_EQ(failure.rank(), 1);
}

TEST(Failure, of_many_threads_one_wins_and_is_whole) {
  Failure failure;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 8; ++rank) {
    threads.emplace_back([&failure, rank] {
      failure.report(Code::remote_error, rank,
                     "a sentence too long to be kept inline, of rank " + std::to_string(rank));
    });
  }
  while (!failure.failed()) std::this_thread::yield();
  EXPECT_THAT(failure.sentence(), ::testing::EndsWith("of rank " + std::to_string(failure.rank())));
  for (std::thread& thread : threads) thread.join();
}

TEST(AssertDeathTest, prints_condition_and_values) {
  const int chunk = 7;
  const int chunks = 4;
  EXPECT_DEATH(TUTTI_ASSERT(chunk < chunks, chunk, chunks), "chunk < chunks \\(7, 4\\)");
  TUTTI_ASSERT(chunks < chunk, chunk);
}

TEST(Log, writes_the_rank_of_the_thread_and_keeps_the_threshold) {
  set_log_level(LogLevel::info);
  set_log_rank(4);
  ::testing::internal::CaptureStderr();
  TUTTI_LOG(info, "lanes are {}", 2);
  TUTTI_LOG(debug, "too fine");
  set_log_rank(-1);
  TUTTI_LOG(error, "no rank yet");
  const std::string text = ::testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::warn);
  EXPECT_THAT(text, HasSubstr(":4 info lanes are 2\n"));
  EXPECT_THAT(text, HasSubstr(":- error no rank yet\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("too fine")));
  EXPECT_FALSE(log_enabled(LogLevel::info));
  EXPECT_TRUE(log_enabled(LogLevel::warn));
  EXPECT_FALSE(log_enabled(LogLevel::off));
}

}  // namespace
}  // namespace tutti
