// Groups and works of tutti.h.
#include <thread>

#include "api/group.hpp"
#include "api/guard.hpp"
#include "base/clock.hpp"

/// What a tuttiWork_t points to.
struct tuttiWork {
  std::shared_ptr<tutti::Work> work;
  std::vector<tutti::Communicator*> communicators;  // whose queues a waiter helps along
};

namespace tutti::api {
namespace {

tuttiWork& work_of(tuttiWork_t work) {
  if (work == nullptr)
    fail(Code::invalid_argument, "work: NULL given, a work of tuttiGroupEndAsync expected");
  return *work;
}

void help(tuttiWork& handle) {
  for (Communicator* communicator : handle.communicators) communicator->engine().help();
}

}  // namespace
}  // namespace tutti::api

using namespace tutti;
using namespace tutti::api;

extern "C" {

tuttiResult_t tuttiGroupStart(void) {
  group_start();
  return tuttiSuccess;
}

tuttiResult_t tuttiGroupEnd(void) {
  return guarded(nullptr, [&] { (void)group_end(); });
}

tuttiResult_t tuttiGroupEndAsync(tuttiWork_t* work) {
  return guarded(nullptr, [&] {
    if (work == nullptr) fail(Code::invalid_argument, "work: NULL given, a place for the work expected");
    *work = nullptr;
    auto handle = std::make_unique<tuttiWork>();
    handle->work = group_end_async(handle->communicators);
    *work = handle.release();
  });
}

tuttiResult_t tuttiWorkWait(tuttiWork_t work, int timeoutMs) {
  bool in_time = true;
  const tuttiResult_t result = guarded(nullptr, [&] {
    tuttiWork& handle = work_of(work);
    const Deadline deadline = after_ms(timeoutMs);
    while (!handle.work->done() && in_time) {
      help(handle);
      in_time = timeoutMs < 0 || !passed(deadline);
    }
    in_time = handle.work->done();
    if (in_time) handle.work->check();
  });
  return result == tuttiSuccess && !in_time ? tuttiInProgress : result;
}

tuttiResult_t tuttiWorkTest(tuttiWork_t work, int* done) {
  return guarded(nullptr, [&] {
    tuttiWork& handle = work_of(work);
    if (done == nullptr) fail(Code::invalid_argument, "done: NULL given, a place for a number expected");
    *done = handle.work->done() ? 1 : 0;
    if (*done == 1) handle.work->check();
  });
}

tuttiResult_t tuttiWorkFree(tuttiWork_t work) {
  if (work == nullptr) return tuttiSuccess;
  return guarded(nullptr, [&] {
    const std::unique_ptr<tuttiWork> owner(work);
    while (!work->work->done()) help(*work);
  });
}

}  // extern "C"
