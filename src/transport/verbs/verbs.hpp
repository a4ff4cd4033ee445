// verbs: ranks whose hosts have RDMA devices (InfiniBand, RoCE), by reliable-connected queue pairs.
//
// libibverbs is loaded when the transport is made. See README.md for what goes over the wire.
#pragma once

#include <memory>

#include "transport/transport.hpp"

namespace tutti {

namespace verbs {
struct Table;
}

/// Opens the devices and listens. Throws system_error that says why there is no RDMA here, and
/// invalid_argument for settings that are wrong. `world` outlives the transport; its communicator, host_of
/// and sign need to be there only at meet().
[[nodiscard]] std::unique_ptr<Transport> make_verbs_transport(const World& world);
/// With these functions instead of libibverbs'.
[[nodiscard]] std::unique_ptr<Transport> make_verbs_transport(const World& world, const verbs::Table& table);

}  // namespace tutti
