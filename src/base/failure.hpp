// The first failure of a communicator, kept whole. Transports, the control plane and the user's abort report
// into it; waiting loops look at it. Reporting and testing never block and never throw.
#pragma once

#include <atomic>
#include <string>

#include "base/error.hpp"

namespace tutti {

class Failure {
 public:
  /// Records the failure unless there was one before. Any thread. `rank` is the rank at fault or -1.
  void report(Code code, int rank, std::string sentence) noexcept;

  /// Any thread; one load.
  [[nodiscard]] bool failed() const noexcept {
    // acquire: whoever sees the state sees the sentence that was stored before it.
    return state_.load(std::memory_order_acquire) == kRecorded;
  }

  /// Meaningful once failed().
  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] const std::string& sentence() const noexcept { return sentence_; }

  /// Throws the recorded failure as an Error, if there is one. For set-up paths that wait.
  void check() const {
    if (failed()) throw Error(code_, sentence_, rank_);
  }

 private:
  static constexpr int kNone = 0, kWriting = 1, kRecorded = 2;
  std::atomic<int> state_{kNone};
  Code code_ = Code::success;
  int rank_ = -1;
  std::string sentence_;
};

}  // namespace tutti
