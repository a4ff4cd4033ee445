#include "select/select.hpp"

#include <algorithm>
#include <bit>
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

/// Simpler algorithms stand first in the list: a later one has to be better by more than the model can err.
constexpr double kClearly = 0.97;

/// The largest chunk on a network. A message costs system calls: few and large ones serve it better, as long
/// as the caches hold what both ends have in the kernel; the less where both send at once. Measured over
/// veth: two ranks' reduce-scatter of 512 KiB takes 182 us by 128 KiB and 108 by 64, a broadcast 135 and 147.
std::size_t most_on_network(Collective collective) {
  return has_root(collective) ? 128 << 10 : 64 << 10;
}

/// A block is cut into about four chunks, so that both ends of a message are at work: not so small that the
/// cost of a message shows, and not at all where the whole is brief.
std::size_t chunk_size(const Situation& situation, const Request& request, std::size_t block_bytes) {
  const bool network = !situation.ground.shared_memory;
  const std::size_t most = network ? most_on_network(request.collective) : ~std::size_t{0};
  const std::size_t whole = network ? most / 2 : 32 << 10;
  const std::size_t least = network ? whole : 16 << 10;
  const std::size_t pieces = network ? 2 : 4;
  // An all-reduce within the caches: where a second level of 1 MiB holds what is under way, it must leave
  // room for the operands. A smaller one does not hold them anyway: the fewer messages, the better.
  constexpr std::size_t kCachedTotal = 4 << 20, kCachedChunk = 32 << 10;
  const bool holds = situation.ground.costs.core_cache_bytes >= 1 << 20;
  std::size_t chunk = whole;
  if (block_bytes > whole) chunk = std::clamp(std::bit_floor(block_bytes / pieces), least, most);
  if (situation.ground.shared_memory && request.collective == Collective::all_reduce &&
      request.total_bytes <= kCachedTotal && holds)
    chunk = std::min(chunk, kCachedChunk);
  if (situation.chunk_bytes != 0) chunk = situation.chunk_bytes;
  return std::max<std::size_t>(64, std::min(chunk, situation.largest_chunk) / 64 * 64);
}

}  // namespace

Choice choose(const Situation& situation, const Request& request) {
  check_name(situation.algorithm);
  const Shape shape{situation.size, request.root, situation.ground.host_of};
  Choice best;
  std::string others;
  for (const Algorithm* algorithm : candidates(situation, request, shape)) {
    const auto programs = make_programs(*algorithm, shape);
    const auto blocks = static_cast<std::size_t>(std::max(1, programs.front().blocks()));
    const std::size_t block_bytes = (request.total_bytes + blocks - 1) / blocks;
    const std::size_t chunk = chunk_size(situation, request, block_bytes);
    const double expected = price({programs, block_bytes, chunk, algorithm->pipelines}, situation.ground);
    others += fmt::format("{}{} {:.1f}", others.empty() ? "" : ", ", algorithm->name, expected / 1000);
    if (best.algorithm != nullptr && expected >= kClearly * best.expected_ns) continue;
    best = {algorithm, std::max(1, situation.lanes), chunk, algorithm->pipelines, expected, {}};
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
