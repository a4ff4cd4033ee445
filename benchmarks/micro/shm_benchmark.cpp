// What the shared-memory wire costs, between processes: latency of small messages beside that of a bare cache
// line in the same run, bandwidth through slots, and an exchange among more ranks than cores, asleep.
//
//     shm_benchmark            all of it
//     shm_benchmark 4          the exchange among 4 ranks only
//
// Virtual cores move: a cache line's time is measured right before and after each sample, and tells where
// they were.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/shm/shm.hpp"

namespace {

using tutti::Clock;
using tutti::World;

constexpr int kMostRanks = 16;
constexpr auto kSeconds = std::chrono::seconds(3);  // a measurement, at most

struct alignas(128) Line {
  std::atomic<std::uint64_t> value{0};
};

/// Shared by all ranks.
struct Board {
  std::array<std::array<char, 4096>, kMostRanks> addresses{};
  std::atomic<int> arrived{0};
  std::atomic<int> samples{0};  // how many to take: set by rank 0 when time is up
  std::array<Line, 2> lines;
};

struct Rank {
  int rank, size;
  Board* board;
  std::unique_ptr<tutti::Transport> transport;
  int barriers = 0;
  std::uint64_t line_turns = 0;

  void barrier() {
    ++barriers;
    board->arrived.fetch_add(1);
    while (board->arrived.load() < barriers * size) ::usleep(50);
  }
};

/// Whether both ranks take another sample. line_time() keeps them within one sample of each other.
bool another(Rank& me, int sample, int most, Clock::time_point end) {
  if (sample == 0) {
    if (me.rank == 0) me.board->samples = most;
    me.barrier();
  }
  if (me.rank == 0 && Clock::now() > end) {
    int expected = most;
    me.board->samples.compare_exchange_strong(expected, sample + 2);
  }
  return sample < me.board->samples;
}

double nanoseconds(Clock::duration time) {
  return std::chrono::duration<double, std::nano>(time).count();
}

/// One way of a bare cache line, in nanoseconds: a few round trips. Both ranks call it.
double line_time(Rank& me) {
  constexpr int kTurns = 8;
  auto& mine = me.board->lines[static_cast<std::size_t>(me.rank)].value;
  auto& other = me.board->lines[static_cast<std::size_t>(1 - me.rank)].value;
  const auto start = Clock::now();
  for (int i = 0; i < kTurns; ++i) {
    const auto turn = ++me.line_turns;
    if (me.rank == 0) mine.store(turn, std::memory_order_release);
    while (other.load(std::memory_order_acquire) < turn) continue;
    if (me.rank == 1) mine.store(turn, std::memory_order_release);
  }
  return nanoseconds(Clock::now() - start) / (2 * kTurns);
}

const char* place(double line) {
  return line < 45 ? "smt" : line < 150 ? "l3" : "far";
}

struct Sample {
  double line, value;
};

void print(const char* what, const char* unit, std::vector<Sample> samples) {
  for (const char* where : {"smt", "l3", "far"}) {
    std::vector<double> lines, values;
    for (const Sample& sample : samples) {
      if (std::strcmp(place(sample.line), where) != 0) continue;
      lines.push_back(sample.line);
      values.push_back(sample.value);
    }
    if (values.size() < 20) continue;
    std::sort(lines.begin(), lines.end());
    std::sort(values.begin(), values.end());
    std::printf("%-28s %-4s %6zu samples   line %6.1f ns   median %9.1f %s   best tenth %9.1f\n", what, where,
                values.size(), lines[lines.size() / 2], values[values.size() / 2], unit,
                values[values.size() / 10]);
  }
}

/// Half a round trip through lease, commit, borrow and release.
void ping_pong(Rank& me, std::size_t bytes, int lane) {
  const int peer = 1 - me.rank;
  const std::array<int, 1> to{peer}, from{me.rank};
  auto outlet = me.transport->open_outlet(to, lane);
  auto inlet = me.transport->open_inlet(peer, from, lane, tutti::after_ms(10'000));
  std::vector<std::byte> data(bytes), target(bytes);
  constexpr int kSamples = 4000, kTurns = 10;
  std::vector<Sample> samples;
  const auto end = Clock::now() + kSeconds;
  for (int s = 0; another(me, s, kSamples, end); ++s) {
    const double before = line_time(me);
    const auto start = Clock::now();
    for (int i = 0; i < kTurns; ++i) {
      if (me.rank == 0)
        while (!outlet->send(data.data(), bytes, 1)) continue;
      const std::byte* message = nullptr;
      while ((message = inlet->borrow(bytes, 1)) == nullptr) continue;
      std::memcpy(target.data(), message, bytes);
      inlet->release();
      if (me.rank == 1)
        while (!outlet->send(data.data(), bytes, 1)) continue;
    }
    const double time = nanoseconds(Clock::now() - start) / (2 * kTurns);
    const double after = line_time(me);
    if (std::strcmp(place(before), place(after)) == 0) samples.push_back({before, time});
  }
  char what[64];
  std::snprintf(what, sizeof what, "ping-pong, %zu B, one way", bytes);
  if (me.rank == 0) print(what, "ns", samples);
  me.barrier();
}

/// One way through 64 KiB slots: the writer copies in, the reader copies out.
void stream(Rank& me, int lane) {
  constexpr std::size_t kBytes = 64 << 10;
  constexpr int kSamples = 4000, kMessages = 8;
  const std::array<int, 1> to{1};
  std::unique_ptr<tutti::Outlet> outlet;
  std::unique_ptr<tutti::Inlet> inlet;
  if (me.rank == 0)
    outlet = me.transport->open_outlet(to, lane);
  else
    inlet = me.transport->open_inlet(0, to, lane, tutti::after_ms(10'000));
  std::vector<std::byte> data(kBytes);
  std::vector<Sample> samples;
  const auto end = Clock::now() + kSeconds;
  for (int s = 0; another(me, s, kSamples, end); ++s) {
    const double before = line_time(me);
    const auto start = Clock::now();
    for (int i = 0; i < kMessages; ++i) {
      if (outlet) {
        while (!outlet->send(data.data(), kBytes, 1)) continue;
        continue;
      }
      const std::byte* message = nullptr;
      while ((message = inlet->borrow(kBytes, 1)) == nullptr) continue;
      std::memcpy(data.data(), message, kBytes);
      inlet->release();
    }
    const double time = nanoseconds(Clock::now() - start);
    const double after = line_time(me);
    if (std::strcmp(place(before), place(after)) == 0) samples.push_back({before, kBytes * kMessages / time});
  }
  if (me.rank == 1) print("one way, 64 KiB slots", "GB/s", samples);
  me.barrier();
}

/// Everybody writes 32 bytes for all others and reads theirs, sleeping at once: the pattern of a one-shot
/// all-reduce.
void exchange(Rank& me) {
  std::vector<int> others;
  for (int peer = 0; peer < me.size; ++peer)
    if (peer != me.rank) others.push_back(peer);
  auto outlet = me.transport->open_outlet(others, 0);
  std::vector<std::unique_ptr<tutti::Inlet>> inlets;
  for (const int writer : others) {
    std::vector<int> readers;
    for (int peer = 0; peer < me.size; ++peer)
      if (peer != writer) readers.push_back(peer);
    inlets.push_back(me.transport->open_inlet(writer, readers, 0, tutti::after_ms(10'000)));
  }
  const auto wait = [&](const auto& done) {
    while (!done()) {
      me.transport->arm();
      const bool now = done();
      if (!now) me.transport->sleep(1000);
      me.transport->disarm();
      if (now) return;
    }
  };
  std::array<std::byte, 32> data{};
  constexpr int kCalls = 20'000;
  me.barrier();
  const auto start = Clock::now();
  for (int i = 0; i < kCalls; ++i) {
    wait([&] { return outlet->send(data.data(), data.size(), 1); });
    for (auto& inlet : inlets) {
      wait([&] { return inlet->borrow(data.size(), 1) != nullptr; });
      inlet->release();
    }
  }
  if (me.rank == 0)
    std::printf("exchange of 32 B, %2d ranks asleep: %.2f us a call\n", me.size,
                nanoseconds(Clock::now() - start) / kCalls / 1e3);
  me.barrier();
}

void live(Board* board, int rank, int size, bool oversubscribed, const std::function<void(Rank&)>& body) {
  tutti::Failure failure;
  World world;
  world.rank = rank;
  world.size = size;
  world.host_of.assign(static_cast<std::size_t>(size), 0);
  world.oversubscribed = oversubscribed;
  world.failure = &failure;
  world.sign = [](std::span<const std::byte>) { return tutti::Digest{}; };
  Rank me{rank, size, board, tutti::make_shm_transport(world)};
  std::snprintf(board->addresses[static_cast<std::size_t>(rank)].data(), 4096, "%s",
                me.transport->address().c_str());
  me.barrier();
  std::vector<std::string> addresses;
  for (int peer = 0; peer < size; ++peer)
    addresses.emplace_back(board->addresses[static_cast<std::size_t>(peer)].data());
  me.transport->meet(addresses);
  body(me);
}

void run(int size, bool oversubscribed, const std::function<void(Rank&)>& body) {
  void* memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* board = new (memory) Board;
  for (int rank = 0; rank < size; ++rank) {
    if (::fork() != 0) continue;
    live(board, rank, size, oversubscribed, body);
    std::fflush(stdout);
    ::_exit(0);
  }
  for (int rank = 0; rank < size; ++rank) ::wait(nullptr);
  ::munmap(memory, sizeof(Board));
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count > 1) {
    run(std::clamp(std::stoi(arguments[1]), 2, kMostRanks), true, exchange);
    return 0;
  }
  run(2, false, [](Rank& me) {
    ping_pong(me, 8, 0);
    ping_pong(me, 56, 1);
    ping_pong(me, 2048, 2);
    stream(me, 3);
  });
  run(2, true, exchange);
  run(4, true, exchange);
}
