#include "select/select.hpp"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "base/error.hpp"

namespace tutti {
namespace {

std::string bytes_text(std::size_t bytes) {
  if (bytes >= 1 << 20) return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20));
  if (bytes >= 1 << 10) return fmt::format("{:.4g} KiB", static_cast<double>(bytes) / (1 << 10));
  return fmt::format("{} B", bytes);
}

/// A name that no collective knows is a mistake; one that this collective lacks leaves the choice free.
void check_name(const std::string& name) {
  if (name.empty()) return;
  std::set<std::string_view> names;
  for (const Algorithm& algorithm : algorithms()) names.insert(algorithm.name);
  if (names.count(name) != 0) return;
  std::string list;
  for (const std::string_view each : names) list += fmt::format("{}{}", list.empty() ? "" : ", ", each);
  fail(Code::invalid_argument, "TUTTI_ALGORITHM: \"{}\" is no algorithm; there are: {}", name, list);
}

std::vector<const Algorithm*> candidates(const Situation& situation, const Request& request,
                                         const Shape& shape) {
  std::vector<const Algorithm*> fitting;
  for (const Algorithm& algorithm : algorithms()) {
    if (algorithm.collective != request.collective || !algorithm.applies(shape)) continue;
    if (situation.reproducible && reduces(request.collective) && !algorithm.reproducible) continue;
    // Bruck passes other ranks' blocks on: it has to know how long they are.
    if (request.lengths_are_private && algorithm.name == "bruck") continue;
    fitting.push_back(&algorithm);
  }
  const auto forced = std::find_if(fitting.begin(), fitting.end(),
                                   [&](const Algorithm* a) { return a->name == situation.algorithm; });
  if (forced != fitting.end()) return {*forced};
  return fitting;
}

std::vector<std::size_t> chunk_sizes(const Situation& situation) {
  if (situation.chunk_bytes != 0) {
    return {std::max<std::size_t>(64, std::min(situation.chunk_bytes, situation.largest_chunk) / 64 * 64)};
  }
  std::vector<std::size_t> sizes;
  for (std::size_t size = situation.largest_chunk; size >= (16 << 10) && sizes.size() < 3; size /= 2)
    sizes.push_back(size);
  if (sizes.empty()) sizes.push_back(situation.largest_chunk);
  return sizes;
}

std::vector<Program> all_programs(const Algorithm& algorithm, const Shape& shape) {
  std::vector<Program> programs;
  programs.reserve(static_cast<std::size_t>(shape.size));
  for (Rank r = 0; r < shape.size; ++r) programs.push_back(algorithm.make(shape, r));
  return programs;
}

}  // namespace

Choice choose(const Situation& situation, const Request& request) {
  check_name(situation.algorithm);
  const Shape shape{situation.size, request.root, situation.ground.host_of};
  Choice best;
  std::string others;
  for (const Algorithm* algorithm : candidates(situation, request, shape)) {
    const auto programs = all_programs(*algorithm, shape);
    const auto blocks = static_cast<std::size_t>(std::max(1, programs.front().blocks()));
    double cheapest = 0;
    for (const std::size_t chunk : chunk_sizes(situation)) {
      const Bid bid{programs, (request.total_bytes + blocks - 1) / blocks, chunk, algorithm->pipelines};
      const double expected = price(bid, situation.ground);
      if (cheapest == 0 || expected < cheapest) cheapest = expected;
      if (best.algorithm != nullptr && expected >= best.expected_ns) continue;
      best = {algorithm, std::max(1, situation.lanes), chunk, algorithm->pipelines, expected, {}};
    }
    others += fmt::format("{}{} {:.1f}", others.empty() ? "" : ", ", algorithm->name, cheapest / 1000);
  }
  if (best.algorithm == nullptr) {
    fail(Code::invalid_usage, "no algorithm for {} of {} ranks{}", name_of(request.collective),
         situation.size, situation.reproducible ? " is reproducible" : "");
  }
  best.why = fmt::format("{} of {} over {} ranks: {}, {} lane{}, chunks of {} (us expected: {})",
                         name_of(request.collective), bytes_text(request.total_bytes), situation.size,
                         best.algorithm->name, best.lanes, best.lanes == 1 ? "" : "s",
                         bytes_text(best.chunk_bytes), others);
  return best;
}

}  // namespace tutti
