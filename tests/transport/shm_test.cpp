// What only shared memory promises: nothing left behind, limits explained, strangers ignored.
#include "transport/shm/shm.hpp"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/conformance.hpp"
#include "transport/shm/greeting.hpp"
#include "transport/shm/segment.hpp"
#include "transport/shm/small_copy.hpp"
#include "transport/shm/socket.hpp"

namespace tutti::shm {
namespace {

using conformance::Member;
using conformance::on_threads;
using conformance::pattern;
using conformance::Wire;
using ::testing::AllOf;
using ::testing::HasSubstr;

Wire shm_wire(std::function<void(World&)> adapt = nullptr) {
  return {.name = "shm",
          .make = [](const World& world) { return make_shm_transport(world); },
          .adapt = std::move(adapt)};
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Geometry, rounds_up_to_what_the_rings_can_do) {
  Settings settings;
  settings.slots = 5;
  settings.slot_bytes = 1000;
  const auto geometry = Geometry::of(settings, 3, 4);
  EXPECT_EQ(geometry.slots, 8u);
  EXPECT_EQ(geometry.slot_bytes, 1024u);
  EXPECT_TRUE(geometry.valid());
}

TEST(Geometry, gives_a_rank_no_more_memory_where_ranks_are_many) {
  const Settings settings;
  EXPECT_EQ(Geometry::of(settings, 1, 8).slot_bytes, 64u << 10);
  EXPECT_EQ(Geometry::of(settings, 1, 9).slot_bytes, 32u << 10);
  EXPECT_EQ(Geometry::of(settings, 1, 16).slot_bytes, 32u << 10);
  EXPECT_EQ(Geometry::of(settings, 1, 300).slot_bytes, 8u << 10);
  Settings chosen;
  chosen.slot_bytes = 128 << 10;
  EXPECT_EQ(Geometry::of(chosen, 1, 300).slot_bytes, 128u << 10) << "what the user chose stays";
}

TEST(Geometry, gives_pairs_of_many_ranks_fewer_slots) {
  Settings settings;
  EXPECT_EQ(Geometry::of(settings, 1, 2).slots, 32u);
  EXPECT_EQ(Geometry::of(settings, 1, 3).slots, 8u);
  EXPECT_EQ(Geometry::of(settings, 2, 3).slots, 32u) << "one ring for all readers";
  settings.slots = 64;
  EXPECT_EQ(Geometry::of(settings, 1, 3).slots, 64u) << "what the user chose stays";
}

TEST(Geometry, keeps_everything_apart_and_aligned) {
  for (const std::uint32_t readers : {1u, 2u, 63u, 512u}) {
    const Geometry geometry{.readers = readers, .slots = 4, .slot_bytes = 192};
    EXPECT_GE(geometry.small_offset(), sizeof(WaitLines) + readers * sizeof(ReaderLine));
    EXPECT_GE(geometry.headers_offset(), geometry.small_offset() + kSmallLines * sizeof(SmallLine));
    EXPECT_GE(geometry.slots_offset(), geometry.headers_offset() + 4 * sizeof(LargeHeader));
    EXPECT_EQ(geometry.small_offset() % kLine, 0u);
    EXPECT_EQ(geometry.slots_offset() % 4096, 0u);
    EXPECT_GE(geometry.bytes(), geometry.slots_offset() + 4 * 192);
  }
}

TEST(Segment, is_refused_if_it_could_shrink_or_has_another_size) {
  const Geometry geometry{.readers = 1, .slots = 1, .slot_bytes = 4096};
  FileDescriptor descriptor;
  const Segment segment = Segment::create(geometry, descriptor, "a test");
  EXPECT_NO_THROW((void)Segment::open(geometry, descriptor, "a test"));
  EXPECT_NE(::ftruncate(descriptor.get(), 0), 0) << "sealed";
  Geometry other = geometry;
  other.slots = 2;
  EXPECT_THROW((void)Segment::open(other, descriptor, "a test"), Error);
  const FileDescriptor unsealed(::memfd_create("unsealed", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(unsealed.get(), static_cast<off_t>(geometry.bytes())), 0);
  EXPECT_THROW((void)Segment::open(geometry, unsealed, "a test"), Error);
}

TEST(SmallCopy, copies_every_length_and_no_more) {
  const auto source = pattern(64, 5);
  for (std::size_t bytes = 0; bytes <= kSmallBytes; ++bytes) {
    std::vector<std::byte> target(80, std::byte{0xee});
    copy_small(target.data() + 8, source.data(), bytes);
    EXPECT_TRUE(
        std::equal(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(bytes), target.begin() + 8));
    EXPECT_EQ(target[7], std::byte{0xee});
    EXPECT_EQ(target[8 + bytes], std::byte{0xee}) << bytes;
  }
}

TEST(Shm, says_what_was_asked_and_what_to_lower_when_memory_is_short) {
  const auto huge = [](World& world) {
    world.settings.slot_bytes = std::size_t{1} << 30;
    world.settings.slots = 1 << 16;
  };
  on_threads(shm_wire(huge), 2, [](Member& member) {
    if (member.rank() != 0) return;
    EXPECT_THAT(failure_of([&] { (void)member.outlet({1}); }),
                AllOf(HasSubstr("65536 slots of 1073741824"), HasSubstr("TUTTI_SHM_SLOT"),
                      HasSubstr("TUTTI_SHM_SLOTS"), HasSubstr("memory.max"), HasSubstr("rank 0 to 1")));
  });
}

TEST(Shm, names_the_limit_when_descriptors_run_out) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Member member(shm_wire(), 0, 1);
    const rlimit few{open_descriptors() - 1, 4096};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto sentence = failure_of([&] { (void)make_shm_transport(member.world); });
    ::_exit(sentence.find("RLIMIT_NOFILE") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Shm, leaves_nothing_behind_when_killed) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const FileDescriptor from_child(pipe_ends[0]);
  FileDescriptor to_parent(pipe_ends[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Member member(shm_wire(), 0, 1);
    member.transport = make_shm_transport(member.world);
    member.transport->meet({member.transport->address()});
    auto outlet = member.outlet({0});
    const auto name = Address::parse(member.transport->address())->socket;
    const bool written =
        ::write(to_parent.get(), name.data(), name.size()) == static_cast<ssize_t>(name.size());
    ::kill(::getpid(), written ? SIGKILL : SIGTERM);
  }
  to_parent.reset();
  char name[128] = {};
  const ssize_t length = ::read(from_child.get(), name, sizeof name - 1);
  ASSERT_GT(length, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  std::ifstream sockets("/proc/net/unix");
  const std::string all{std::istreambuf_iterator<char>(sockets), {}};
  EXPECT_THAT(all, ::testing::Not(HasSubstr(name)));
  for (const char* folder : {"/dev/shm", "/tmp"})
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr(name)));
}

TEST(Shm, gives_every_descriptor_back) {
  const auto before = open_descriptors();
  on_threads(shm_wire(), 4, [](Member& member) {
    const int next = (member.rank() + 1) % 4, previous = (member.rank() + 3) % 4;
    auto outlet = member.outlet({next});
    auto inlet = member.inlet(previous);
    member.send(*outlet, pattern(100, 1));
    EXPECT_EQ(member.borrow(*inlet, 100), pattern(100, 1));
    member.barrier();
  });
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Shm, ignores_strangers) {
  on_threads(shm_wire(), 2, [](Member& member) {
    const auto socket_name = Address::parse(member.transport->address())->socket;
    FileDescriptor silent, noisy, forger;
    ASSERT_EQ(connect_to(socket_name, silent), Progress::done);
    ASSERT_EQ(connect_to(socket_name, noisy), Progress::done);
    ASSERT_EQ(connect_to(socket_name, forger), Progress::done);
    ASSERT_EQ(send_message(noisy, pattern(kNoticeBytes, 9), {}), Progress::done);
    Notice lie;
    lie.communicator = member.world.communicator;
    lie.from = 1 - member.rank();
    lie.to = member.rank();
    const auto unsigned_greeting = encode(lie, [](std::span<const std::byte>) { return Digest{}; });
    ASSERT_EQ(send_message(forger, unsigned_greeting, {}), Progress::done);
    member.barrier();
    auto outlet = member.outlet({1 - member.rank()});
    auto inlet = member.inlet(1 - member.rank());
    member.send(*outlet, pattern(30, 2));
    EXPECT_EQ(member.borrow(*inlet, 30), pattern(30, 2));
    member.barrier();
    silent.reset();
    for (int i = 0; i < 3; ++i) member.transport->arm(), member.transport->disarm();
    EXPECT_FALSE(member.failure.failed()) << member.failure.sentence();
    member.barrier();
  });
}

TEST(Shm, refuses_to_reach_another_host) {
  on_threads(shm_wire([](World& world) {
               world.host_of = {0, 1};
             }),
             2, [](Member& member) {
               EXPECT_FALSE(member.transport->reaches(1 - member.rank()));
               EXPECT_THROW((void)member.outlet({1 - member.rank()}), Error);
             });
}

TEST(Shm, joins_many_ranks_each_with_each) {
  constexpr int kRanks = 16;
  on_threads(shm_wire(), kRanks, [](Member& member) {
    std::vector<int> others;
    for (int peer = 0; peer < kRanks; ++peer)
      if (peer != member.rank()) others.push_back(peer);
    auto outlet = member.outlet(others);
    std::vector<std::unique_ptr<Inlet>> inlets;
    for (const int writer : others) {
      std::vector<int> readers;
      for (int peer = 0; peer < kRanks; ++peer)
        if (peer != writer) readers.push_back(peer);
      inlets.push_back(member.inlet(writer, readers));
    }
    for (std::uint32_t i = 0; i < 50; ++i) {
      const std::size_t bytes = i % 2 == 0 ? 8 : 4000;
      member.send(*outlet, pattern(bytes, static_cast<std::uint32_t>(member.rank())), i);
      for (std::size_t j = 0; j < inlets.size(); ++j)
        EXPECT_EQ(member.borrow(*inlets[j], bytes, i), pattern(bytes, static_cast<std::uint32_t>(others[j])));
    }
    member.barrier();
  });
}

}  // namespace
}  // namespace tutti::shm
