// What the verbs wire decides by rule: which devices, which address, how messages lie in the ring and how
// they are spread.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "transport/verbs/address.hpp"
#include "transport/verbs/completions.hpp"
#include "transport/verbs/failover.hpp"
#include "transport/verbs/filter.hpp"
#include "transport/verbs/gid.hpp"
#include "transport/verbs/rate.hpp"
#include "transport/verbs/ring.hpp"
#include "transport/verbs/status.hpp"
#include "transport/verbs/stripe.hpp"

namespace tutti::verbs {
namespace {

using ::testing::HasSubstr;

Gid ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  Gid gid{};
  gid[10] = gid[11] = 0xff;
  gid[12] = a, gid[13] = b, gid[14] = c, gid[15] = d;
  return gid;
}

Gid ipv6(std::uint8_t first, std::uint8_t second, std::uint8_t last) {
  Gid gid{};
  gid[0] = first, gid[1] = second, gid[15] = last;
  return gid;
}

TEST(VerbsFilter, takes_prefixes_exact_names_ports_and_exclusions) {
  EXPECT_TRUE(allows("", "mlx5_0", 1));
  EXPECT_TRUE(allows("mlx5,bnxt", "bnxt_re0", 1));
  EXPECT_FALSE(allows("mlx5,bnxt", "rxe0", 1));
  EXPECT_TRUE(allows("=mlx5_1", "mlx5_1", 2));
  EXPECT_FALSE(allows("=mlx5_1", "mlx5_10", 1));
  EXPECT_TRUE(allows("mlx5_0:2", "mlx5_0", 2));
  EXPECT_FALSE(allows("mlx5_0:2", "mlx5_0", 1));
  EXPECT_FALSE(allows("^mlx4,=rxe1:1", "mlx4_0", 1));
  EXPECT_FALSE(allows("^mlx4,=rxe1:1", "rxe1", 1));
  EXPECT_TRUE(allows("^mlx4,=rxe1:1", "rxe1", 2));
}

TEST(VerbsFilter, refuses_what_is_no_device) {
  for (const char* bad : {"mlx5:", "mlx5:x", "=", ":1", "mlx5_0:0"}) {
    EXPECT_THROW((void)allows(bad, "mlx5_0", 1), Error) << bad;
  }
}

TEST(VerbsGid, prefers_version_2_then_ipv4_then_the_first) {
  const std::vector<GidEntry> table = {
      {0, GidType::roce_v1, ipv6(0xfe, 0x80, 1)}, {1, GidType::roce_v2, ipv6(0xfe, 0x80, 1)},
      {2, GidType::roce_v1, ipv4(10, 0, 0, 1)},   {3, GidType::roce_v2, ipv6(0xfd, 0, 1)},
      {4, GidType::roce_v2, ipv4(10, 0, 0, 1)},   {5, GidType::roce_v2, ipv4(10, 0, 0, 2)}};
  EXPECT_EQ(choose_gid(table, -1)->entry.index, 4);
  EXPECT_EQ(choose_gid(std::span(table).first(4), -1)->entry.index, 3);
  EXPECT_EQ(choose_gid(std::span(table).first(3), -1)->entry.index, 2);
}

TEST(VerbsGid, takes_link_local_ones_only_when_asked) {
  const std::vector<GidEntry> table = {{0, GidType::roce_v2, ipv6(0xfe, 0x80, 1)},
                                       {1, GidType::roce_v2, ipv4(169, 254, 3, 4)}};
  EXPECT_FALSE(choose_gid(table, -1));
  EXPECT_EQ(choose_gid(table, 1)->entry.index, 1);
  EXPECT_THAT(choose_gid(table, 0)->reason, HasSubstr("TUTTI_VERBS_GID_INDEX"));
  EXPECT_FALSE(choose_gid(table, 7));
}

TEST(VerbsGid, does_without_types) {
  const std::vector<GidEntry> table = {{0, GidType::unknown, ipv6(0xfe, 0x80, 1)},
                                       {1, GidType::unknown, ipv4(10, 0, 0, 1)}};
  EXPECT_EQ(choose_gid(table, -1)->entry.index, 1);
}

TEST(VerbsGid, reads_as_an_address) {
  EXPECT_EQ(to_text(ipv4(10, 0, 0, 7)), "10.0.0.7");
  EXPECT_EQ(to_text(ipv6(0xfd, 0, 1)), "fd00::1");
}

TEST(VerbsRate, is_known_of_ports_of_every_age) {
  EXPECT_EQ(bytes_per_ns(1, 1), 0.25);    // SDR 1X
  EXPECT_EQ(bytes_per_ns(4, 2), 4);       // QDR 4X: 32 Gbit/s
  EXPECT_EQ(bytes_per_ns(32, 2), 12.5);   // EDR 4X
  EXPECT_EQ(bytes_per_ns(128, 2), 50);    // NDR 4X
  EXPECT_EQ(bytes_per_ns(64, 16), 12.5);  // HDR 2X
  EXPECT_EQ(bytes_per_ns(0, 2), 0);
  EXPECT_EQ(bytes_per_ns(32, 0), 0);
}

TEST(VerbsStripe, covers_everything_once_in_aligned_pieces) {
  for (const unsigned pairs : {1u, 2u, 3u, 7u, 16u}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, kStripedBytes - 1, kStripedBytes,
                                    kStripedBytes + 1, std::size_t{1000003}, kRoundBytes * pairs}) {
      std::size_t end = 0;
      for (unsigned i = 0; i < pairs; ++i) {
        const Stripe part = stripe(bytes, i, pairs);
        if (part.bytes == 0) continue;
        EXPECT_EQ(part.offset, end) << bytes << " over " << pairs;
        EXPECT_EQ(part.offset % kStripeAlignment, 0u);
        end = part.offset + part.bytes;
      }
      EXPECT_EQ(end, bytes) << pairs;
    }
  }
}

