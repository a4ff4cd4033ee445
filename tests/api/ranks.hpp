// The ranks of a communicator as threads: made together, driven by one lambda, destroyed together.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tutti/tutti.h>

namespace tutti_tests {

/// Runs body(0) … body(size - 1), a thread each, and joins them.
inline void in_threads(int size, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(body, rank);
  for (std::thread& thread : threads) thread.join();
}

/// "tuttiSuccess", or the code and the last sentence: what a failed expectation should print.
inline std::string outcome(tuttiResult_t result, tuttiComm_t comm = nullptr) {
  if (result == tuttiSuccess) return "success";
  return std::string(tuttiGetErrorString(result)) + ": " + tuttiGetLastError(comm);
}

/// Whether a call succeeded, with its sentence if not. `comm` may be null.
#define EXPECT_OK(call, comm) EXPECT_EQ(::tutti_tests::outcome(call, comm), "success")

class Ranks {
 public:
  using Body = std::function<void(int rank, tuttiComm_t comm)>;
  using Settings = std::function<std::string(int rank)>;

  /// As the environment says.
  explicit Ranks(int size) : comms_(static_cast<std::size_t>(size)) {
    EXPECT_OK(tuttiCommInitAll(comms_.data(), size, nullptr), nullptr);
  }
  /// With settings of each rank, as tuttiConfig_t carries them.
  Ranks(int size, const Settings& settings) : comms_(static_cast<std::size_t>(size)) {
    tuttiUniqueId id;
    EXPECT_OK(tuttiGetUniqueId(&id), nullptr);
    in_threads(size, [&](int rank) {
      const std::string own = settings(rank);
      tuttiConfig_t config = TUTTI_CONFIG_INITIALIZER;
      config.settings = own.c_str();
      EXPECT_OK(tuttiCommInitRankConfig(&comm(rank), size, id, rank, &config), nullptr);
    });
  }
  /// With the same settings everywhere.
  Ranks(int size, const char* settings) : Ranks(size, [settings](int) { return std::string(settings); }) {}
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  ~Ranks() {
    in_threads(size(), [this](int rank) { EXPECT_OK(tuttiCommDestroy(comm(rank)), nullptr); });
  }

  [[nodiscard]] int size() const { return static_cast<int>(comms_.size()); }
  [[nodiscard]] tuttiComm_t& comm(int rank) { return comms_[static_cast<std::size_t>(rank)]; }
  /// The rank's communicator was freed otherwise (aborted).
  void forget(int rank) { comm(rank) = nullptr; }

  void run(const Body& body) {
    in_threads(size(), [&](int rank) { body(rank, comm(rank)); });
  }

  /// The communicator works: a sum over all ranks gives the right result.
  void expect_usable() {
    run([this](int rank, tuttiComm_t comm) {
      int value = rank + 1;
      EXPECT_OK(tuttiAllReduce(&value, &value, 1, tuttiInt32, tuttiSum, comm, nullptr), comm);
      EXPECT_EQ(value, size() * (size() + 1) / 2);
    });
  }

 private:
  std::vector<tuttiComm_t> comms_;
};

}  // namespace tutti_tests
