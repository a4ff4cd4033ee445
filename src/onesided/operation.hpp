// A one-sided call under way: what was asked for, and how far it has come. Exchange::advance() moves it on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.hpp"

namespace tutti::onesided {

struct Window;

/// So many signals of one peer.
struct Awaited {
  std::uint64_t count;
  int peer;
  int signal;
};

struct Operation {
  enum class Kind : std::uint8_t {
    put,     // bytes to a peer's window, then perhaps a signal
    wait,    // for signals
    flush,   // until all that this rank has put has landed
    fence,   // until nobody puts into the window any more; all ranks
    leave,   // tells all peers that nothing follows
    depart,  // likewise, and waits until all have told so
  };
  Kind kind = Kind::put;
  int peer = 0;
  const Window* window = nullptr;
  std::size_t offset = 0;
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  int signal = -1;  // none
  std::span<const Awaited> awaited = {};

  // How far it is.
  bool begun = false;
  std::size_t sent = 0;
  std::size_t next = 0;  // awaited signals, or ranks told

  // For whoever waits: since when nothing has moved.
  unsigned idle_polls = 0;
  Clock::time_point idle_since{};
};

}  // namespace tutti::onesided
