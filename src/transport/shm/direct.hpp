// Writing into a peer's memory by one system call, process_vm_writev: one copy, no slot, and nothing of the
// peer's. Kernels permit it to whom they would permit to debug (same user, and Yama's ptrace_scope 0; ranks
// within one process always): whether they do is tried when a window is reached, by reading a number that
// only the right process has at the right place.
#pragma once

#include <memory>
#include <string>

#include "transport/shm/station.hpp"

namespace tutti::shm {

/// What peers need.
[[nodiscard]] std::string describe_exposed(const Station& station, const std::byte* data);

/// nullptr: it is not permitted, or `exposed` makes no sense.
[[nodiscard]] std::unique_ptr<Reach> reach_directly(std::shared_ptr<Station> station, int peer,
                                                    const std::string& exposed);

}  // namespace tutti::shm
