// Threads of this process that serve a rendezvous in the background. They end by themselves; what still runs
// when the process exits is stopped and joined then, so that no thread outlives what it uses.
#pragma once

#include <functional>
#include <memory>

#include "bootstrap/rendezvous_server.hpp"

namespace tutti {

/// Runs `server` in a thread of its own, then `at_end` (which must not throw). Throws system_error when no
/// thread can be had.
void host(std::unique_ptr<RendezvousServer> server, std::function<void()> at_end = {});

}  // namespace tutti
