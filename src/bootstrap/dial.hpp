// The client's side of a connection: find, among the addresses where a peer may be, the one where a process
// answers that knows the secret. These functions wait (in poll, until a deadline); they are for set-up.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/network.hpp"
#include "bootstrap/channel.hpp"

namespace tutti {

/// Whom to call, and how long to insist.
struct Destination {
  std::string whom;                      // "the root of the rendezvous", for messages
  std::vector<SocketAddress> addresses;  // best first
  Secret secret{};
  std::uint64_t context = 0;
  Deadline deadline;
  /// When every address refuses: give up after so long, so that a dead peer is an error at once and not at
  /// the deadline.
  int refusal_ms = 2'000;
};

/// A channel whose peer has proved itself. An address behind which somebody else answers, or nobody, is
/// passed over. Throws system_error (all refused) or timeout, with every address and what happened there.
[[nodiscard]] std::unique_ptr<Channel> dial(const Destination& call);

/// The next frame; nothing at the deadline, or when the channel has closed (ask it).
[[nodiscard]] std::optional<Frame> await_frame(Channel& channel, Deadline deadline);

}  // namespace tutti
