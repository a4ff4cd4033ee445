// tcp: ranks on different hosts (or where shared memory is not to be used), over ordinary sockets.
//
// A connection is one to a few sockets, opened by its writer; nothing flows back on them. Each rank has one
// listening socket. No byte from a client is looked at before the client has proved that it knows the
// communicator's secret (hello.hpp). See README.md for how messages lie on the sockets.
#pragma once

#include <memory>

#include "transport/transport.hpp"

namespace tutti {

/// Listens at once; throws invalid_argument or system_error when interface, family or port settings leave
/// nothing. `world` outlives the transport; its communicator, host_of and sign need to be there only at
/// meet().
[[nodiscard]] std::unique_ptr<Transport> make_tcp_transport(const World& world);

}  // namespace tutti
