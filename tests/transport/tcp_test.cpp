// What only tcp does: what it says when things go wrong, and much data at once.
#include "transport/tcp/tcp.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "transport/conformance.hpp"
#include "transport/tcp_pair.hpp"

namespace tutti {
namespace {

using conformance::pattern;
using conformance::same;
using tcp_test::Pair;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Tcp, a_mismatch_names_the_peer_and_both_lengths_and_tags) {
  Pair pair;
  const auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const auto data = pattern(100, 1);
  ASSERT_TRUE(outlet->send(data.data(), data.size(), 8));
  std::vector<std::byte> target(64);
  ASSERT_TRUE(inlet->expect(target.data(), target.size(), 9));
  ASSERT_TRUE(pair.until([&] { return pair.failures[1].failed(); }));
  EXPECT_EQ(pair.failures[1].rank(), 0);
  EXPECT_EQ(pair.failures[1].code(), Code::invalid_usage);
  EXPECT_THAT(pair.failures[1].sentence(),
              AllOf(HasSubstr("rank 0 (127.0.0.1:"), HasSubstr("sent 100 bytes with tag 8"),
                    HasSubstr("rank 1 awaits 64 bytes with tag 9")));
  EXPECT_EQ(inlet->placed(), 0u);
  EXPECT_FALSE(pair.transports[1]->needs_progress()) << "a broken connection asks for nothing";
}

TEST(Tcp, a_small_message_that_overtook_one_that_nobody_awaits_is_no_match) {
  Pair pair;
  const auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const auto data = pattern(4096, 1);
  ASSERT_TRUE(outlet->send(data.data(), 4096, 1));
  ASSERT_TRUE(outlet->send(data.data(), 8, 2));
  EXPECT_TRUE(pair.until([&] { return inlet->borrow(8, 2) != nullptr || pair.failures[1].failed(); }));
  EXPECT_THAT(pair.failures[1].sentence(), HasSubstr("sent the 8 bytes with tag 2 that rank 1 awaits, but "
                                                     "another message before it"));
}

TEST(Tcp, a_peer_that_closes_is_named_only_by_who_waits_for_it) {
  Pair pair;
  auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const auto data = pattern(10, 1);
  ASSERT_TRUE(outlet->send(data.data(), data.size(), 1));
  outlet.reset();
  ASSERT_TRUE(pair.until([&] { return inlet->borrow(10, 1) != nullptr; }));
  inlet->release();
  EXPECT_FALSE(pair.failures[1].failed());
  ASSERT_TRUE(pair.until([&] { return inlet->borrow(2048, 2) == nullptr && pair.failures[1].failed(); }));
  EXPECT_THAT(
      pair.failures[1].sentence(),
      AllOf(HasSubstr("rank 0"), HasSubstr("closed the connection while 1 message (2.0 KiB) was due")));
}

TEST(Tcp, several_small_messages_wait_in_the_wire_for_a_reader_that_comes_late) {
  Pair pair;
  const auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const auto data = pattern(64, 3);
  for (unsigned i = 0; i < 64; ++i) ASSERT_TRUE(outlet->send(data.data(), i, i));
  ASSERT_TRUE(pair.until([&] { return outlet->completed() == 64; }));
  for (unsigned i = 0; i < 64; ++i) {
    if (i % 2 == 0) {  // of what was read ahead, some is borrowed and some placed
      const std::byte* message = nullptr;
      ASSERT_TRUE(pair.until([&] { return (message = inlet->borrow(i, i)) != nullptr; }));
      EXPECT_TRUE(same({message, i}, std::span(data).first(i))) << i;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message) % 8, 0u);
      inlet->release();
    } else {
      std::vector<std::byte> target(i);
      ASSERT_TRUE(inlet->expect(target.data(), i, i));
      ASSERT_TRUE(pair.until([&] { return inlet->placed() == i / 2 + 1; }));
      EXPECT_TRUE(same(target, std::span(data).first(i))) << i;
    }
  }
}

TEST(Tcp, placed_counts_in_order_although_large_messages_overtake_small_ones) {
  Pair pair;
  const auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  const std::vector<std::size_t> sizes{300 << 10, 5, 400 << 10, 300 << 10, 0, 1 << 20, 100};
  std::vector<std::vector<std::byte>> sent, received;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sent.push_back(pattern(sizes[i], static_cast<unsigned>(i)));
    received.emplace_back(sizes[i]);
    ASSERT_TRUE(outlet->send(sent[i].data(), sizes[i], static_cast<Tag>(i)));
    ASSERT_TRUE(inlet->expect(received[i].data(), sizes[i], static_cast<Tag>(i)));
  }
  std::size_t checked = 0;
  ASSERT_TRUE(pair.until([&] {
    for (; checked < inlet->placed(); ++checked) EXPECT_TRUE(received[checked] == sent[checked]) << checked;
    return checked == sizes.size();
  })) << pair.failures[1].sentence();
  EXPECT_EQ(outlet->completed(), sizes.size());
}

