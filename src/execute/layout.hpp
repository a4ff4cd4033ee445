// Where a call's blocks lie in the user's buffers on one rank.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "execute/call.hpp"

namespace tutti {

/// A stretch of one buffer. Buffer 0 is the plan's scratch memory; the user's follow: 1 send, 2 receive, and
/// so on in pairs for fused calls; one per transfer for send_receive.
struct Piece {
  std::uint32_t buffer = 0;
  std::size_t offset = 0;  // bytes
  std::size_t bytes = 0;
};
inline constexpr std::uint32_t kScratchBuffer = 0;
inline constexpr std::uint32_t kSendBuffer = 1;
inline constexpr std::uint32_t kReceiveBuffer = 2;

using Pieces = std::vector<Piece>;

struct BlockPlace {
  std::size_t bytes = 0;
  bool has_input = false;
  bool has_output = false;
  Pieces input;   // where the user put it
  Pieces output;  // where the user wants it
};

/// One entry a block. `blocks`: how many the program has.
[[nodiscard]] std::vector<BlockPlace> layout(const Call& call, Rank rank, int size, int blocks);

/// The stretch [offset, offset + bytes) of the concatenation of `pieces`, appended to `result`; neighbours
/// are joined.
void append_slice(Pieces& result, const Pieces& pieces, std::size_t offset, std::size_t bytes);

/// Share `index` of `parts` of `total` bytes: {offset, bytes}. Shares begin at cache lines where they are
/// long.
struct Share {
  std::size_t offset, bytes;
};
[[nodiscard]] Share share_of(std::size_t total, int index, int parts, std::size_t element_bytes) noexcept;

}  // namespace tutti
