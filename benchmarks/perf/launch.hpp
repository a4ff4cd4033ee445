// Who takes part: local processes and threads that this program starts, or the processes of a launcher.
#pragma once

#include <functional>

#include <tutti/tutti.h>

#include "meeting.hpp"
#include "options.hpp"

namespace perf {

/// One rank that has joined.
struct Member {
  tuttiComm_t comm;
  Meeting& meeting;
  int rank, ranks;
};

inline constexpr int kExitRight = 0, kExitWrongResults = 1, kExitError = 2;

/// Runs `body` on every rank, and returns the exit status of this process (in processes that are started
/// here, too: they return from this call as ranks). A rank that fails says why and brings the others down.
[[nodiscard]] int run_ranks(const Options& options, const std::function<int(const Member&)>& body);

}  // namespace perf
