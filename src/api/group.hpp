// Groups: calls between tuttiGroupStart and tuttiGroupEnd are collected by the calling thread, then issued
// together: small all-reduces of one type and operator as one, and all point-to-point messages at once.
#pragma once

#include <memory>
#include <vector>

#include "comm/communicator.hpp"

namespace tutti::api {

/// A one-sided call of a group.
class OneSidedTask final : public Task {
 public:
  OneSidedTask(Communicator& comm, const onesided::Operation& operation)
      : comm_(comm), awaited_(operation.awaited.begin(), operation.awaited.end()), operation_(operation) {
    operation_.awaited = awaited_;
  }
  OneSidedTask(const OneSidedTask&) = delete;
  OneSidedTask& operator=(const OneSidedTask&) = delete;

  /// It may need others to do something first.
  [[nodiscard]] bool waits() const noexcept { return operation_.kind != onesided::Operation::Kind::put; }
  void run() { comm_.run(operation_); }
  [[nodiscard]] bool advance(int microseconds) override {
    return comm_.one_sided().advance(operation_, microseconds);
  }

 private:
  Communicator& comm_;
  std::vector<onesided::Awaited> awaited_;
  onesided::Operation operation_;
};

/// A call with its buffers, as the user made it. The input of a pre-multiplying operator is prepared when it
/// is issued.
struct Pending {
  Communicator* comm;
  Call call;
  std::vector<std::byte*> buffers;
  const PreMultiply* multiply = nullptr;
  std::shared_ptr<OneSidedTask> one_sided = nullptr;  // then nothing else of this counts but comm
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
