// What comes over the Unix sockets: only what is signed, and of that only what makes sense.
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "transport/shm/greeting.hpp"

namespace tutti::shm {
namespace {

World member_world() {
  World world;
  world.rank = 1;
  world.size = 4;
  world.communicator = 42;
  world.sign = [](std::span<const std::byte> bytes) {
    Digest digest{};
    std::uint64_t state = 0x9e3779b97f4a7c15u;
    for (const std::byte byte : bytes)
      state = (state ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
    for (std::size_t i = 0; i < digest.size(); ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      digest[i] = static_cast<std::byte>(state >> 56);
    }
    return digest;
  };
  return world;
}

Notice good_offer() {
  Notice notice;
  notice.kind = Kind::offer;
  notice.communicator = 42;
  notice.from = 2;
  notice.to = 1;
  notice.lane = 3;
  notice.reader = 1;
  notice.readers_hash = 7;
  notice.geometry = {.readers = 2, .slots = 8, .slot_bytes = 4096};
  return notice;
}

TEST(Notice, comes_out_as_it_went_in) {
  const World world = member_world();
  std::string reason;
  const auto parsed = parse(encode(good_offer(), world.sign), world, reason);
  ASSERT_TRUE(parsed) << reason;
  const Notice wanted = good_offer();
  EXPECT_EQ(std::memcmp(&*parsed, &wanted, sizeof wanted), 0);
}

TEST(Notice, is_refused_with_any_one_bit_changed) {
  const World world = member_world();
  const NoticeBytes good = encode(good_offer(), world.sign);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    NoticeBytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    std::string reason;
    EXPECT_FALSE(parse(bytes, world, reason)) << bit;
    EXPECT_NE(reason.find("not signed"), std::string::npos) << reason;
  }
}

TEST(Notice, is_refused_at_any_other_length) {
  const World world = member_world();
  std::mt19937 random(1);
  for (std::size_t bytes = 0; bytes < 3 * kNoticeBytes; ++bytes) {
    if (bytes == kNoticeBytes) continue;
    std::vector<std::byte> noise(bytes);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    std::string reason;
    EXPECT_FALSE(parse(noise, world, reason));
    EXPECT_FALSE(reason.empty());
  }
}

TEST(Notice, is_refused_as_noise) {
  const World world = member_world();
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    NoticeBytes noise;
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    std::string reason;
    ASSERT_FALSE(parse(noise, world, reason)) << round;
  }
}

// A peer that knows the secret but is broken: whatever passes is within bounds.
TEST(Notice, is_within_bounds_even_if_a_member_sent_nonsense) {
  const World world = member_world();
  std::mt19937_64 random(3);
  int passed = 0;
  for (int round = 0; round < 50'000; ++round) {
    Notice notice = good_offer();
    auto* bytes = reinterpret_cast<unsigned char*>(&notice);
    const int changes = static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) bytes[random() % sizeof notice] = static_cast<unsigned char>(random());
    std::string reason;
    const auto parsed = parse(encode(notice, world.sign), world, reason);
    if (!parsed) {
      ASSERT_FALSE(reason.empty());
      continue;
    }
    ++passed;
    const bool sound = parsed->kind == Kind::offer
                           ? parsed->geometry.valid() && parsed->reader < parsed->geometry.readers
                       : parsed->kind == Kind::memory ? parsed->memory != 0 && parsed->memory_bytes != 0
                                                      : true;
    ASSERT_TRUE(sound);
    ASSERT_TRUE(parsed->from >= 0 && parsed->from < world.size && parsed->to == world.rank);
  }
  EXPECT_GT(passed, 0);
}

TEST(Notice, names_what_is_wrong) {
  const World world = member_world();
  const auto reason_for = [&](auto change) {
    Notice notice = good_offer();
    change(notice);
    std::string reason;
    EXPECT_FALSE(parse(encode(notice, world.sign), world, reason));
    return reason;
  };
  EXPECT_NE(reason_for([](Notice& n) { n.communicator = 43; }).find("communicator"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.kind = Kind::memory; }).find("empty memory"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.to = 3; }).find("rank 3"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.from = 4; }).find("rank 4"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.geometry.slots = 3; }).find("3 slots"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.reader = 2; }).find("reader 2"), std::string::npos);
  EXPECT_NE(reason_for([](Notice& n) { n.lane = -1; }).find("lane"), std::string::npos);
}

TEST(Readers, are_told_apart_by_order_and_content) {
  const auto hash = [](std::vector<int> readers) { return hash_of(readers); };
  EXPECT_EQ(hash({1, 2}), hash({1, 2}));
  EXPECT_NE(hash({1, 2}), hash({2, 1}));
  EXPECT_NE(hash({1}), hash({1, 1}));
  EXPECT_NE(hash({0}), hash({}));
}

TEST(Address, comes_out_as_it_went_in) {
  const Address address = Address::make(true);
  const auto parsed = Address::parse(address.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->machine, address.machine);
  EXPECT_EQ(parsed->socket, address.socket);
  EXPECT_TRUE(parsed->membarrier);
  EXPECT_NE(Address::make(true).socket, address.socket);
}

TEST(Address, of_another_wire_is_none) {
  for (const char* text : {"", "tutti-shm-1", "tutti-shm-1 a", "tcp 10.0.0.1 99 1", "tutti-shm-2 a b 1"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_FALSE(Address::parse("tutti-shm-1 a " + std::string(200, 'x') + " 1"));
}

}  // namespace
}  // namespace tutti::shm
