#include "api/group.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "reduce/reduce.hpp"

namespace tutti::api {
namespace {

/// All-reduces of a group are joined up to this size: beyond it, one more start-up costs little.
constexpr std::size_t kFusedBytes = 4 << 20;

/// Looked at by every call: within the library's own block of thread-local memory, one load away.
[[gnu::tls_model("initial-exec")]] thread_local int depth = 0;
thread_local std::vector<Pending> collected;
thread_local std::optional<Error> first_error;  // of the calls in the open group

bool can_fuse(const Pending& first, const Pending& next) {
  return first.comm == next.comm && first.call.collective == Collective::all_reduce &&
         next.call.collective == Collective::all_reduce && first.call.type == next.call.type &&
         first.call.op == next.call.op && first.call.in_place == next.call.in_place &&
         first.multiply == nullptr && next.multiply == nullptr;
}

/// Joins neighbouring all-reduces. The rule sees counts only, so all ranks join alike.
std::vector<Pending> fused(std::vector<Pending> calls) {
  std::vector<Pending> result;
  for (Pending& next : calls) {
    if (next.call.collective == Collective::all_reduce && next.call.count == 0) continue;
    const std::size_t element = size_of(next.call.type);
    if (!result.empty() && can_fuse(result.back(), next) &&
        (result.back().call.count + next.call.count) * element <= kFusedBytes) {
      Pending& first = result.back();
      if (first.call.fused_counts.empty()) first.call.fused_counts.push_back(first.call.count);
      first.call.fused_counts.push_back(next.call.count);
      first.call.count += next.call.count;
      first.buffers.insert(first.buffers.end(), next.buffers.begin(), next.buffers.end());
    } else {
      result.push_back(std::move(next));
    }
  }
  return result;
}

/// A message to oneself is a copy; the i-th send meets the i-th receive.
void copy_to_self(Pending& transfers) {
  Call& call = transfers.call;
  std::vector<std::size_t> sends, receives;
  for (std::size_t i = 0; i < call.transfers.size(); ++i) {
    if (call.transfers[i].peer == transfers.comm->rank())
      (call.transfers[i].sends ? sends : receives).push_back(i);
  }
  if (sends.empty() && receives.empty()) return;
  if (sends.size() != receives.size()) {
    fail(Code::invalid_usage,
         "{} sends and {} receives of rank {} with itself in one group: each send needs its receive",
         sends.size(), receives.size(), transfers.comm->rank());
  }
  for (std::size_t i = 0; i < sends.size(); ++i) {
    const std::size_t bytes = call.transfers[sends[i]].bytes;
    if (bytes != call.transfers[receives[i]].bytes) {
      fail(Code::invalid_usage, "rank {} sends {} bytes to itself and receives {}", transfers.comm->rank(),
           bytes, call.transfers[receives[i]].bytes);
    }
    if (bytes > 0) std::memmove(transfers.buffers[receives[i]], transfers.buffers[sends[i]], bytes);
  }
  Pending others{transfers.comm, call, {}, nullptr};
  others.call.transfers.clear();
  for (std::size_t i = 0; i < call.transfers.size(); ++i) {
    if (call.transfers[i].peer == transfers.comm->rank()) continue;
    others.call.transfers.push_back(call.transfers[i]);
    others.buffers.push_back(transfers.buffers[i]);
  }
  transfers = std::move(others);
}

/// Puts and signals first, for they wait for nobody; then all point-to-point calls of a communicator as one;
/// then its other calls; last what waits for signals.
std::vector<Pending> arranged(std::vector<Pending> calls) {
  std::vector<Pending> arranged_calls, waits;
  std::vector<Pending> result;
  std::vector<Pending> others;
  std::map<Communicator*, std::size_t> transfers_of;
  for (Pending& next : calls) {
    if (next.one_sided != nullptr) {
      (next.one_sided->waits() ? waits : arranged_calls).push_back(std::move(next));
      continue;
    }
    if (next.call.collective != Collective::send_receive) {
      others.push_back(std::move(next));
      continue;
    }
    const auto [entry, is_new] = transfers_of.try_emplace(next.comm, result.size());
    if (is_new) {
      result.push_back(std::move(next));
    } else {
      Pending& first = result[entry->second];
      first.call.transfers.push_back(next.call.transfers.front());
      first.buffers.push_back(next.buffers.front());
    }
  }
  for (Pending& transfers : result) copy_to_self(transfers);
  result.erase(
      std::remove_if(result.begin(), result.end(), [](const Pending& p) { return p.call.transfers.empty(); }),
      result.end());
  for (auto* part : {&result, &(others = fused(std::move(others))), &waits})
    std::move(part->begin(), part->end(), std::back_inserter(arranged_calls));
  return arranged_calls;
}

/// Bytes of a reduction's whole input.
std::size_t input_bytes(const Pending& pending) {
  return pending.call.total_bytes(pending.comm->size());
}

/// Writes the multiplied input into `place` and lets the call read it there.
void multiply_into(Pending& pending, std::byte* place) {
  const std::size_t count = input_bytes(pending) / size_of(pending.call.type);
  reduce::scale(place, pending.buffers[0], count, pending.call.type, pending.multiply->scalar.data());
  pending.buffers[0] = place;
  pending.call.in_place = false;
}

void run_now(Pending& pending) {
  if (pending.one_sided != nullptr) return pending.one_sided->run();
  if (pending.multiply != nullptr) {
    pending.comm->engine().drain();
    multiply_into(pending, pending.comm->staging(input_bytes(pending)));
  }
  Plan& plan = pending.comm->plan(pending.call);
  pending.comm->connect(plan);
  pending.comm->run(plan, pending.buffers);
}

/// Queues the calls. Writers' ends of all communicators are opened here, readers' ends by whoever runs the
/// plans: so one thread can drive several ranks.
std::shared_ptr<Work> run_later(std::vector<Pending>& calls) {
  auto work = std::make_shared<Work>(static_cast<int>(calls.size()));
  std::vector<Plan*> plans;
  std::vector<std::shared_ptr<Arena>> kept(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].multiply != nullptr) {
      kept[i] = std::make_shared<Arena>();
      multiply_into(calls[i], kept[i]->reserve(input_bytes(calls[i])));
    }
    plans.push_back(calls[i].one_sided != nullptr ? nullptr : &calls[i].comm->plan(calls[i].call));
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Engine& engine = calls[i].comm->engine();
    if (calls[i].one_sided != nullptr) {
      engine.enqueue(std::move(calls[i].one_sided), work);
      continue;
    }
    engine.enqueue(*plans[i], std::move(calls[i].buffers), work, std::move(kept[i]));
  }
  return work;
}

