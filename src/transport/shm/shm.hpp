// The shared-memory transport: connections between the ranks of one host, processes or threads.
//
// Each connection is a memfd that its writer makes and passes to its readers over a Unix socket in the
// abstract namespace: nothing has a name in a file system, so nothing is left behind however a process ends,
// and the size of /dev/shm does not matter. See README.md of src/transport and segment.hpp for how bytes
// move, sleeper.hpp for how ranks sleep, neighbours.hpp for how they find each other and notice deaths.
#pragma once

#include <memory>

#include "transport/transport.hpp"

namespace tutti {

/// `world` outlives the transport; its host_of, communicator, oversubscribed and sign are looked at from
/// meet() on.
[[nodiscard]] std::unique_ptr<Transport> make_shm_transport(const World& world);

}  // namespace tutti
