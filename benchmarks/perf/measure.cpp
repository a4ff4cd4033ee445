#include "measure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include <tutti/tutti.hpp>

namespace perf {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096, kGuard = 256, kLine = 64;
constexpr std::byte kPoison{0xA5};

/// From the beginning of one buffer to that of the next.
std::size_t stride(std::size_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine + 2 * kGuard;
}

std::size_t receive_elements(const Layout& layout, bool in_place) {
  if (!in_place) return layout.receive;
  return std::max(layout.send_in_place + layout.send, layout.receive_in_place + layout.receive);
}

double microseconds_of(const Steady::duration& duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

Timing summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto percentile = [&](double share) {
    return times[static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size()))) - 1];
  };
  return {static_cast<int>(times.size()), percentile(0.5), times.front(), percentile(0.99)};
}

}  // namespace

// ---- Arena

Arena::Arena(std::size_t largest_bytes, int calls, std::size_t misalign, bool tutti_memory)
    : bytes_(0), misalign_(misalign), tutti_memory_(tutti_memory) {
  const std::size_t content = stride(largest_bytes) * static_cast<std::size_t>(calls) + misalign;
  const std::size_t total = (kPage + content + kGuard + kPage - 1) / kPage * kPage;
  bytes_ = total;
  void* memory = nullptr;
  if (tutti_memory)
    tutti::check(tuttiMemAlloc(&memory, total));
  else
    memory = std::aligned_alloc(kPage, total);
  if (memory == nullptr) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
}

Arena::~Arena() {
  if (tutti_memory_)
    tuttiMemFree(memory_);
  else
    std::free(memory_);
}

std::byte* Arena::buffer(int call, std::size_t bytes) const {
  return memory_ + kPage + misalign_ + stride(bytes) * static_cast<std::size_t>(call);
}

void Arena::poison(int call, std::size_t bytes) const {
  std::memset(buffer(call, bytes) - kGuard, static_cast<int>(kPoison), bytes + 2 * kGuard);
}

std::size_t Arena::guard_bytes_changed(int call, std::size_t bytes) const {
  const std::byte* begin = buffer(call, bytes);
  const auto changed = [](const std::byte* guard) {
    return static_cast<std::size_t>(kGuard) -
           static_cast<std::size_t>(std::count(guard, guard + kGuard, kPoison));
  };
  return changed(begin - kGuard) + changed(begin + bytes);
}

// ---- Bench

Bench::Bench(const Member& member, const Options& options)
    : member_(member),
      options_(options),
      send_(options.sizes.back(), options.aggregate, options.misalign, options.tutti_memory),
      receive_(options.sizes.back(), options.aggregate, options.misalign, options.tutti_memory) {
  if (!options.collective->one_sided) return;
  window_.emplace(member.comm, tutti::Buffer(receive_.begin(), receive_.bytes(), tuttiUint8));
  source_.emplace(member.comm, tutti::Buffer(send_.begin(), send_.bytes(), tuttiUint8));  // for the devices
}

Bench::Buffers Bench::buffers(const Case& what, bool in_place, int call) const {
  const std::size_t width = size_of(what.type);
  std::byte* receive = receive_.buffer(call, receive_elements(what.layout, in_place) * width);
  if (!in_place) return {send_.buffer(call, what.layout.send * width), receive};
  return {receive + what.layout.send_in_place * width, receive + what.layout.receive_in_place * width};
}

void Bench::prepare(const Case& what, bool in_place) {
  calls_.clear();
  const std::size_t width = size_of(what.type);
  for (int call = 0; call < options_.aggregate; ++call) {
    receive_.poison(call, receive_elements(what.layout, in_place) * width);
    if (!in_place) send_.poison(call, what.layout.send * width);
    const Pattern& input = what.patterns.input[static_cast<std::size_t>(what.scene.rank)];
    const auto [send, receive] = buffers(what, in_place, call);
    input.fill(send, what.layout.send, 0);
    calls_.push_back({send, receive, what.type, what.op, member_.comm});
    if (!window_) continue;
    calls_.back().window = window_->get();
    calls_.back().offset = static_cast<std::size_t>(receive - receive_.begin());
  }
}

void Bench::issue(const Case& what) const {
  const auto call = [&](const Call& arguments) {
    tutti::check(options_.collective->call(what.scene, what.layout, arguments), member_.comm);
  };
  if (options_.aggregate == 1 && options_.blocking) return call(calls_[0]);
  tutti::Group group;
  for (const Call& arguments : calls_) call(arguments);
  if (options_.blocking)
    group.end();
  else
    group.end_async().wait();
}

void Bench::check(const Case& what, bool in_place, Outcome& outcome) {
  const std::size_t width = size_of(what.type);
  std::size_t wrong = 0, outside = 0;
  for (int round = 0; round < options_.checks; ++round) {
    prepare(what, in_place);
    member_.meeting.barrier();
    issue(what);
    for (int call = 0; call < options_.aggregate; ++call) {
      const auto* receive = static_cast<const std::byte*>(calls_[static_cast<std::size_t>(call)].receive);
      for (const Segment& segment : what.layout.expected) {
        const Pattern& pattern = segment.source == Segment::kReduced
                                     ? what.patterns.reduced
                                     : what.patterns.input[static_cast<std::size_t>(segment.source)];
        wrong += pattern.differences(receive + segment.at * width, segment.count, segment.from);
      }
      outside += receive_.guard_bytes_changed(call, receive_elements(what.layout, in_place) * width);
      if (!in_place) outside += send_.guard_bytes_changed(call, what.layout.send * width);
    }
  }
  std::array<double, 2> totals{static_cast<double>(wrong), static_cast<double>(outside)};
  member_.meeting.combine(totals, Combine::sum);
  outcome.wrong = static_cast<std::size_t>(totals[0]);
  outcome.out_of_bounds = static_cast<std::size_t>(totals[1]);
}

void Bench::warm_up(const Case& what) const {
  for (int call = 0; call < options_.warm_up; ++call) {
    member_.meeting.barrier();
    issue(what);
  }
}

/// Appends the times of `count` calls, in microseconds.
void Bench::time_calls(const Case& what, std::size_t count, std::vector<double>& times) const {
  const std::size_t before = times.size();
  times.resize(before + count);
  for (std::size_t i = before; i < times.size(); ++i) {
    member_.meeting.barrier();
    const auto begin = Steady::now();
    issue(what);
    times[i] = microseconds_of(Steady::now() - begin) / options_.aggregate;
  }
  member_.meeting.combine({times.data() + before, count}, Combine::maximum);
}

Timing Bench::time(const Case& what) const {
  constexpr double kAimUs = 200'000;
  constexpr std::size_t kFewest = 5, kMost = 5'000;
  warm_up(what);
  std::vector<double> times;
  if (options_.iterations > 0) {
    time_calls(what, static_cast<std::size_t>(options_.iterations), times);
  } else {
    // In growing batches until there is time for no more; all ranks must come to the same numbers.
    const auto begin = Steady::now();
    double elapsed = 0;
    while (times.size() < kMost && elapsed < kAimUs) {
      time_calls(what, std::min(std::max(kFewest, times.size()), kMost - times.size()), times);
      elapsed = microseconds_of(Steady::now() - begin);
      member_.meeting.combine({&elapsed, 1}, Combine::maximum);
    }
  }
  return summary(std::move(times));
}

Outcome Bench::run(const Case& what, bool in_place) {
  Outcome outcome;
  prepare(what, in_place);
  outcome.timing = time(what);
  if (options_.checks > 0) check(what, in_place, outcome);
  return outcome;
}

}  // namespace perf
