// How often instructions.py wants a benchmark's loop to run.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <benchmark/benchmark.h>

namespace tutti {

/// The difference of two runs is what calls alone take. Without a wish, Google Benchmark decides.
inline void as_often_as_asked(benchmark::internal::Benchmark* measured) {
  const char* const calls_wanted = std::getenv("TUTTI_BENCHMARK_CALLS");
  const std::string_view text = calls_wanted == nullptr ? "" : calls_wanted;
  std::int64_t calls = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), calls).ec == std::errc())
    measured->Iterations(calls);
}

}  // namespace tutti
