#include "api/group.hpp"
#include "api/guard.hpp"
#include "base/log.hpp"

namespace tutti::api {

std::string& thread_error() noexcept {
  static thread_local std::string sentence;
  return sentence;
}

tuttiResult_t record(tuttiComm_t comm, Code code, const char* sentence) noexcept {
  try {
    const bool alive = comm != nullptr && comm->magic == tuttiComm::kAlive;
    std::string& place = alive ? comm->last_error : thread_error();
    place = (alive && comm->communicator ? comm->communicator->label() : std::string()) + sentence;
    if (in_group()) group_failed(code, place.c_str());
    TUTTI_LOG(info, "{}", place);
  } catch (...) {  // without memory for the sentence the code has to do
  }
  return static_cast<tuttiResult_t>(code);
}

}  // namespace tutti::api

extern "C" {

const char* tuttiGetErrorString(tuttiResult_t result) {
  switch (result) {
    case tuttiSuccess: return "no error";
    case tuttiUnhandledDeviceError: return "a device call failed";
    case tuttiSystemError: return "the operating system refused a call";
    case tuttiInternalError: return "internal error: please report it";
    case tuttiInvalidArgument: return "invalid argument";
    case tuttiInvalidUsage: return "invalid usage";
    case tuttiRemoteError: return "another rank died, aborted or cannot be reached";
    case tuttiInProgress: return "in progress";
    case tuttiTimeout: return "timeout";
    case tuttiNumResults: break;
  }
  return "unknown result code";
}

const char* tuttiGetLastError(tuttiComm_t comm) {
  const bool alive = comm != nullptr && comm->magic == tuttiComm::kAlive;
  if (alive && !comm->last_error.empty()) return comm->last_error.c_str();
  // It has failed between calls, as tuttiCommGetAsyncError says.
  if (alive && comm->communicator && comm->communicator->failure().failed())
    return comm->communicator->failure().sentence().c_str();
  // The calls of a group fail in tuttiGroupEnd, which is given no communicator.
  return tutti::api::thread_error().c_str();
}

tuttiResult_t tuttiGetVersion(int* version) {
  if (version == nullptr)
    return tutti::api::record(nullptr, tutti::Code::invalid_argument, "version: NULL given");
  *version = TUTTI_VERSION_CODE;
  return tuttiSuccess;
}

}  // extern "C"
