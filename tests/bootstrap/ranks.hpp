// Ranks as threads of the test: each runs the same body with its number, and what it throws is kept.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/settings.hpp"

namespace tutti::testing {

/// How a rank's body ended.
struct Outcome {
  Code code = Code::success;
  int rank_at_fault = -1;
  std::string sentence;
};

inline std::vector<Outcome> run_ranks(int count, const std::function<void(int)>& body) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < count; ++rank)
    threads.emplace_back([&body, &outcome = outcomes[static_cast<std::size_t>(rank)], rank] {
      try {
        body(rank);
      } catch (const Error& error) {
        outcome = {error.code(), error.rank(), error.what()};
      }
    });
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

/// Everything over loopback, and no wait so long that a broken test hangs.
inline Settings loopback_settings() {
  Settings settings;
  settings.socket_interfaces = "=lo";
  settings.init_timeout_ms = 30'000;
  settings.heartbeat_ms = 50;
  return settings;
}

}  // namespace tutti::testing
