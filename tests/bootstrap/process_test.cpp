// The control plane among processes: one is killed, one is stopped, and all others learn which.
#include <array>
#include <cstdio>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/handle.hpp"
#include "bootstrap/control_plane.hpp"
#include "ranks.hpp"

// A process that forks while a thread runs leaves that thread's memory to a child that has no such thread: no
// leak of ours, and nothing that a checker should stop for.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

namespace tutti::testing {
namespace {

using ::testing::HasSubstr;

struct Pipe {
  Pipe() {
    int fds[2];
    if (::pipe(fds) != 0) std::abort();
    out = FileDescriptor(fds[0]);
    in = FileDescriptor(fds[1]);
  }
  FileDescriptor out, in;
};

// A line from a process; empty when it ended without one.
std::string read_line(int fd) {
  std::string line;
  char letter = 0;
  while (::read(fd, &letter, 1) == 1 && letter != '\n') line += letter;
  return line;
}
void write_line(int fd, const std::string& line) {
  (void)!::write(fd, (line + "\n").data(), line.size() + 1);
}

// Ranks as forked processes. Each joins, exchanges once, says "ready", waits until its Failure says
// something, and writes that. The test's own process starts no thread, so that forking stays allowed.
class Processes {
 public:
  Processes(int size, int fan_out, const Settings& settings) : to_rank_(size), from_rank_(size) {
    for (int rank = 0; rank < size; ++rank) {
      const pid_t pid = ::fork();
      if (pid == 0) run(rank, size, fan_out, settings);
      pids_.push_back(pid);
    }
    // Rank 0 makes the id; the test carries it to the others. Without the other ends, a dead child is an end
    // of file.
    for (auto& pipe : from_rank_) pipe.in.reset();
    UniqueId id;
    for (std::size_t got = 0; got < id.bytes.size();) {
      const ssize_t more = ::read(from_rank_[0].out.get(), id.bytes.data() + got, id.bytes.size() - got);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    for (int rank = 1; rank < size; ++rank) (void)!::write(to(rank), id.bytes.data(), id.bytes.size());
  }
  ~Processes() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
  }

  [[nodiscard]] std::string line_of(int rank) {
    return read_line(from_rank_[static_cast<std::size_t>(rank)].out.get());
  }
  void signal(int rank, int number) { ::kill(pid(rank), number); }
  [[nodiscard]] pid_t pid(int rank) const { return pids_[static_cast<std::size_t>(rank)]; }

 private:
  [[nodiscard]] int to(int rank) { return to_rank_[static_cast<std::size_t>(rank)].in.get(); }

  [[noreturn]] void run(int rank, int size, int fan_out, const Settings& settings) {
    const auto index = static_cast<std::size_t>(rank);
    const int said = from_rank_[index].in.get();
    UniqueId id;
    if (rank == 0) {
      id = create_unique_id(settings);
      (void)!::write(said, id.bytes.data(), id.bytes.size());
    } else if (::read(to_rank_[index].out.get(), id.bytes.data(), id.bytes.size()) != 128) {
      ::_exit(2);
    }
    try {
      Failure failure;
      ControlListener listener(settings);
      const std::string address = listener.address();
      const Membership membership = join(id, rank, size, address, settings);
      ControlPlane plane(membership, std::move(listener), membership.infos, settings, failure, fan_out);
      (void)plane.all_gather("", after_ms(30'000));
      write_line(said, "ready");
      const Deadline deadline = after_ms(60'000);
      while (!failure.failed() && !passed(deadline)) ::usleep(1000);
      write_line(said,
                 failure.failed() ? fmt::format("{} {}", failure.rank(), failure.sentence()) : "nothing");
      ::pause();  // the tree stays until the test is over
    } catch (const Error& error) {
      write_line(said, error.what());
    }
    ::_exit(1);
  }

  std::vector<Pipe> to_rank_, from_rank_;
  std::vector<pid_t> pids_;
};

class Victims : public ::testing::TestWithParam<int> {};

TEST_P(Victims, of_a_kill_are_named_by_all_others) {
  const int size = 7;
  const int victim = GetParam();
  Processes ranks(size, 2, loopback_settings());
  for (int rank = 0; rank < size; ++rank) ASSERT_EQ(ranks.line_of(rank), "ready");
  ranks.signal(victim, SIGKILL);
  for (int rank = 0; rank < size; ++rank) {
    if (rank == victim) continue;
    const std::string line = ranks.line_of(rank);
    EXPECT_THAT(line, HasSubstr(fmt::format("{0} rank {0} (host ", victim)));
    EXPECT_THAT(line, HasSubstr(fmt::format("pid {}) died: its connection closed", ranks.pid(victim))));
  }
}
// The root, one between others, a leaf.
INSTANTIATE_TEST_SUITE_P(Places, Victims, ::testing::Values(0, 1, 5));

TEST(Processes, that_are_stopped_are_named_after_the_time_that_the_setting_gives) {
  Settings settings = loopback_settings();
  settings.control_timeout_ms = 4'000;  // longer than a busy machine keeps a thread waiting
  Processes ranks(3, 1, settings);
  for (int rank = 0; rank < 3; ++rank) ASSERT_EQ(ranks.line_of(rank), "ready");
  ranks.signal(1, SIGSTOP);
  for (const int rank : {0, 2}) {
    const std::string line = ranks.line_of(rank);
    EXPECT_THAT(line, HasSubstr("1 rank 1 (host "));
    EXPECT_THAT(line, HasSubstr("has not answered for"));
  }
  // Awake again, it learns what the others think of it.
  ranks.signal(1, SIGCONT);
  EXPECT_THAT(ranks.line_of(1), HasSubstr("has not answered for"));
}

TEST(Processes, may_end_while_they_serve_a_rendezvous_that_nobody_visits) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)create_unique_id(loopback_settings());
    std::exit(17);  // NOLINT: static destructors are what is tested
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 17);
}

TEST(Processes, that_fork_while_serving_may_exit_too) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)create_unique_id(loopback_settings());
    const pid_t child = ::fork();
    if (child == 0) std::exit(0);  // NOLINT: has the objects, and none of the threads
    int status = 1;
    ::waitpid(child, &status, 0);
    std::exit(status == 0 ? 17 : 1);  // NOLINT
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 17);
}

}  // namespace
}  // namespace tutti::testing
