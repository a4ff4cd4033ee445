// TUTTI_ASSERT(condition, values...): a broken invariant prints the values and aborts. Always on: keep it off
// per-byte loops.
#pragma once

#include <tuple>

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace tutti {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const std::string& values) noexcept;

}  // namespace tutti

#define TUTTI_ASSERT(condition, ...)                                              \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::tutti::assertion_failed(#condition, __FILE__, __LINE__,                   \
                                fmt::format("{}", std::make_tuple(__VA_ARGS__))); \
  } while (false)
