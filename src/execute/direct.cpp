#include "execute/direct.hpp"

#include <algorithm>

namespace tutti {
namespace {

/// Messages up to this size are copied through a slot even where the wire could take them from where they
/// lie.
constexpr std::size_t kCopiedMessage = 16 << 10;

/// The user's, which stays across runs: scratch memory is never added.
bool is_users(const Pieces& pieces) {
  return !pieces.empty() && pieces.front().buffer != kScratchBuffer;
}

bool may_go_direct(const Step& step, bool may_be_lent) {
  if (!step.contiguous || step.bytes <= kCopiedMessage) return false;
  if (step.kind == StepKind::send)
    return (step.out->takes_added || (step.out->lends && may_be_lent)) && is_users(step.source);
  return step.kind == StepKind::receive && step.in.front()->takes_added && is_users(step.target);
}

/// Steps whose source is written again in their own round. Two ranks that exchange values and combine them in
/// place would, if they lent them, each wait until the other has read. A later round's writes follow what
/// peers do in this one, or do not touch what they wait for.
std::vector<bool> overwritten_in_their_round(const Plan& plan, const std::vector<int>& rounds) {
  std::vector<bool> result(plan.steps.size(), false);
  for (std::size_t s = 0; s < plan.steps.size(); ++s)
    for (const Need& need : plan.steps[s].needs)
      if (rounds[need.step] == rounds[s]) result[need.step] = true;
  return result;
}

bool may_be_offered(const Step& step) {
  return step.kind == StepKind::receive && step.in.front()->lends && step.contiguous && step.needs.empty() &&
         step.bytes > kCopiedMessage && is_users(step.target);
}

}  // namespace

bool all_are_single_copies(const Plan& plan) {
  return std::all_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
    const bool copied = step.out == nullptr || !step.out->outlet->zero_copy() || step.bytes <= kCopiedMessage;
    return step.chunks == 1 && copied;
  });
}

void mark_direct(Plan& plan, const std::vector<int>& rounds, bool exceeds_caches) {
  const std::vector<bool> overwritten = overwritten_in_their_round(plan, rounds);
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    Step& step = plan.steps[s];
    step.may_go_direct = may_go_direct(step, exceeds_caches && !overwritten[s]);
    plan.looks_at_memory |= step.may_go_direct;
    if (!plan.straight && step.kind == StepKind::send)
      step.zero_copy = step.out->outlet->zero_copy() && step.contiguous && step.bytes > kCopiedMessage;
  }
}

void choose_offers(Plan& plan) {
  if (plan.kernel == nullptr) return;                                     // nothing is reduced
  for (auto s = static_cast<std::uint32_t>(plan.steps.size()); s-- > 0;)  // the first of each inlet's
    if (may_be_offered(plan.steps[s])) plan.queues[plan.steps[s].queue].offered = s;
}

}  // namespace tutti
