// A double of libibverbs: RDMA devices made of software, behind the transport's table of functions.
//
// Its queue pairs are reliable-connected, write and read: between all contexts of this process, with the
// checks that a device makes (keys, bounds, states, receives). A test can make any request fail, and rails
// die; verbs_faults.hpp makes calls fail. It counts what lives, so that a test sees what leaks. One fabric
// for the process; any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "transport/verbs/table.hpp"

namespace tutti::verbs_double {

struct Options {
  int devices = 1;
  /// Requests are carried out by a thread of the fabric's own, some time after they were posted.
  bool delayed = false;
  bool relaxes = true;  // devices take relaxed ordering
};

/// Sets up a fresh fabric; everything of the one before must be gone.
void reset(const Options& options = {});
[[nodiscard]] const verbs::Table& table();

/// Asked for every request that is carried out: its completion's status. Anything but success is not carried
/// out, and its queue pair fails.
using Judge = std::function<ibv_wc_status(std::uint32_t queue_pair, const ibv_send_wr& request)>;
void judge(Judge judge);

/// How a rail dies: a device of one name is one end's and the other's.
enum class Manner {
  cut,      // nothing arrives any more; after a while the retries are exhausted
  unheard,  // likewise, but the last few requests did arrive: only their acknowledgements did not
  late,  // likewise, but the last few arrive long after the sender gave up, if their target still takes them
  slow,  // likewise, but the last few arrived and were acknowledged: only their target's rank is told late
  down,  // likewise cut, and the port of the end that posts says so
  failed,  // the device of the end that posts fails: event, everything flushed
  mute,    // likewise, but it flushes nothing
  lying,   // the device of the other end acknowledges, tells nobody, and fails like a mute one
};
/// The device with this index dies when the request with this number (from 0, counted from now on, both
/// ends') would be carried out on it; -1: never.
struct Death {
  int device = 0;
  long request = -1;
  Manner manner = Manner::cut;
};
void kill_rail(const Death& death);
/// It has died.
[[nodiscard]] bool rail_is_dead();
/// Nothing lives any more of the queue pairs that were on it when it died.
[[nodiscard]] bool rail_is_left();
/// It is as it was; queue pairs that have failed remain so. What still travels arrives; a port that went down
/// says that it is up.
void mend_rail();
/// At least as many queue pairs are connected on it as when it died, and have sent all that was posted: some
/// may just have been on their way back to it.
[[nodiscard]] bool rail_is_used();

/// Every context reports it.
void raise(ibv_event_type type, int port = 1);

/// The access flags of the regions that live, in the order in which they were registered.
[[nodiscard]] std::vector<int> accesses();

/// Objects that were made and not destroyed: contexts, domains, regions, channels, queues, pairs.
[[nodiscard]] std::size_t living();

}  // namespace tutti::verbs_double
