// Where blocks lie: shares cover everything once, and each collective finds its blocks where the user put
// them.
#include "execute/layout.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(Shares, cover_every_byte_once) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t element = std::size_t{1} << random() % 4;
    const std::size_t total = random() % (round % 2 == 0 ? 100 : 1'000'000) * element;
    const int parts = 1 + static_cast<int>(random() % 40);
    std::size_t next = 0;
    for (int index = 0; index < parts; ++index) {
      const Share share = share_of(total, index, parts, element);
      ASSERT_EQ(share.offset, next) << total << " bytes in " << parts;
      ASSERT_EQ(share.bytes % element, 0U);
      next += share.bytes;
    }
    ASSERT_EQ(next, total) << "in " << parts;
  }
}

TEST(Shares, begin_at_cache_lines_where_they_are_long) {
  for (int index = 0; index < 7; ++index) EXPECT_EQ(share_of(1'000'004, index, 7, 4).offset % 64, 0U);
  EXPECT_EQ(share_of(16, 1, 4, 4).offset, 4U);
}

TEST(Slices, join_neighbours_and_cross_pieces) {
  const Pieces pieces = {{1, 0, 10}, {3, 0, 5}, {5, 100, 20}};
  Pieces slice;
  append_slice(slice, pieces, 8, 4);
  append_slice(slice, pieces, 12, 3);
  append_slice(slice, pieces, 15, 2);
  ASSERT_EQ(slice.size(), 3U);
  EXPECT_EQ(slice[0].offset, 8U);
  EXPECT_EQ(slice[0].bytes, 2U);
  EXPECT_EQ(slice[1].buffer, 3U);
  EXPECT_EQ(slice[1].bytes, 5U);
  EXPECT_EQ(slice[2].offset, 100U);
}

std::size_t length(const Pieces& pieces) {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.bytes;
  return bytes;
}

/// Every block has a place exactly where the collective's table says so, as long as the block.
TEST(Layout, agrees_with_the_table_of_collectives) {
  for (const Collective collective :
       {Collective::all_reduce, Collective::reduce, Collective::broadcast, Collective::reduce_scatter,
        Collective::all_gather, Collective::gather, Collective::scatter, Collective::all_to_all}) {
    for (const int size : {1, 2, 5}) {
      const int blocks = blocks_of(collective, size) == 0 ? 3 : blocks_of(collective, size);
      Call call;
      call.collective = collective;
      call.type = ElementType::int32;
      call.count = 37;
      call.root = size - 1;
      for (int rank = 0; rank < size; ++rank) {
        const auto places = layout(call, rank, size, blocks);
        ASSERT_EQ(places.size(), static_cast<std::size_t>(blocks));
        for (int b = 0; b < blocks; ++b) {
          const BlockPlace& place = places[static_cast<std::size_t>(b)];
          EXPECT_EQ(place.has_input, is_input(collective, size, call.root, rank, b));
          EXPECT_EQ(place.has_output, is_output(collective, size, call.root, rank, b));
          EXPECT_EQ(length(place.input), place.has_input ? place.bytes : 0);
          EXPECT_EQ(length(place.output), place.has_output ? place.bytes : 0);
        }
      }
    }
  }
}

TEST(Layout, places_vector_blocks_at_their_displacements) {
  Call call;
  call.collective = Collective::all_gather;
  call.type = ElementType::int64;
  call.counts = {2, 0, 3};
  call.displacements = {10, 0, 1};
  const auto places = layout(call, 2, 3, 3);
  EXPECT_EQ(places[0].output.front().offset, 80U);
  EXPECT_EQ(places[0].output.front().bytes, 16U);
  EXPECT_TRUE(places[1].output.empty());
  EXPECT_EQ(places[2].output.front().offset, 8U);
  EXPECT_EQ(places[2].input.front().offset, 0U);
  EXPECT_EQ(places[2].input.front().buffer, kSendBuffer);
}

TEST(Layout, of_fused_calls_goes_through_their_buffers_in_order) {
  Call call;
  call.type = ElementType::float32;
  call.fused_counts = {1, 0, 4};
  call.count = 5;
  const auto places = layout(call, 0, 2, 1);
  ASSERT_EQ(places[0].input.size(), 2U);
  EXPECT_EQ(places[0].input[0].buffer, 1U);
  EXPECT_EQ(places[0].input[1].buffer, 5U);
  EXPECT_EQ(places[0].output[1].buffer, 6U);
  EXPECT_EQ(places[0].bytes, 20U);
}

}  // namespace
}  // namespace tutti
