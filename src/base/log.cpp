#include "base/log.hpp"

#include <array>
#include <atomic>
#include <climits>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include "base/settings.hpp"

namespace tutti {
namespace {

constexpr std::array<std::string_view, 6> kLevelNames = {"trace", "debug", "info", "warn", "error", "off"};

thread_local int thread_rank = -1;

/// Our names, and the ones that users of NCCL_DEBUG have in their fingers; any case.
std::optional<LogLevel> level_named(std::string name) {
  for (char& letter : name) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  for (std::size_t index = 0; index < kLevelNames.size(); ++index) {
    if (name == kLevelNames[index]) return static_cast<LogLevel>(index);
  }
  if (name == "version" || name == "warning") return LogLevel::warn;
  if (name == "abort") return LogLevel::trace;
  if (name == "none") return LogLevel::off;
  return std::nullopt;
}

std::string this_host() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return std::string(name.data());
}

/// A file name of TUTTI_LOG_FILE: %h becomes the host and %p the process, so that ranks can have a file each.
std::string expanded(const std::string& pattern, const std::string& host) {
  std::string path;
  for (std::size_t index = 0; index < pattern.size(); ++index) {
    const char next = index + 1 < pattern.size() ? pattern[index + 1] : '\0';
    if (pattern[index] == '%' && next == 'h') {
      path += host, ++index;
    } else if (pattern[index] == '%' && next == 'p') {
      path += std::to_string(::getpid()), ++index;
    } else {
      path += pattern[index];
    }
  }
  return path;
}

class Log {
 public:
  Log() : host_(this_host()) {
    const std::string file = environment("TUTTI_LOG_FILE");
    logger_ = std::make_unique<spdlog::logger>("tutti", sink(file));
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::trace);  // the threshold is ours, tested before a sentence is formatted
    logger_->flush_on(spdlog::level::trace);   // a process that dies must not take its last line along
    choose_threshold();
  }

  // relaxed: the threshold publishes nothing but itself.
  [[nodiscard]] int threshold() const noexcept { return threshold_.load(std::memory_order_relaxed); }
  void set_threshold(LogLevel level) noexcept {
    threshold_.store(static_cast<int>(level), std::memory_order_relaxed);  // likewise
  }

  void write(LogLevel level, std::string_view sentence) {
    const std::string rank = thread_rank < 0 ? "-" : std::to_string(thread_rank);
    logger_->log(spdlog::level::info, "{}:{}:{} {} {}", host_, ::getpid(), rank,
                 kLevelNames.at(static_cast<std::size_t>(level)), sentence);
  }

 private:
  [[nodiscard]] spdlog::sink_ptr sink(const std::string& file) const {
    if (!file.empty()) {
      const std::string path = expanded(file, host_);
      try {
        return std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "tutti: TUTTI_LOG_FILE=%s: %s; logging to standard error\n", file.c_str(),
                     error.what());
      }
    }
    return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }

  void choose_threshold() {
    for (const char* variable : {"TUTTI_LOG_LEVEL", "TUTTI_DEBUG"}) {
      const std::string value = environment(variable);
      if (value.empty()) continue;
      if (const auto level = level_named(value)) return set_threshold(*level);
      write(LogLevel::warn, fmt::format("{}={} is not a log level; allowed are {}", variable, value,
                                        "trace, debug, info, warn, error and off"));
    }
  }

  std::string host_;
  std::unique_ptr<spdlog::logger> logger_;
  std::atomic<int> threshold_{static_cast<int>(LogLevel::warn)};
};

/// Made at the first use and never destroyed, so that lines written while the process exits still appear.
/// nullptr where it could not be made: nothing is logged then.
Log* the_log() noexcept {
  static Log* const log = []() noexcept -> Log* {
    try {
      return std::make_unique<Log>().release();
    } catch (...) {
      return nullptr;
    }
  }();
  return log;
}

}  // namespace

bool log_enabled(LogLevel level) noexcept {
  const Log* log = the_log();
  return log != nullptr && level != LogLevel::off && static_cast<int>(level) >= log->threshold();
}

void set_log_level(LogLevel level) noexcept {
  if (Log* log = the_log()) log->set_threshold(level);
}

void log_line(LogLevel level, std::string_view sentence) noexcept {
  try {
    if (Log* log = the_log()) log->write(level, sentence);
  } catch (...) {
    // A log that cannot be written must not take the program down.
  }
}

void set_log_rank(int rank) noexcept {
  thread_rank = rank;
}

}  // namespace tutti
