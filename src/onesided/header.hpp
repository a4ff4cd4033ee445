// What travels ahead of every put and every word between two ranks' one-sided halves: one message of fixed
// length, so that both ends know it beforehand. Short data lie in it; longer ones follow in messages of
// their own, in pieces of Exchange::piece_bytes().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "transport/transport.hpp"

namespace tutti::onesided {

/// Signals that each rank keeps for each peer; TUTTI_NUM_SIGNALS of tutti.h.
inline constexpr int kSignals = 64;

enum class Word : std::uint8_t {
  put = 1,  // data for a window, a signal, or both
  fence,    // nothing follows for this window
  ask,      // say when all before this has landed
  landed,   // it has
  leave,    // nothing follows at all
};

struct Header {
  static constexpr std::size_t kWithin = 32;
  static constexpr std::uint8_t kNoSignal = 0xff;

  Word word = Word::put;
  std::uint8_t signal = kNoSignal;
  std::uint16_t unused = 0;
  std::uint32_t window = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::array<std::byte, kWithin> data{};
};
static_assert(std::is_trivially_copyable_v<Header> && sizeof(Header) == 56,
              "no padding; shared memory carries so much in one cache line");
static_assert(kSignals < Header::kNoSignal);

inline constexpr Tag kTag = 0xffff'ff01;

}  // namespace tutti::onesided
