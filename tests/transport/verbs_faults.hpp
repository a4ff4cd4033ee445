// Faults between the transport and libibverbs: a table around another one's functions, in which any call can
// be made to fail, any completion of a send to be a bad one, completions to come late or never, and devices
// to say anything. Around the double's functions and around the real ones. One for the process, since
// functions of a table know no object; any thread.
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

/// What becomes of all completions of a queue from one on.
enum class Mishap {
  late,  // who looks for them looks in vain a good while; then they are there
  lost,  // they never come, and the device says that it has failed
};
/// It happens to the one with this number (from 0, counted from now on over all queues); -1: none.
void hold_completions(long number, Mishap mishap);
[[nodiscard]] bool completions_held();

/// When the completion with this number comes, its device says this, of its first port where it is of one;
/// -1: never.
void raise_event(long number, ibv_event_type type);
[[nodiscard]] bool event_raised();

/// Objects that were made by the table and not destroyed.
[[nodiscard]] long living();

}  // namespace tutti::verbs_faults