std::vector<Communicator*> communicators_of(const std::vector<Pending>& calls) {
  std::vector<Communicator*> result;
  for (const Pending& call : calls) {
    if (std::find(result.begin(), result.end(), call.comm) == result.end()) result.push_back(call.comm);
  }
  return result;
}

/// The calls of the group that ends; throws the first error of one that failed.
std::vector<Pending> take_collected() {
  std::vector<Pending> calls = std::exchange(collected, {});
  if (const std::optional<Error> error = std::exchange(first_error, std::nullopt)) throw Error(*error);
  return calls;
}

bool one_communicator(const std::vector<Pending>& calls) {
  return std::all_of(calls.begin(), calls.end(),
                     [&](const Pending& p) { return p.comm == calls.front().comm; });
}

}  // namespace

bool in_group() noexcept {
  return depth > 0;
}
void group_start() noexcept {
  ++depth;
}

void group_failed(Code code, const char* sentence) {
  if (!first_error) first_error.emplace(code, sentence);
}

void submit(Pending pending) {
  if (in_group()) {
    collected.push_back(std::move(pending));
    return;
  }
  std::vector<Pending> single;
  single.push_back(std::move(pending));
  for (Pending& call : arranged(std::move(single))) run_now(call);
}

void group_end() {
  if (depth == 0) fail(Code::invalid_usage, "tuttiGroupEnd without tuttiGroupStart");
  if (--depth > 0) return;
  std::vector<Pending> calls = arranged(take_collected());
  if (one_communicator(calls)) {
    for (Pending& call : calls) run_now(call);
    return;
  }
  const std::vector<Communicator*> communicators = communicators_of(calls);
  const std::shared_ptr<Work> work = run_later(calls);
  while (!work->done()) {
    for (Communicator* communicator : communicators) communicator->engine().help();
  }
  work->check();
}

std::shared_ptr<Work> group_end_async(std::vector<Communicator*>& communicators) {
  if (depth == 0) fail(Code::invalid_usage, "tuttiGroupEndAsync without tuttiGroupStart");
  if (depth > 1) {
    fail(Code::invalid_usage,
         "tuttiGroupEndAsync within another group: end the outermost group asynchronously instead");
  }
  --depth;
  std::vector<Pending> calls = arranged(take_collected());
  communicators = communicators_of(calls);
  return run_later(calls);
}

}  // namespace tutti::api
