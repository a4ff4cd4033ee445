#include "execute/run.hpp"

#include <algorithm>

#include <fmt/ranges.h>

namespace tutti {

void Run::reserve(const Plan& plan) {
  if (buffers_.size() < plan.buffers) buffers_.resize(plan.buffers);
  done_.reserve(plan.steps.size());
  if (plan.looks_at_memory) direct_.reserve(plan.steps.size());
  queues_.reserve(plan.queues.size());
  std::size_t operands = 2;
  for (const Step& step : plan.steps) operands = std::max(operands, step.in.size() + 1);
  if (operands_.size() < operands) operands_.resize(operands);
}

void Run::start(Plan& plan, std::byte* scratch, std::span<std::byte* const> buffers) noexcept {
  plan_ = &plan;
  buffers_[kScratchBuffer] = scratch;
  for (std::size_t i = 0; i < buffers.size(); ++i) buffers_[i + 1] = buffers[i];
  next_ = 0;
  done_.assign(plan.steps.size(), 0);
  any_direct_ = false;
  if (plan.looks_at_memory) look_at_memory();
  straight_ = plan.straight && !any_direct_;
  if (straight_) return;
  turns_left_ = plan.turns;
  queues_.assign(plan.queues.size(), {});
  for (std::size_t q = 0; q < queues_.size(); ++q) {
    const Queue& queue = plan.queues[q];
    queues_[q].base = queue.out != nullptr ? queue.out->sent : queue.in != nullptr ? queue.in->expected : 0;
    if (queue.offered != Step::kNone) offer(plan.steps[queue.offered]);
  }
}

void Run::offer(const Step& step) noexcept {
  step.in.front()->inlet->offer(step.first_turn, at(step.target, 0), step.bytes);
}

/// In a list of calls nobody waits until memory may be written again: with direct messages it is no list.
void Run::look_at_memory() noexcept {
  direct_.assign(plan_->steps.size(), false);
  for (std::size_t s = 0; s < plan_->steps.size(); ++s) {
    const Step& step = plan_->steps[s];
    if (!step.may_go_direct) continue;
    const bool direct = step.kind == StepKind::send
                            ? step.out->outlet->takes(at(step.source, 0), step.bytes)
                            : step.in.front()->inlet->places_at(at(step.target, 0), step.bytes);
    direct_[s] = direct;
    any_direct_ |= direct;
  }
}

bool Run::is_expected(std::uint32_t index) const noexcept {
  const Step& step = plan_->steps[index];
  if (step.kind != StepKind::receive || !step.contiguous) return false;
  return step.in.front()->inlet->places() || is_direct(index);
}

Progress Run::poll() noexcept {
  return straight_ ? poll_straight() : poll_queues();
}

Progress Run::poll_straight() noexcept {
  const std::uint32_t first = next_;
  const auto steps = static_cast<std::uint32_t>(plan_->steps.size());
  for (; next_ < steps; ++next_) {
    const Step& step = plan_->steps[next_];
    bool over = true;
    switch (step.kind) {
      case StepKind::send: over = done_[next_] != 0 || send(next_, 0); break;  // done: fused with its writer
      case StepKind::receive: over = receive(next_, 0); break;
      case StepKind::reduce: over = reduce(next_, 0); break;
      case StepKind::copy: copy(step, 0); break;
    }
    if (!over) return next_ == first ? Progress::pending : Progress::moved;
  }
  return flushed() ? Progress::done : Progress::pending;
}

Progress Run::poll_queues() noexcept {
  bool moved = false;
  for (std::uint32_t q = 0; q < plan_->queues.size(); ++q) {
    const Queue& queue = plan_->queues[q];
    if (queue.in != nullptr) {
      moved |= advance_inlet(q);
    } else if (queue.out != nullptr) {
      moved |= advance_outlet(q);
    } else if (!moved) {  // copies are last, and wait for nobody: they fill the time when nothing else goes
      moved = advance_copies(q);
    }
  }
  if (turns_left_ == 0 && flushed()) return Progress::done;
  return moved ? Progress::moved : Progress::pending;
}

bool Run::flushed() const noexcept {
  return std::all_of(plan_->unslotted.begin(), plan_->unslotted.end(),
                     [](const Outgoing* out) { return out->outlet->completed() >= out->sent; });
}

bool Run::at_head(std::uint32_t q, std::uint32_t step, std::uint32_t chunk) const noexcept {
  const auto& turns = plan_->queues[q].turns;
  const std::size_t head = queues_[q].issued;
  return head < turns.size() && turns[head].step == step && turns[head].chunk == chunk;
}

bool Run::ready(const Step& step, std::uint32_t chunk) const noexcept {
  for (const Need& need : step.needs) {
    const std::int64_t wanted = std::int64_t{chunk} + 1 + need.shift;
    if (done_[need.step] < std::min<std::int64_t>(wanted, plan_->steps[need.step].chunks)) return false;
  }
  return true;
}

void Run::finish(std::uint32_t step) noexcept {
  ++done_[step];
  --turns_left_;
}

std::string Run::waiting_for() const {
  std::vector<int> ranks;
  const auto note = [&](const Step& step) {
    for (const Incoming* in : step.in) ranks.push_back(in->writer);
  };
  if (straight_ && next_ < plan_->steps.size()) note(plan_->steps[next_]);
  for (std::size_t q = 0; !straight_ && q < queues_.size(); ++q) {
    const Queue& queue = plan_->queues[q];
    if (queue.in != nullptr && queues_[q].issued < queue.turns.size()) ranks.push_back(queue.in->writer);
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  if (ranks.empty()) return "its own messages are not taken";
  return fmt::format("it waits for messages of rank{} {}", ranks.size() == 1 ? "" : "s",
                     fmt::join(ranks, ", "));
}

bool Run::advance_outlet(std::uint32_t q) noexcept {
  const Queue& queue = plan_->queues[q];
  QueueState& state = queues_[q];
  bool moved = false;
  const bool counted = counts(*queue.out);
  while (state.issued < queue.turns.size()) {
    const Turn turn = queue.turns[state.issued];
    const Step& step = plan_->steps[turn.step];
    if (!ready(step, turn.chunk) || !send(turn.step, turn.chunk)) break;
    ++state.issued;
    if (!counted) finish(turn.step);
    moved = true;
  }
  if (!counted) return moved;
  const std::uint64_t over = queue.out->outlet->completed() - state.base;
  for (; state.completed < state.issued && state.completed < over; ++state.completed) {
    finish(queue.turns[state.completed].step);
    moved = true;
  }
  return moved;
}

bool Run::advance_inlet(std::uint32_t q) noexcept {
  const Queue& queue = plan_->queues[q];
  QueueState& state = queues_[q];
  const bool places = queue.in->inlet->places() || (any_direct_ && queue.in->takes_added);
  bool moved = places && count_placed(q);
  while (state.issued < queue.turns.size()) {
    const Turn turn = queue.turns[state.issued];
    const Step& step = plan_->steps[turn.step];
    if (step.queue != q || !ready(step, turn.chunk)) break;  // another inlet leads this reduction
    if (places && is_expected(turn.step)) {
      if (!expect(q, step, turn.chunk)) break;
      moved = true;
      continue;
    }
    if (step.kind == StepKind::reduce) {
      if (!reduce(turn.step, turn.chunk)) break;
    } else {
      if (!receive(turn.step, turn.chunk)) break;
      ++state.issued;
      finish(turn.step);
    }
    moved = true;
    if (any_direct_) break;  // nothing is fused with a direct send: it waits for its outlet's turn
  }
  return moved;
}

bool Run::count_placed(std::uint32_t q) noexcept {
  const Queue& queue = plan_->queues[q];
  QueueState& state = queues_[q];
  const std::uint64_t placed = queue.in->inlet->placed() - state.base;
  bool moved = false;
  for (; state.acknowledged < placed && state.completed < state.issued; ++state.completed) {
    const std::uint32_t index = queue.turns[state.completed].step;
    if (!is_expected(index)) continue;  // borrowed: counted when it was read
    ++state.acknowledged;
    finish(index);
    moved = true;
  }
  return moved;
}

bool Run::expect(std::uint32_t q, const Step& step, std::uint32_t chunk) noexcept {
  Incoming& in = *plan_->queues[q].in;
  const Chunk part = chunk_of(step, chunk);
  if (!in.inlet->expect(at(step.target, part.offset), part.bytes, plan_->tag)) return false;
  ++in.expected;
  ++queues_[q].issued;
  return true;
}

bool Run::advance_copies(std::uint32_t q) noexcept {
  const Queue& queue = plan_->queues[q];
  QueueState& state = queues_[q];
  if (state.issued == queue.turns.size()) return false;
  const Turn turn = queue.turns[state.issued++];
  copy(plan_->steps[turn.step], turn.chunk);
  finish(turn.step);
  return true;
}

}  // namespace tutti
