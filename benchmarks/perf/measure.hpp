// One row of the table: a collective at one size, checked and timed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <tutti/tutti.hpp>

#include "launch.hpp"
#include "options.hpp"
#include "pattern.hpp"

namespace perf {

/// Times of one call in microseconds; a call takes as long as its slowest rank.
struct Timing {
  int iterations = 0;
  double median = 0, minimum = 0, p99 = 0;
};

struct Outcome {
  Timing timing;
  std::optional<std::size_t> wrong;  // elements, over all ranks; nothing: not checked
  std::size_t out_of_bounds = 0;     // bytes next to the buffers that were changed
};

/// What is called with which data.
struct Case {
  Scene scene;
  Layout layout;
  tuttiDataType_t type;
  tuttiRedOp_t op;
  const Patterns& patterns;
};

/// Memory for `calls` buffers that are used at a time, with guard zones around each.
class Arena {
 public:
  /// `misalign`: how many bytes past a page boundary the first buffer begins.
  Arena(std::size_t largest_bytes, int calls, std::size_t misalign, bool tutti_memory);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// The buffer of call `call` when buffers have `bytes` each.
  [[nodiscard]] std::byte* buffer(int call, std::size_t bytes) const;
  /// All of it: as long on every rank, with every buffer at the same place.
  [[nodiscard]] std::byte* begin() const { return memory_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Fills a buffer and its guards with what no result looks like.
  void poison(int call, std::size_t bytes) const;
  [[nodiscard]] std::size_t guard_bytes_changed(int call, std::size_t bytes) const;

 private:
  std::byte* memory_ = nullptr;
  std::size_t bytes_;
  std::size_t misalign_;
  bool tutti_memory_;
};

class Bench {
 public:
  Bench(const Member& member, const Options& options);

  [[nodiscard]] Outcome out_of_place(const Case& what) { return run(what, false); }
  [[nodiscard]] Outcome in_place(const Case& what) { return run(what, true); }

 private:
  struct Buffers {
    std::byte *send, *receive;
  };
  [[nodiscard]] Outcome run(const Case& what, bool in_place);
  [[nodiscard]] Buffers buffers(const Case& what, bool in_place, int call) const;
  void prepare(const Case& what, bool in_place);
  void issue(const Case& what) const;
  void check(const Case& what, bool in_place, Outcome& outcome);
  void warm_up(const Case& what) const;
  void time_calls(const Case& what, std::size_t count, std::vector<double>& times) const;
  [[nodiscard]] Timing time(const Case& what) const;

  const Member& member_;
  const Options& options_;
  Arena send_, receive_;
  std::optional<tutti::Window> window_, source_;  // of one-sided calls: of what is received, and sent
  std::vector<Call> calls_;                       // that make up one timed call: as many as are aggregated
};

}  // namespace perf
