// The log: spdlog behind one function. Levels error, warn, info, debug, trace; TUTTI_LOG_LEVEL (or
// TUTTI_DEBUG) sets the threshold, warn by default. Never called on the path of a cached plan.
#pragma once

#include <string_view>

#include <fmt/core.h>

namespace tutti {

enum class LogLevel : int { trace = 0, debug = 1, info = 2, warn = 3, error = 4, off = 5 };

[[nodiscard]] bool log_enabled(LogLevel level) noexcept;
void set_log_level(LogLevel level) noexcept;
/// Writes one line to standard error (or TUTTI_LOG_FILE), "host:pid:rank level sentence". Any thread.
void log_line(LogLevel level, std::string_view sentence) noexcept;
/// The rank that this thread's lines name; -1: none yet.
void set_log_rank(int rank) noexcept;

}  // namespace tutti

#define TUTTI_LOG(level, ...)                                                \
  do {                                                                       \
    if (::tutti::log_enabled(::tutti::LogLevel::level))                      \
      ::tutti::log_line(::tutti::LogLevel::level, fmt::format(__VA_ARGS__)); \
  } while (false)
