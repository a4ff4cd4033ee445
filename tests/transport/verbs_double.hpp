// A double of libibverbs: RDMA devices made of software, behind the transport's table of functions.
//
// Its queue pairs are reliable-connected and write: between all contexts of this process, with the checks
// that a device makes (keys, bounds, states, receives). A test can make any call fail and any completion bad.
// It counts what lives, so that a test sees what leaks. One fabric for the process; any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "transport/verbs/table.hpp"

namespace tutti::verbs_double {

struct Options {
  int devices = 1;
  /// Requests are carried out by a thread of the fabric's own, some time after they were posted.
  bool delayed = false;
};

/// Sets up a fresh fabric; everything of the one before must be gone.
void reset(const Options& options = {});
[[nodiscard]] const verbs::Table& table();

/// The call with this number (from 0, counted from now on over all functions that may fail) fails; -1: none.
void fail_call(long number);
/// How many calls there were since. And the name of the one that failed, or empty.
[[nodiscard]] long calls();
[[nodiscard]] std::string failed_call();

/// Asked for every request that is carried out: its completion's status. Anything but success is not carried
/// out, and its queue pair fails.
using Judge = std::function<ibv_wc_status(std::uint32_t queue_pair, const ibv_send_wr& request)>;
void judge(Judge judge);

/// Every context reports it.
void raise(ibv_event_type type, int port = 1);

/// Objects that were made and not destroyed: contexts, domains, regions, channels, queues, pairs.
[[nodiscard]] std::size_t living();

}  // namespace tutti::verbs_double
