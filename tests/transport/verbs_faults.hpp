// Faults between the transport and libibverbs: a table around another one's functions, in which any call can
// be made to fail and any completion of a send to be a bad one. Around the double's functions and around the
// real ones. One for the process, since functions of a table know no object; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "transport/verbs/table.hpp"

namespace tutti::verbs_faults {

/// `inner` outlives its use. There is one at a time: whoever made the one before has no use for it any more.
[[nodiscard]] const verbs::Table& around(const verbs::Table& inner);

/// The call with this number (from 0, counted from now on over all functions that may fail) fails; -1: none.
/// What destroys an object does not fail.
void fail_call(long number);
/// How many calls there were since. And the name of the one that failed, or empty.
[[nodiscard]] long calls();
[[nodiscard]] std::string failed_call();

/// The successful completion of a send with this number (from 0, counted from now on) has this status
/// instead, and its queue pair fails; -1: none. (Receives are spared: what a device took it has acknowledged,
/// so that no real one fails them afterwards.)
void fail_completion(long number, ibv_wc_status status = IBV_WC_SUCCESS);
/// There was such a one.
[[nodiscard]] bool completion_failed();

/// Objects that were made by the table and not destroyed.
[[nodiscard]] long living();

}  // namespace tutti::verbs_faults