TEST(Tcp, moves_64_MiB_in_both_directions_at_once) {
  Pair pair;
  constexpr std::size_t kBytes = 64 << 20;
  const std::array outlets{pair.outlet(0), pair.outlet(1)};
  const std::array inlets{pair.inlet(0), pair.inlet(1)};
  std::array<std::vector<std::byte>, 2> sent, received;
  for (std::size_t rank : {0, 1}) {
    sent[rank] = pattern(kBytes, static_cast<unsigned>(rank));
    received[rank].resize(kBytes);
    ASSERT_TRUE(outlets[rank]->send(sent[rank].data(), kBytes, 1));
    ASSERT_TRUE(inlets[rank]->expect(received[rank].data(), kBytes, 1));
  }
  ASSERT_TRUE(pair.until([&] { return inlets[0]->placed() == 1 && inlets[1]->placed() == 1; }));
  EXPECT_TRUE(received[0] == sent[1]);
  EXPECT_TRUE(received[1] == sent[0]);
  EXPECT_FALSE(pair.transports[0]->needs_progress());
}

TEST(Tcp, what_is_queued_when_the_communicator_has_failed_is_not_sent_later) {
  Pair pair(1);
  constexpr std::size_t kBytes = 64 << 20;  // more than the kernel takes
  constexpr std::byte kOld{1}, kNew{2};
  std::vector<std::byte> source(kBytes, kOld), target(kBytes);
  auto outlet = pair.outlet(0);
  const auto inlet = pair.inlet(1);
  ASSERT_TRUE(inlet->expect(target.data(), kBytes, 1));
  ASSERT_TRUE(outlet->send(source.data(), kBytes, 1));
  for (int i = 0; i < 1000; ++i) pair.transports[0]->progress();
  pair.failures[0].report(Code::timeout, -1, "for the test");
  // The call has ended: its buffer is the caller's again.
  std::memset(source.data(), static_cast<int>(kNew), kBytes);
  for (int i = 0; i < 1000; ++i) pair.transports[1]->progress();  // the kernel could take more
  outlet.reset();
  ASSERT_TRUE(pair.until([&] { return pair.failures[1].failed(); })) << "the writer's end";
  EXPECT_GT(std::count(target.begin(), target.end(), kOld), 0);
  EXPECT_EQ(std::count(target.begin(), target.end(), kNew), 0);
}

/// Random messages by random means: what one end leases or sends, the other borrows or places.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 300; ++i) {
      const std::size_t limit = std::array<std::size_t, 4>{100, 6000, 128 << 10, 900 << 10}[random_() % 4];
      Message message{random_() % limit, random_() % 2 == 0, random_() % 3 == 0, {}};
      if (message.bytes > (128 << 10)) message.leased = message.borrowed = false;
      messages_.push_back(message);
    }
    data_ = pattern(1 << 20, static_cast<unsigned>(seed));
  }

  void write(Outlet& outlet) {
    if (sent_ == messages_.size() || random_() % 4 == 0) return;
    const Message& next = messages_[sent_];
    if (next.leased) {
      std::byte* const slot = outlet.lease(next.bytes);
      if (slot == nullptr) return;
      std::ranges::copy(source(sent_), slot);
      outlet.commit(next.bytes, static_cast<Tag>(sent_));
    } else if (!outlet.send(source(sent_).data(), next.bytes, static_cast<Tag>(sent_))) {
      return;
    }
    ++sent_;
  }
  void read(Inlet& inlet) {
    for (; checked_ < inlet.placed(); ++checked_) {
      const std::size_t index = placed_[checked_];
      EXPECT_TRUE(same(messages_[index].target, source(index))) << index;
    }
    if (announced_ == messages_.size() || random_() % 4 == 0) return;
    Message& next = messages_[announced_];
    const Tag tag = static_cast<Tag>(announced_);
    if (next.borrowed) {
      const std::byte* const message = inlet.borrow(next.bytes, tag);
      if (message == nullptr) return;
      EXPECT_TRUE(same({message, next.bytes}, source(announced_))) << announced_;
      inlet.release();
    } else {
      next.target.resize(next.bytes);
      if (!inlet.expect(next.target.data(), next.bytes, tag)) return;
      placed_.push_back(announced_);
    }
    ++announced_;
  }
  [[nodiscard]] bool done() const { return announced_ == messages_.size() && checked_ == placed_.size(); }

 private:
  struct Message {
    std::size_t bytes;
    bool leased, borrowed;
    std::vector<std::byte> target;
  };
  [[nodiscard]] std::span<const std::byte> source(std::size_t index) const {
    return std::span(data_).subspan(index * 61, messages_[index].bytes);
  }

  std::mt19937_64 random_;
  std::vector<Message> messages_;
  std::vector<std::byte> data_;
  std::size_t sent_ = 0, announced_ = 0, checked_ = 0;
  std::vector<std::size_t> placed_;  // indices of the messages that were announced
};

