// The first failure of a communicator, kept whole. Transports, the control plane and the user's abort report
// into it; waiting loops look at it. Reporting and testing never block and never throw.
//
// When a rank dies, its peers leave, and their connections end too: the first that a rank notices may be an
// end that is itself a consequence. So a connection that ended is a suspicion. It fails the communicator at
// once, but for a moment a verdict, by whoever knows the cause, still takes its place.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace tutti {

class Failure {
 public:
  /// Records the failure unless there was one before. Any thread. `rank` is the rank at fault or -1.
  void report(Code code, int rank, std::string sentence) noexcept;
  /// Likewise, for an end whose cause somebody else may know: a verdict that is reported later is preferred.
  void suspect(Code code, int rank, std::string sentence) noexcept;

  /// Any thread; one load.
  [[nodiscard]] bool failed() const noexcept {
    // acquire: whoever sees it sees the record that was stored before it.
    return failed_.load(std::memory_order_acquire);
  }
  /// Failed, and no verdict is awaited any more.
  [[nodiscard]] bool settled() const noexcept;

  /// Meaningful once failed().
  [[nodiscard]] Code code() const noexcept { return known().code; }
  [[nodiscard]] int rank() const noexcept { return known().rank; }
  [[nodiscard]] const std::string& sentence() const noexcept { return known().sentence; }

  /// Throws the failure as an Error, if there is one; waits until it is settled, half a second at most.
  void check() const {
    if (failed()) throw_settled();
  }

 private:
  /// Written once, by whoever comes first.
  struct Record {
    static constexpr int kNone = 0, kWriting = 1, kWritten = 2;
    std::atomic<int> state{kNone};
    Code code = Code::success;
    int rank = -1;
    std::string sentence;
    Deadline settles{};

    void write(Code its_code, int its_rank, std::string its_sentence) noexcept;
    [[nodiscard]] bool written() const noexcept {
      // acquire: whoever sees the state sees what was stored before it.
      return state.load(std::memory_order_acquire) == kWritten;
    }
  };
  [[nodiscard]] const Record& known() const noexcept { return verdict_.written() ? verdict_ : suspicion_; }
  [[noreturn]] void throw_settled() const;

  std::atomic<bool> failed_{false};
  Record verdict_, suspicion_;
};

}  // namespace tutti
