// One socket for both directions between two ranks.
//
// A connection has sockets of its own, and what is read from them must be acknowledged: a system call's worth
// of work for each small message, on the reader's core. Where two ranks also write to each other, an answer
// can carry the acknowledgement, if it takes the same socket. So the higher of the two ranks turns: as soon
// as the lower rank's first socket is here it writes a mark as the last thing on its own first socket, and
// goes on on that one. The reader follows when it finds the mark. Which end turns is fixed, so nobody has to
// agree on anything, and no message changes its order.
#pragma once

#include "base/handle.hpp"
#include "transport/tcp/message.hpp"

namespace tutti::tcp {

/// What the two connections between two ranks share, at one of the ranks.
struct Twin {
  /// The lower rank's first socket, once it is open: what the higher rank writes to and the lower reads.
  FileDescriptor socket;
};

/// No message is so long.
inline constexpr Header kTurnMark{~std::uint64_t{0}, 0, 0, {}};

[[nodiscard]] inline bool is_turn_mark(const Header& header) noexcept {
  return header.bytes == kTurnMark.bytes;
}

}  // namespace tutti::tcp
