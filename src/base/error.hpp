// Errors of set-up and control paths: a code and one sentence (what, where, the reason, the remedy). The
// progress path throws nothing; it records into a Failure (failure.hpp).
#pragma once

#include <stdexcept>
#include <string>

#include <fmt/core.h>

namespace tutti {

/// The values are those of tuttiResult_t (and of ncclResult_t).
enum class Code : int {
  success = 0,
  device_error = 1,
  system_error = 2,
  internal_error = 3,
  invalid_argument = 4,
  invalid_usage = 5,
  remote_error = 6,
  in_progress = 7,
  timeout = 8,
};

class Error : public std::runtime_error {
 public:
  /// `rank`: the rank at fault, -1 when none is.
  Error(Code code, const std::string& sentence, int rank = -1)
      : std::runtime_error(sentence), code_(code), rank_(rank) {}
  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }

 private:
  Code code_;
  int rank_;
};

template <typename... Args>
[[noreturn]] void fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws system_error: "<what>: <the text of error_number>". `what` names the call and its object.
[[noreturn]] void fail_errno(int error_number, const std::string& what);

/// "Connection refused (errno 111)", thread-safe; with what to do where the limit of open files is the cause.
[[nodiscard]] std::string errno_text(int error_number);

}  // namespace tutti
