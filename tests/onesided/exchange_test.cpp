// One-sided exchanges over each wire, their machines polled by a thread a rank: data of every length, random
// puts against a model, and what holds at the end.
#include "onesided/exchange.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <random>

#include <gmock/gmock.h>

#include "transport/conformance.hpp"

namespace tutti::onesided {
namespace {

using conformance::Member;
using conformance::on_threads;
using conformance::pattern;
using conformance::same;

using Bytes = std::vector<std::byte>;

/// What the ranks of a communicator say of their windows: they are threads.
std::mutex table_lock;
std::map<std::uint64_t, std::vector<Description>> table;

/// A rank with an exchange and one window.
class Rank {
 public:
  Rank(Member& member, std::size_t bytes)
      : member_(member), exchange_(member.world, {member.transport.get()}), memory_(bytes) {
    exchange_.connect(after_ms(member.patience_ms));
    window_ = &exchange_.add(memory_);
    const std::scoped_lock lock(table_lock);
    table[member.world.communicator].resize(static_cast<std::size_t>(member.size()));
    table[member.world.communicator][static_cast<std::size_t>(member.rank())] = exchange_.describe(*window_);
  }

  /// Once all are there.
  void know() {
    member_.barrier();
    const std::scoped_lock lock(table_lock);
    exchange_.know(*window_, table[member_.world.communicator]);
  }

  void run(Operation operation) {
    member_.wait([&] {
      const bool over = exchange_.advance(operation);
      return over || (exchange_.serve() && exchange_.advance(operation));
    });
  }
  void put(int peer, std::size_t offset, std::span<const std::byte> data, int signal = -1) {
    Operation put;
    put.peer = peer;
    put.window = window_;
    put.offset = offset;
    put.data = data.data();
    put.bytes = data.size();
    put.signal = signal;
    run(put);
  }
  void signal(int peer, int index) { put(peer, 0, {}, index); }
  void wait(std::uint64_t count, int peer, int index) {
    const Awaited awaited{count, peer, index};
    Operation wait;
    wait.kind = Operation::Kind::wait;
    wait.awaited = {&awaited, 1};
    run(wait);
  }
  void collective(Operation::Kind kind, bool of_window = false) {
    Operation operation;
    operation.kind = kind;
    operation.window = of_window ? window_ : nullptr;
    run(operation);
  }
  /// As a communicator does: nobody goes while another one waits for its words.
  void end() {
    collective(Operation::Kind::fence);
    collective(Operation::Kind::depart);
    member_.barrier();
  }
  [[nodiscard]] std::span<std::byte> memory() { return memory_; }
  [[nodiscard]] Reach* reach(int peer) { return window_->reaches[static_cast<std::size_t>(peer)].get(); }
  [[nodiscard]] Exchange& exchange() { return exchange_; }