// Both ways, so that small messages of one direction move over to the other's socket in the midst of it.
TEST(Tcp, any_mixture_of_means_delivers_every_byte) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Pair pair(static_cast<int>(seed % 3) + 1);
    const std::array<std::unique_ptr<Outlet>, 2> outlets = {pair.outlet(0), pair.outlet(1)};
    const std::array<std::unique_ptr<Inlet>, 2> inlets = {pair.inlet(0), pair.inlet(1)};
    std::array<Traffic, 2> traffic = {Traffic(seed), Traffic(seed + 100)};  // by writer
    EXPECT_TRUE(pair.until([&] {
      for (const std::size_t writer : {0u, 1u}) {
        traffic[writer].write(*outlets[writer]);
        traffic[writer].read(*inlets[1 - writer]);
      }
      return (traffic[0].done() && traffic[1].done()) || pair.failures[0].failed() ||
             pair.failures[1].failed();
    })) << "seed "
        << seed;
    for (const Failure& failure : pair.failures)
      EXPECT_FALSE(failure.failed()) << failure.sentence() << ", seed " << seed;
  }
}

/// Shared between a test and the writer that it forks.
struct Shared {
  std::array<char, 4096> address{};
  std::atomic<int> met{0};
};

// Rank 0, in a process of its own: begins a message that is too long for the kernel to take, and waits for
// its end.
[[noreturn]] void begin_a_message_and_hang(Shared& shared, const std::string& reader_address) {
  Failure failure;
  World world;
  tcp_test::describe_world(world, failure, 0);
  const auto transport = make_tcp_transport(world);
  transport->address().copy(shared.address.data(), shared.address.size() - 1);
  transport->meet({transport->address(), reader_address});
  shared.met.store(1);
  const std::array<int, 1> reader = {1};
  const auto outlet = transport->open_outlet(reader, 0);
  const auto data = pattern(64 << 20, 1);
  (void)outlet->send(data.data(), data.size(), 1);
  for (;;) ::pause();
}

TEST(Tcp, a_peer_killed_within_a_message_is_named) {
  auto* const shared =
      new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  Failure failure;
  World world;
  tcp_test::describe_world(world, failure, 1);
  const auto transport = make_tcp_transport(world);
  const pid_t writer = ::fork();
  if (writer == 0) begin_a_message_and_hang(*shared, transport->address());
  while (shared->met.load() == 0) ASSERT_EQ(::waitpid(writer, nullptr, WNOHANG), 0);
  transport->meet({shared->address.data(), transport->address()});
  const std::array<int, 1> readers = {1};
  const auto inlet = transport->open_inlet(0, readers, 0, after_ms(20'000));
  std::vector<std::byte> target(64 << 20);
  ASSERT_TRUE(inlet->expect(target.data(), target.size(), 1));
  while (target[0] == std::byte{} && target[100] == std::byte{}) transport->progress();  // it has begun
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  const Deadline deadline = after_ms(20'000);
  while (!failure.failed() && !passed(deadline)) transport->progress();
  EXPECT_EQ(failure.code(), Code::remote_error);
  EXPECT_EQ(failure.rank(), 0);
  EXPECT_THAT(failure.sentence(),
              AllOf(HasSubstr("rank 0 (127.0.0.1:"), HasSubstr("1 message (64.0 MiB) was due")));
  EXPECT_EQ(inlet->placed(), 0u);
  ::munmap(shared, sizeof(Shared));
}

TEST(Tcp, a_peer_that_does_not_listen_is_named_with_its_address) {
  Pair pair;
  const std::string gone = to_text(pair.listener_of(1));
  pair.transports[1].reset();
  try {
    (void)pair.outlet(0);
    FAIL() << "nobody listens";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::remote_error);
    EXPECT_EQ(error.rank(), 1);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("rank 1"), HasSubstr(gone + " via lo"), HasSubstr("Connection refused")));
  }
}

TEST(Tcp, waiting_in_vain_for_a_writer_says_where_it_should_have_come) {
  Pair pair;
  const std::array<int, 1> readers = {1};
  try {
    (void)pair.transports[1]->open_inlet(0, readers, 0, after_ms(0));
    FAIL() << "nobody opened it";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::timeout);
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("rank 0"), HasSubstr(to_text(pair.listener_of(1))), HasSubstr("firewall")));
  }
}

}  // namespace
}  // namespace tutti
