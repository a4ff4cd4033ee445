#include "transport/mismatch.hpp"

#include <fmt/core.h>

namespace tutti {
namespace {

std::string described(Announced message, TagDescriber describe) {
  const std::string call = describe == nullptr ? "" : describe(message.tag);
  return call.empty() ? fmt::format("{} bytes with tag {}", message.bytes, message.tag)
                      : fmt::format("{} bytes of {}", message.bytes, call);
}

}  // namespace

std::string mismatch_sentence(const std::string& writer, Announced sent, int reader, Announced awaited,
                              TagDescriber describe) {
  return fmt::format(
      "{} sent {} where rank {} awaits {}: the two ranks called different collectives, "
      "or the same with different counts, types, operators or roots",
      writer, described(sent, describe), reader, described(awaited, describe));
}

}  // namespace tutti
