#include "transport/mismatch.hpp"

#include <string_view>

#include <fmt/core.h>

namespace tutti {
namespace {

std::string described(Announced message, TagDescriber describe) {
  const std::string call = describe == nullptr ? "" : describe(message.tag);
  return call.empty() ? fmt::format("{} bytes with tag {}", message.bytes, message.tag)
                      : fmt::format("{} bytes of {}", message.bytes, call);
}

constexpr std::string_view kCause =
    "the two ranks called different collectives, or the same with different counts, types, operators or "
    "roots";

}  // namespace

std::string mismatch_sentence(const std::string& writer, Announced sent, int reader, Announced awaited,
                              TagDescriber describe) {
  return fmt::format("{} sent {} where rank {} awaits {}: {}", writer, described(sent, describe), reader,
                     described(awaited, describe), kCause);
}

std::string overtaken_sentence(const std::string& writer, Announced sent, int reader, TagDescriber describe) {
  return fmt::format("{} sent the {} that rank {} awaits, but another message before it: {}", writer,
                     described(sent, describe), reader, kCause);
}

}  // namespace tutti
