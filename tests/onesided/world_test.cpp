// Worlds of one-sided ranks on a virtual clock, driven by this one thread: the same seed, the same story.
// What happens when a rank dies, a message is lost in length, and everything is late.
#include <memory>
#include <random>

#include <gmock/gmock.h>

#include "onesided/exchange.hpp"
#include "transport/loop/loop.hpp"

namespace tutti::onesided {
namespace {

constexpr int kSize = 4;
constexpr std::size_t kRoom = 20'000;

class World : public testing::TestWithParam<unsigned> {
 protected:
  struct Rank {
    tutti::World world;
    Failure failure;
    std::vector<std::byte> memory = std::vector<std::byte>(kSize * kRoom);
    std::unique_ptr<Transport> transport;
    std::unique_ptr<Exchange> exchange;
    Window* window = nullptr;
    std::vector<Operation> calls;  // to be made one after the other
    std::size_t made = 0;
  };

  World() {
    std::vector<std::string> addresses;
    for (int r = 0; r < kSize; ++r) {
      Rank& rank = ranks_[static_cast<std::size_t>(r)];
      rank.world.rank = r;
      rank.world.size = kSize;
      rank.world.communicator = 1;
      rank.world.host_of.assign(kSize, 0);
      rank.world.failure = &rank.failure;
      rank.transport = network_.make(rank.world);
      addresses.push_back(rank.transport->address());
    }
    for (Rank& rank : ranks_) {
      rank.transport->meet(addresses);
      rank.exchange = std::make_unique<Exchange>(rank.world, std::vector<Transport*>{rank.transport.get()});
      rank.exchange->connect(Deadline::max());
      rank.window = &rank.exchange->add(rank.memory);
    }
  }

  void call_put(int from, int to, std::span<const std::byte> data, int signal) {
    Operation put;
    put.peer = to;
    put.window = of(from).window;
    put.offset = static_cast<std::size_t>(from) * kRoom;
    put.data = data.data();
    put.bytes = data.size();
    put.signal = signal;
    of(from).calls.push_back(put);
  }
  void call_wait(int rank, const Awaited& awaited) {
    Operation wait;
    wait.kind = Operation::Kind::wait;
    wait.awaited = {&awaited, 1};
    of(rank).calls.push_back(wait);
  }

  /// Polls every rank in turn until all calls are made, or nothing can happen any more.
  void run() {
    for (bool alive = true; alive;) {
      bool moved = false;
      for (Rank& rank : ranks_) {
        if (rank.failure.failed() || network_.killed(rank.world.rank)) continue;
        moved |= rank.exchange->serve();
        if (rank.made == rank.calls.size() || !rank.exchange->advance(rank.calls[rank.made])) continue;
        ++rank.made;
        moved = true;
      }
      alive = moved || network_.advance();
    }
  }
  [[nodiscard]] Rank& of(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }

  const std::vector<std::byte> data_ = std::vector<std::byte>(kRoom, std::byte{7});
  LoopNetwork network_{kSize, GetParam(), {.slots = 2, .slot_bytes = 4096, .outstanding_expects = 2}};
  std::array<Rank, kSize> ranks_;
};

TEST_P(World, every_signal_finds_its_data_there) {
  std::vector<Awaited> awaited;
  for (int peer = 0; peer < kSize; ++peer) awaited.push_back({3, peer, 5});
  for (int from = 0; from < kSize; ++from) {
    for (int i = 0; i < 3; ++i) {
      for (int to = 0; to < kSize; ++to) call_put(from, to, data_, 5);
    }
    for (const Awaited& each : awaited) call_wait(from, each);
  }
  run();
  for (const Rank& rank : ranks_) {
    EXPECT_EQ(rank.made, rank.calls.size()) << network_.describe();
    EXPECT_THAT(rank.memory, testing::Each(std::byte{7}));
  }
}

TEST_P(World, a_death_ends_every_wait_for_the_dead_and_names_it) {
  const Awaited awaited{1000, 3, 0};
  for (int i = 0; i < 50; ++i) call_put(3, i % 3, data_, 0);
  for (int rank = 0; rank < 3; ++rank) call_wait(rank, awaited);
  network_.kill(3, 100'000);
  run();
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_TRUE(of(rank).failure.failed()) << rank;
    EXPECT_EQ(of(rank).failure.rank(), 3);
    EXPECT_THAT(of(rank).failure.sentence(), testing::HasSubstr("rank 3"));
  }
}

TEST_P(World, a_message_cut_short_is_no_data) {
  const Awaited awaited{10, 0, 0};
  for (int i = 0; i < 10; ++i) call_put(0, 1, data_, 0);
  call_wait(1, awaited);
  network_.truncate(0, 1, 50'000);
  run();
  EXPECT_TRUE(of(1).failure.failed());
  EXPECT_EQ(of(1).made, 0U);
}

INSTANTIATE_TEST_SUITE_P(seeds, World, testing::Range(0U, 20U));

}  // namespace
}  // namespace tutti::onesided
