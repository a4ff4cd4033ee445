// The C boundary: the handle behind tuttiComm_t, and the one place where exceptions become codes.
#pragma once

#include <list>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <tutti/tutti.h>

#include "comm/communicator.hpp"

/// What a tuttiWindow_t points to.
struct tuttiWindow {
  tutti::onesided::Window* window;
};

/// What a tuttiComm_t points to.
struct tuttiComm {
  static constexpr unsigned kAlive = 0x74757474;
  unsigned magic = kAlive;  // a handle that was destroyed is recognised while its memory is still there
  std::unique_ptr<tutti::Communicator> communicator;
  std::string last_error;
  struct Registration {
    void* data;
    std::size_t bytes;
  };
  std::list<Registration> registrations;          // of tuttiCommRegister; a handle is the address of an entry
  std::list<tuttiWindow> windows;                 // of tuttiWindowRegister
  std::vector<tutti::onesided::Awaited> awaited;  // by the call of tuttiWaitSignal at hand
  ~tuttiComm() { magic = 0; }
};

namespace tutti::api {

/// The sentence of the calling thread's last failed call without a communicator.
std::string& thread_error() noexcept;

/// Keeps the sentence where tuttiGetLastError finds it.
tuttiResult_t record(tuttiComm_t comm, Code code, const char* sentence) noexcept;

/// The communicator behind a handle; throws invalid_argument for NULL or a destroyed one.
inline Communicator& communicator_of(tuttiComm_t comm) {
  if (comm == nullptr) fail(Code::invalid_argument, "comm: NULL given, a communicator expected");
  if (comm->magic != tuttiComm::kAlive) fail(Code::invalid_argument, "comm: the communicator was destroyed");
  return *comm->communicator;
}

/// Runs the body; what it throws becomes a code, and its sentence the last error of `comm` (or of the
/// thread).
template <typename Body>
tuttiResult_t guarded(tuttiComm_t comm, const Body& body) noexcept {
  try {
    body();
    return tuttiSuccess;
  } catch (const Error& error) {
    return record(comm, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return record(comm, Code::system_error, "out of memory");
  } catch (const std::exception& error) {
    return record(comm, Code::internal_error, error.what());
  }
}

}  // namespace tutti::api
