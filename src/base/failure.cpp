#include "base/failure.hpp"

#include <thread>

namespace tutti {

namespace {
constexpr int kVerdict_ms = 500;                        // for the control plane to say who began
constexpr auto kGlance = std::chrono::milliseconds(2);  // between looks for it
}  // namespace

void Failure::Record::write(Code its_code, int its_rank, std::string its_sentence) noexcept {
  int expected = kNone;
  // relaxed: taking the right to write publishes nothing; the release store below does.
  if (!state.compare_exchange_strong(expected, kWriting, std::memory_order_relaxed)) return;
  code = its_code;
  rank = its_rank;
  sentence = std::move(its_sentence);
  settles = after_ms(kVerdict_ms);
  state.store(kWritten, std::memory_order_release);
}

void Failure::report(Code code, int rank, std::string sentence) noexcept {
  verdict_.write(code, rank, std::move(sentence));
  // release: the record comes before. Not if another thread is still writing it: that one will say so.
  if (verdict_.written()) failed_.store(true, std::memory_order_release);
}

void Failure::suspect(Code code, int rank, std::string sentence) noexcept {
  suspicion_.write(code, rank, std::move(sentence));
  if (suspicion_.written()) failed_.store(true, std::memory_order_release);  // release: as above
}

bool Failure::settled() const noexcept {
  return failed() && (verdict_.written() || passed(suspicion_.settles));
}

void Failure::throw_settled() const {
  while (!settled()) std::this_thread::sleep_for(kGlance);
  const Record& why = known();
  throw Error(why.code, why.sentence, why.rank);
}

}  // namespace tutti
