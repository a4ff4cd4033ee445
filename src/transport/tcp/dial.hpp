// Connecting the sockets of a connection to where a peer listens. The kernel of the peer completes a
// connection by itself, so this waits for the network but never for the peer.
#pragma once

#include <vector>

#include "transport/tcp/address.hpp"

namespace tutti::tcp {

struct Dialled {
  std::vector<FileDescriptor> sockets;
  const Way* way = nullptr;  // of the first socket
};
/// Connects `count` sockets, spread over the ways; where one does not lead to the peer, by the next that
/// does. Throws remote_error that says for each way why it failed; `peer` is the rank.
[[nodiscard]] Dialled dial(const std::vector<Way>& ways, int count, int peer, Deadline deadline);

}  // namespace tutti::tcp
