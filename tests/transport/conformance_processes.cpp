// Ranks as forked processes.
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <iostream>
#include <new>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/conformance.hpp"

namespace tutti::conformance {
namespace {

constexpr int kMostRanks = 16;
constexpr std::size_t kMostAddressBytes = 4096;

/// Shared with the children: made before they are forked.
struct Meeting {
  std::array<std::array<char, kMostAddressBytes>, kMostRanks> addresses{};
  std::atomic<int> arrived{0};
  std::atomic<int> dead{0};
};

Meeting* new_meeting() {
  void* memory = ::mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail_errno(errno, "mmap");
  return new (memory) Meeting;
}

/// A child's whole life. Exits without running what the parent had set up.
[[noreturn]] void live(const Wire& wire, Meeting& meeting, int rank, int ranks, bool oversubscribed,
                       std::uint64_t communicator, const Body& body) {
  int status = 1;
  try {
    Member member(wire, rank, ranks, oversubscribed);
    member.world.communicator = communicator;
    member.transport = wire.make(member.world);
    const std::string address = member.transport->address();
    std::memcpy(meeting.addresses[static_cast<std::size_t>(rank)].data(), address.c_str(),
                address.size() + 1);
    int barriers = 0;
    member.barrier = [&] {
      ++barriers;
      meeting.arrived.fetch_add(1);
      const Deadline deadline = after_ms(member.patience_ms);
      while (meeting.arrived.load() < barriers * ranks) {
        if (passed(deadline)) fail(Code::timeout, "rank {} waited in vain for the others at a barrier", rank);
        ::usleep(200);
      }
    };
    member.barrier();
    std::vector<std::string> addresses;
    for (int peer = 0; peer < ranks; ++peer)
      addresses.emplace_back(meeting.addresses[static_cast<std::size_t>(peer)].data());
    member.transport->meet(addresses);
    body(member);
    status = ::testing::Test::HasFailure() ? 1 : 0;
  } catch (const std::exception& error) {
    std::cerr << "rank " << rank << ": " << error.what() << '\n';
  }
  std::cout.flush();
  ::_exit(status);
}

}  // namespace

void on_processes(const Wire& wire, int ranks, const Body& body, bool oversubscribed) {
  ASSERT_LE(ranks, kMostRanks);
  Meeting* meeting = new_meeting();
  const std::uint64_t communicator = (static_cast<std::uint64_t>(::getpid()) << 32) | 0x80000000u;
  std::cout.flush();
  std::vector<pid_t> children;
  for (int rank = 0; rank < ranks; ++rank) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) live(wire, *meeting, rank, ranks, oversubscribed, communicator, body);
    children.push_back(child);
  }
  for (int rank = 0; rank < ranks; ++rank) {
    int status = 0;
    ASSERT_EQ(::waitpid(children[static_cast<std::size_t>(rank)], &status, 0),
              children[static_cast<std::size_t>(rank)]);
    const bool killed_on_purpose = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(killed_on_purpose || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << "rank " << rank;
  }
  ::munmap(meeting, sizeof(Meeting));
}

}  // namespace tutti::conformance