TEST(VerbsRing, says_in_one_word_what_was_closed) {
  for (std::uint32_t pair = 0; pair < kMostPairs; ++pair)
    for (const bool failed : {false, true}) {
      const std::uint32_t word = immediate_of(Closed{pair, kLifeMask + 6, kHeardMask + 8, failed});
      EXPECT_EQ(word_of(word), Word::closed);
      EXPECT_EQ(closed_of(word).pair, pair);
      EXPECT_EQ(closed_of(word).life, 5u);
      EXPECT_EQ(closed_of(word).heard, 7u);
      EXPECT_EQ(closed_of(word).failed, failed);
    }
}

TEST(VerbsRing, says_in_one_word_half_of_a_fresh_address) {
  for (std::uint32_t pair = 0; pair < kMostPairs; ++pair)
    for (const bool second : {false, true})
      for (const std::uint32_t half : {0u, 17u, kHalfMask}) {
        const std::uint32_t word = immediate_of(Fresh{pair, second, half});
        EXPECT_EQ(word_of(word), Word::fresh);
        EXPECT_EQ(fresh_of(word).pair, pair);
        EXPECT_EQ(fresh_of(word).second, second);
        EXPECT_EQ(fresh_of(word).half, half);
      }
}

TEST(VerbsTicket, says_whose_completion_it_is) {
  for (const std::uint32_t life : {0u, 5u, Ticket::kLifeMask})
    for (const bool receive : {false, true}) {
      const Ticket ticket{0xffff'fffe, 0xab'cdef, kMostPairs - 1, static_cast<std::uint8_t>(life), receive};
      const Ticket same = Ticket::unpack(ticket.pack());
      EXPECT_EQ(same.posted, ticket.posted);
      EXPECT_EQ(same.endpoint, ticket.endpoint);
      EXPECT_EQ(same.pair, ticket.pair);
      EXPECT_EQ(same.life, ticket.life);
      EXPECT_EQ(same.receive, ticket.receive);
    }
}

TEST(VerbsRing, knows_how_far_a_number_is_ahead) {
  for (const std::uint64_t known : {0ull, 5ull, (1ull << 29) - 1, (1ull << 32) + 3}) {
    EXPECT_EQ(ahead_of(known, immediate_of(Word::credit, known)), 0u);
    EXPECT_EQ(ahead_of(known, immediate_of(Word::credit, known + 40)), 40u);
    EXPECT_GT(ahead_of(known + 1, immediate_of(Word::credit, known)), 1u << 28) << "behind";
  }
}

TEST(VerbsRing, puts_header_and_payload_side_by_side) {
  for (std::size_t bytes = 0; bytes < 200; ++bytes) {
    const std::size_t begin = payload_offset(bytes);
    EXPECT_EQ(begin % 8, 0u);
    if (bytes <= kSmallBytes) {
      EXPECT_LE(begin + bytes, kHeaderOffset);
      EXPECT_LT(kHeaderOffset - (begin + bytes), 8u);
    } else {
      EXPECT_EQ(begin, kHeaderOffset + sizeof(Header));
    }
    EXPECT_GE(footprint(bytes), begin + bytes);
    EXPECT_EQ(footprint(bytes) % kLine, 0u);
  }
}

