#include "bootstrap/describe.hpp"

#include <algorithm>

#include <unistd.h>

#include "base/network.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

std::string describe_self() {
  return fmt::format("host {}, pid {}", host_name(), ::getpid());
}

std::string ranks_text(const std::vector<int>& ranks) {
  constexpr std::size_t most = 16;
  if (ranks.empty()) return "no rank";
  if (ranks.size() == 1) return fmt::format("rank {}", ranks[0]);
  const std::size_t listed = ranks.size() > most + 1 ? most : ranks.size() - 1;
  std::string text = "ranks ";
  for (std::size_t index = 0; index < listed; ++index)
    text += fmt::format("{}{}", index > 0 ? ", " : "", ranks[index]);
  if (ranks.size() - listed == 1) return text + fmt::format(" and {}", ranks.back());
  return text + fmt::format(" and {} others", ranks.size() - listed);
}

std::string duration_text(long long milliseconds) {
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  return fmt::format("{:.3g} s", static_cast<double>(milliseconds) / 1000);
}

FailureReport own_failure(const Failure& failure) {
  return {failure.code(), failure.rank(), failure.sentence()};
}

std::string pack(const FailureReport& verdict) {
  return Packer().number(static_cast<int>(verdict.code)).number(verdict.rank).text(verdict.sentence).take();
}

FailureReport unpack_report(std::string_view payload) {
  Unpacker from(payload);
  const int code = from.number<int>();
  const int rank = from.number<int>();
  const std::string_view sentence = from.text();
  const bool known = code > static_cast<int>(Code::success) && code <= static_cast<int>(Code::timeout);
  if (!from.finished() || !known)
    return {Code::internal_error, -1, "a peer reported a failure that cannot be read"};
  return {static_cast<Code>(code), rank, std::string(sentence)};
}

}  // namespace tutti
