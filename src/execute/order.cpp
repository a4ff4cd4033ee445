#include "execute/order.hpp"

#include <algorithm>
#include <tuple>

namespace tutti {
namespace {

/// Chunk c of round k goes at step c + lag * k, of equal steps the earlier round first; without lag, message
/// after message.
std::vector<Turn> wavefront(const Plan& plan, const std::vector<std::uint32_t>& steps,
                            const std::vector<int>& rounds, int lag) {
  std::vector<Turn> turns;
  for (const std::uint32_t s : steps) {
    for (std::uint32_t c = 0; c < plan.steps[s].chunks; ++c) turns.push_back({s, c});
  }
  if (lag > 0) {
    std::stable_sort(turns.begin(), turns.end(), [&](const Turn& a, const Turn& b) {
      const auto key = [&](const Turn& turn) {
        const std::int64_t round = rounds[turn.step];
        return std::pair(turn.chunk + lag * round, round);
      };
      return key(a) < key(b);
    });
  }
  return turns;
}

template <typename End>
std::uint32_t queue_of(Plan& plan, End* Queue::*member, End* end) {
  for (std::size_t q = 0; q < plan.queues.size(); ++q) {
    if (plan.queues[q].*member == end) return static_cast<std::uint32_t>(q);
  }
  plan.queues.emplace_back().*member = end;
  return static_cast<std::uint32_t>(plan.queues.size() - 1);
}

}  // namespace

void arrange_queues(Plan& plan, const std::vector<int>& rounds, int lag) {
  std::vector<std::uint32_t> copies;
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    Step& step = plan.steps[s];
    plan.turns += step.chunks;
    if (step.kind == StepKind::copy) copies.push_back(static_cast<std::uint32_t>(s));
    if (step.out != nullptr) step.queue = queue_of(plan, &Queue::out, step.out);
    for (Incoming* in : step.in) step.in_queues.push_back(queue_of(plan, &Queue::in, in));
    if (!step.in_queues.empty()) step.queue = step.in_queues.front();
  }
  if (plan.straight && !plan.looks_at_memory) return;  // always runs in the program's own order
  std::vector<std::vector<std::uint32_t>> members(plan.queues.size());
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const Step& step = plan.steps[s];
    if (step.out != nullptr) members[step.queue].push_back(static_cast<std::uint32_t>(s));
    for (const std::uint32_t q : step.in_queues) members[q].push_back(static_cast<std::uint32_t>(s));
  }
  for (std::size_t q = 0; q < members.size(); ++q)
    plan.queues[q].turns = wavefront(plan, members[q], rounds, lag);
  for (std::uint32_t q = 0; q < members.size(); ++q) {
    const std::vector<Turn>& turns = plan.queues[q].turns;
    for (std::size_t i = turns.size(); i-- > 0;)
      if (plan.steps[turns[i].step].queue == q) plan.steps[turns[i].step].first_turn = i;
  }
  if (!copies.empty()) plan.queues.emplace_back().turns = wavefront(plan, copies, rounds, 0);
}

}  // namespace tutti