TEST(VerbsRing, never_wraps_within_a_parcel_nor_overtakes) {
  constexpr std::size_t kSlot = 1000;
  std::mt19937 random(3);
  for (const int slots : {2, 3, 8}) {
    RingWalk walk(ring_bytes(kSlot, slots));
    std::uint64_t tail = 0;
    for (int i = 0; i < 10'000; ++i) {
      const std::size_t bytes = random() % (kSlot + 1);
      RingWalk::Place place = walk.next(bytes);
      if (place.end - tail > walk.capacity()) {
        tail = walk.position();  // the reader has caught up: now it must fit
        ASSERT_LE(place.end - tail, walk.capacity()) << bytes;
      }
      ASSERT_LE(place.offset + footprint(bytes), walk.capacity());
      const std::uint64_t before = walk.position();
      walk.pass(place);
      ASSERT_EQ(walk.position(), place.end);
      ASSERT_GE(place.end - footprint(bytes), before);
    }
  }
}

TEST(VerbsAddress, survives_the_way_to_a_peer) {
  Address address;
  address.host = "node7";
  address.rails = {{"mlx5_0 port 1", {true, 0, ipv4(10, 0, 0, 7), IBV_MTU_4096}},
                   {"mlx5_1 port 2", {false, 42, ipv6(0xfe, 0x80, 9), IBV_MTU_2048}}};
  address.greeting = {7, 77, {*parse_socket_address("10.0.0.7:4242")}};
  const auto back = parse_address(to_text(address));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back), to_text(address));
  EXPECT_EQ(back->rails[1].name, "mlx5_1 port 2");
  EXPECT_EQ(back->rails[1].port.lid, 42);
  EXPECT_EQ(back->greeting.addresses.size(), 1u);
}

TEST(VerbsAddress, is_refused_when_it_is_none) {
  for (const char* bad : {"", "verbs2", "verbs2 a 99", "verbs2 a 1\n1 0 3 zz x", "tcp1 0 10.0.0.1:1"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(VerbsAddress, matches_rails_of_one_network) {
  const auto rail = [](Gid gid, bool ethernet = true) {
    return PeerRail{"", {ethernet, 0, gid, IBV_MTU_1024}};
  };
  const std::vector<PeerRail> own = {rail(ipv4(10, 0, 1, 1)), rail(ipv4(10, 0, 2, 1))};
  const std::vector<PeerRail> peers = {rail(ipv4(10, 0, 2, 9)), rail(ipv4(10, 0, 1, 9))};
  const auto pairs = match(own, peers);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].peers, 1u);
  EXPECT_EQ(pairs[1].peers, 0u);
  const auto narrow = match(own, {rail(ipv4(10, 0, 2, 9))});
  ASSERT_EQ(narrow.size(), 1u) << "no more than is wired to it";
  EXPECT_EQ(narrow[0].own, 1u);
  const auto spare = match({rail(ipv4(10, 0, 0, 1)), rail(ipv4(10, 0, 0, 8))}, {rail(ipv4(10, 0, 0, 9))});
  ASSERT_EQ(spare.size(), 2u);
  EXPECT_EQ(spare[0].own, 1u);
  EXPECT_TRUE(spare[1].spare);
  const auto flat = match({rail(ipv4(10, 0, 0, 1)), rail(ipv4(10, 0, 0, 8))},
                          {rail(ipv4(10, 0, 0, 9)), rail(ipv4(10, 0, 0, 10))});
  ASSERT_EQ(flat.size(), 2u);
  EXPECT_EQ(flat[0].peers, 1u) << "the nearest of .1 is nearer to .8";
  EXPECT_FALSE(flat[0].spare || flat[1].spare);
  EXPECT_TRUE(match(own, {rail(ipv6(0xfe, 0x80, 1), false)}).empty()) << "InfiniBand is no Ethernet";
  EXPECT_TRUE(match({}, peers).empty());
}

TEST(VerbsStatus, says_what_happened_and_what_to_look_at) {
  EXPECT_THAT(std::string(words(IBV_WC_RETRY_EXC_ERR)), HasSubstr("retry"));
  EXPECT_THAT(std::string(likely_cause(IBV_WC_RETRY_EXC_ERR)), HasSubstr("TUTTI_VERBS_TIMEOUT"));
  EXPECT_TRUE(is_remote(IBV_WC_RETRY_EXC_ERR));
  EXPECT_FALSE(is_remote(IBV_WC_LOC_PROT_ERR));
  ibv_async_event event{};
  event.event_type = IBV_EVENT_PORT_ERR;
  event.element.port_num = 2;
  EXPECT_THAT(describe(event, "mlx5_0"), HasSubstr("mlx5_0 port 2: the port went down"));
}

}  // namespace
}  // namespace tutti::verbs