 private:
  Member& member_;
  Exchange exchange_;
  Bytes memory_;
  Window* window_ = nullptr;
};

class OneSided : public conformance::Conformance {};

TEST_P(OneSided, data_of_every_length_arrive_with_their_signal) {
  on_threads(GetParam(), 3, [](Member& member) {
    constexpr std::size_t kMost = 700'000;
    Rank rank(member, kMost + 2);
    rank.know();
    const int right = (member.rank() + 1) % 3, left = (member.rank() + 2) % 3;
    const std::size_t piece = rank.exchange().piece_bytes();
    const std::size_t lengths[] = {0,  1,    8,         31,    32,        33,        56,
                                   57, 4096, piece - 1, piece, piece + 1, 3 * piece, kMost};
    for (const std::size_t bytes : lengths) {
      if (bytes > kMost) continue;
      const auto seed = static_cast<std::uint32_t>(bytes);
      std::fill(rank.memory().begin(), rank.memory().end(), std::byte{0xaa});
      rank.signal(left, 1);  // ready
      rank.wait(1, right, 1);
      Bytes data = pattern(bytes, seed + static_cast<std::uint32_t>(member.rank()));
      rank.put(right, 1, data, 0);
      std::fill(data.begin(), data.end(), std::byte{0x55});  // the source is free
      rank.wait(1, left, 0);
      const auto landed = rank.memory().subspan(1, bytes);
      EXPECT_TRUE(same(landed, pattern(bytes, seed + static_cast<std::uint32_t>(left)))) << bytes;
      EXPECT_EQ(rank.memory()[0], std::byte{0xaa});
      EXPECT_EQ(rank.memory()[1 + bytes], std::byte{0xaa});
    }
    rank.end();
  });
}

/// All ranks draw the same puts from a seed; a round's do not overlap, so the model knows every byte.
TEST_P(OneSided, random_puts_match_a_model) {
  constexpr int kSize = 4;
  constexpr std::size_t kSlots = 8, kRoom = 90'000;
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  on_threads(GetParam(), kSize, [seed](Member& member) {
    Rank rank(member, kSlots * kRoom);
    rank.know();
    std::mt19937 random(seed);
    const auto below = [&](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    Bytes model(kSlots * kRoom);
    for (int round = 0; round < 8; ++round) {
      for (int to = 0; to < kSize; ++to) {
        for (std::size_t slot = 0; slot < kSlots; ++slot) {
          const int from = static_cast<int>(below(kSize));
          const std::size_t bytes = below(3) == 0 ? below(kRoom) : below(64);
          const std::size_t offset = slot * kRoom + below(kRoom - bytes);
          const bool flushes = below(8) == 0;
          const Bytes data = pattern(bytes, static_cast<std::uint32_t>(random()));
          if (to == member.rank())
            std::ranges::copy(data, model.begin() + static_cast<std::ptrdiff_t>(offset));
          if (from != member.rank()) continue;
          rank.put(to, offset, data);
          if (flushes) rank.collective(Operation::Kind::flush);
        }
      }
      for (int peer = 0; peer < kSize; ++peer) rank.signal(peer, round);
      for (int peer = 0; peer < kSize; ++peer) rank.wait(1, peer, round);
      ASSERT_TRUE(same(rank.memory(), model)) << "rank " << member.rank() << ", round " << round;
      for (int peer = 0; peer < kSize; ++peer) rank.signal(peer, 60);  // read
      for (int peer = 0; peer < kSize; ++peer) rank.wait(1, peer, 60);
    }
    rank.end();
  });
}

/// Where the wire has a way into the window, long data take it, and the target has no part in it.
TEST_P(OneSided, long_data_go_straight_into_the_window_where_that_is_possible) {
  on_threads(GetParam(), 2, [](Member& member) {
    constexpr std::size_t kHalf = 3'000'000;
    const int peer = 1 - member.rank();
    const auto both_of = [](int of) {
      const auto seed = static_cast<std::uint32_t>(of);
      return std::array{pattern(kHalf, seed), pattern(kHalf, seed + 10)};
    };
    const std::array own = both_of(member.rank()), theirs = both_of(peer);  // by the rounds' parity
    Rank rank(member, 2 * kHalf);
    rank.know();
    const auto target = rank.memory().first(kHalf), source = rank.memory().last(kHalf);
    std::ranges::copy(own[0], source.begin());
    const Reach* const reach = rank.reach(peer);
    const bool directly = reach != nullptr && reach->takes(source.data(), source.size());
    EXPECT_TRUE(directly || member.transport->name() != "verbs");
    if (directly) {
      if (member.rank() == 0) rank.put(1, 0, source);
      member.barrier();  // rank 1 has polled nothing
      EXPECT_TRUE(member.rank() == 0 || same(target, theirs[0]));
    }
    for (std::size_t round = 0; round < 20; ++round) {
      std::memset(target.data(), 0, kHalf);
      std::memcpy(source.data(), own[round % 2].data(), kHalf);
      rank.signal(peer, 1);
      rank.wait(1, peer, 1);
      rank.put(peer, 0, source, 0);
      std::memset(source.data(), 0x55, kHalf);
      rank.wait(1, peer, 0);
      ASSERT_TRUE(same(target, theirs[round % 2])) << round;
    }
    rank.end();
  });
}

TEST_P(OneSided, after_a_fence_all_has_landed) {
  on_threads(GetParam(), 3, [](Member& member) {
    constexpr std::size_t kEach = 200'000;
    Rank rank(member, 3 * kEach);
    rank.know();
    const auto own = static_cast<std::size_t>(member.rank());
    const Bytes data = pattern(kEach, static_cast<std::uint32_t>(own));
    for (int peer = 0; peer < 3; ++peer) rank.put(peer, own * kEach, data);
    rank.collective(Operation::Kind::fence, true);
    for (std::uint32_t from = 0; from < 3; ++from)
      EXPECT_TRUE(same(rank.memory().subspan(from * kEach, kEach), pattern(kEach, from)));
    rank.end();
  });
}

TEST_P(OneSided, a_put_outside_the_window_fails_naming_who_where_and_how_much) {
  on_threads(GetParam(), 2, [](Member& member) {
    {
      Rank rank(member, 100);
      rank.know();
      if (member.rank() == 1) {
        rank.put(0, 90, pattern(11, 0));  // the caller checks sizes; here it has not
      } else {
        try {
          rank.wait(1, 1, 0);
          ADD_FAILURE() << "it was taken";
        } catch (const Error& error) {
          EXPECT_THAT(
              error.what(),
              testing::HasSubstr("rank 1 put 11 bytes at offset 90 into window 0 of rank 0, which has 100"));
          EXPECT_EQ(error.rank(), 1);
        }
      }
      member.barrier();
    }
  });
}

INSTANTIATE_TEST_SUITE_P(wires, OneSided, testing::ValuesIn(conformance::wires()),
                         [](const auto& wire) { return wire.param.name; });

}  // namespace
}  // namespace tutti::onesided
