// How ranks and processes are named in sentences.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/failure.hpp"

namespace tutti {

/// "host node7, pid 4711": this process.
[[nodiscard]] std::string describe_self();

/// "rank 3", "ranks 2 and 5", "ranks 0, 1, 2 and 60 others". Ascending.
[[nodiscard]] std::string ranks_text(const std::vector<int>& ranks);

/// "60 s", "1.5 s", "200 ms"
[[nodiscard]] std::string duration_text(long long milliseconds);

/// A failure as it travels between processes.
struct FailureReport {
  Code code = Code::internal_error;
  int rank = -1;  // at fault; -1: none
  std::string sentence;
};
[[nodiscard]] std::string pack(const FailureReport& verdict);
[[nodiscard]] FailureReport own_failure(const Failure& failure);
/// What cannot be read becomes an internal_error that says so.
[[nodiscard]] FailureReport unpack_report(std::string_view payload);

}  // namespace tutti
