#include "base/failure.hpp"

namespace tutti {

void Failure::report(Code code, int rank, std::string sentence) noexcept {
  int expected = kNone;
  // relaxed: taking the right to write publishes nothing; the release store below does.
  if (!state_.compare_exchange_strong(expected, kWriting, std::memory_order_relaxed)) return;
  code_ = code;
  rank_ = rank;
  sentence_ = std::move(sentence);
  state_.store(kRecorded, std::memory_order_release);
}

}  // namespace tutti
