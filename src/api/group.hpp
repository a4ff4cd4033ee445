// Groups: calls between tuttiGroupStart and tuttiGroupEnd are collected by the calling thread, then issued
// together: small all-reduces of one type and operator as one, and all point-to-point messages at once.
#pragma once

#include <memory>
#include <vector>

#include "comm/communicator.hpp"

namespace tutti::api {

/// A call with its buffers, as the user made it. The input of a pre-multiplying operator is prepared when it
/// is issued.
struct Pending {
  Communicator* comm;
  Call call;
  std::vector<std::byte*> buffers;
  const PreMultiply* multiply = nullptr;
};

/// The calling thread has an open group.
[[nodiscard]] bool in_group() noexcept;
void group_start() noexcept;
/// A call within the group failed: nothing of the group will be sent, and its end fails with the first such
/// error.
void group_failed(Code code, const char* sentence);
/// Adds to the open group, or issues at once.
void submit(Pending pending);
/// Closes the innermost group; the outermost issues its calls and waits.
void group_end();
/// Closes the outermost group and issues its calls; `communicators` get those whose queues hold them.
[[nodiscard]] std::shared_ptr<Work> group_end_async(std::vector<Communicator*>& communicators);

}  // namespace tutti::api
