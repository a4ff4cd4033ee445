// The variants with counts that differ between ranks: uneven and zero counts, displacements, in place.
#include <numeric>

#include "api/plain.hpp"
#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

using Counts = std::vector<std::size_t>;
using Ints = std::vector<std::int32_t>;

constexpr std::int32_t kUntouched = -77;

/// Where block i begins, with a gap of `gap` elements after every block.
Counts starts_of(const Counts& counts, std::size_t gap) {
  Counts starts(counts.size());
  for (std::size_t i = 1; i < counts.size(); ++i) starts[i] = starts[i - 1] + counts[i - 1] + gap;
  return starts;
}

std::size_t end_of(const Counts& counts, const Counts& starts) {
  return starts.back() + counts.back();
}

std::vector<Counts> uneven_counts() {
  return {{3, 0, 5, 1}, {0, 0, 0, 9}, {0, 0, 0, 0}, {1000, 1, 30'000, 17}, {40'000, 40'000, 40'000, 40'000}};
}

class Vectors : public testing::Test {
 protected:
  Ranks ranks_{4};
};

TEST_F(Vectors, all_gather_places_blocks_where_each_rank_wants_them) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    const auto self = static_cast<std::size_t>(rank);
    for (const Counts& counts : uneven_counts()) {
      for (const bool in_place : {false, true}) {
        const Counts starts = starts_of(counts, self);  // the gaps differ between ranks
        Ints all(end_of(counts, starts), kUntouched), wanted = all, own(counts[self]);
        for (std::size_t i = 0; i < own.size(); ++i) own[i] = input_at(rank, i);
        for (std::size_t block = 0; block < 4; ++block) {
          for (std::size_t i = 0; i < counts[block]; ++i)
            wanted[starts[block] + i] = input_at(static_cast<int>(block), i);
        }
        std::int32_t* const place = all.data() + starts[self];
        if (in_place) std::copy(own.begin(), own.end(), place);
        EXPECT_OK(tuttiAllGatherV(in_place ? place : own.data(), own.size(), all.data(), counts.data(),
                                  starts.data(), tuttiInt32, comm, nullptr),
                  comm);
        EXPECT_EQ(all, wanted);
      }
    }
  });
}

TEST_F(Vectors, all_gather_without_displacements_puts_blocks_one_after_another) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    const std::size_t counts[] = {1, 0, 2, 1};
    const Ints own(counts[rank], rank);
    Ints all(4, kUntouched);
    EXPECT_OK(tuttiAllGatherV(own.data(), own.size(), all.data(), counts, nullptr, tuttiInt32, comm, nullptr),
              comm);
    EXPECT_THAT(all, testing::ElementsAre(0, 2, 2, 3));
  });
}

TEST_F(Vectors, reduce_scatter_gives_each_rank_its_uneven_share) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    const auto self = static_cast<std::size_t>(rank);
    for (const Counts& counts : uneven_counts()) {
      for (const bool in_place : {false, true}) {
        const Counts starts = starts_of(counts, 0);
        Ints all(end_of(counts, starts)), own(counts[self], kUntouched);
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = input_at(rank, i);
        std::int32_t* const result = in_place ? all.data() + starts[self] : own.data();
        EXPECT_OK(tuttiReduceScatterV(all.data(), result, counts.data(), tuttiInt32, tuttiSum, comm, nullptr),
                  comm);
        for (std::size_t i = 0; i < counts[self]; ++i) ASSERT_EQ(result[i], sum_at(4, starts[self] + i));
      }
    }
  });
}

/// What rank a sends to b, in the order of their hash: zero often, now and then large.
std::size_t exchanged(int from, int to, int round) {
  const auto hash = static_cast<std::size_t>(input_at(from * 16 + to, static_cast<std::size_t>(round)));
  return hash % 3 == 0 ? 0 : hash % (hash % 5 == 0 ? 50'000 : 50);
}

TEST_F(Vectors, all_to_all_exchanges_what_each_pair_agreed_on) {
  ranks_.run([](int rank, tuttiComm_t comm) {
    for (int round = 0; round < 8; ++round) {
      Counts sent(4), received(4);
      for (int peer = 0; peer < 4; ++peer) {
        sent[static_cast<std::size_t>(peer)] = exchanged(rank, peer, round);
        received[static_cast<std::size_t>(peer)] = exchanged(peer, rank, round);
      }
      const auto gap = static_cast<std::size_t>(round % 3);
      const Counts from = starts_of(sent, gap), to = starts_of(received, gap + 1);
      Ints send(end_of(sent, from), kUntouched), receive(end_of(received, to), kUntouched), wanted = receive;
      for (std::size_t peer = 0; peer < 4; ++peer) {
        const auto key = [](int a, std::size_t b) { return a * 16 + static_cast<int>(b); };
        for (std::size_t i = 0; i < sent[peer]; ++i) send[from[peer] + i] = input_at(key(rank, peer), i);
        for (std::size_t i = 0; i < received[peer]; ++i)
          wanted[to[peer] + i] = input_at(key(static_cast<int>(peer), static_cast<std::size_t>(rank)), i);
      }
      EXPECT_OK(tuttiAlltoAllV(send.data(), sent.data(), from.data(), receive.data(), received.data(),
                               to.data(), tuttiInt32, comm, nullptr),
                comm);
      EXPECT_EQ(receive, wanted);
    }
  });
}

TEST_F(Vectors, all_to_all_of_nothing_needs_no_buffers) {
  ranks_.run([](int, tuttiComm_t comm) {
    const std::size_t none[4] = {};
    EXPECT_OK(tuttiAlltoAllV(nullptr, none, nullptr, nullptr, none, nullptr, tuttiInt8, comm, nullptr), comm);
  });
}

}  // namespace
}  // namespace tutti_tests
