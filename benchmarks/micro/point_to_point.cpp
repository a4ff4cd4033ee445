// One way between two ranks: the latency of a message, and the bandwidth of messages that follow each other.
// Prints "latency BYTES µs" and "bandwidth BYTES MiB/s" lines, each a median. The ranks are a launcher's.
//
//     softroce ranks 1 point_to_point [--tutti-memory] [SECONDS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <vector>

#include <tutti/tutti.hpp>

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kLargest = 4 << 20;
constexpr int kSamples = 3;  // of each size
constexpr int kWarmUp = 20;  // round trips

double seconds_since(Steady::time_point begin) {
  return std::chrono::duration<double>(Steady::now() - begin).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

class Pair {
 public:
  Pair(tuttiComm_t comm, int rank, bool tutti_memory, double seconds)
      : comm_(comm), rank_(rank), seconds_(seconds) {
    void* memory = nullptr;
    if (tutti_memory)
      tutti::check(tuttiMemAlloc(&memory, kLargest));
    else
      memory = std::aligned_alloc(4096, kLargest);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 1, kLargest);
    memory_ = memory;
  }

  /// Half of a round trip, in µs.
  double latency_us(std::size_t bytes) {
    std::vector<double> halves;
    const auto trip = [&] {
      if (rank_ == 0) send(bytes);
      receive(bytes);
      if (rank_ == 1) send(bytes);
    };
    for (int i = 0; i < kWarmUp; ++i) trip();
    for (bool more = true; more; more = goes_on(halves.size() < 100 || sum(halves) < seconds_)) {
      for (int i = 0; i < 50; ++i) {
        const auto begin = Steady::now();
        trip();
        halves.push_back(seconds_since(begin) / 2);
      }
    }
    return median(halves) * 1e6;
  }

  /// In MiB/s: from the first message's beginning until rank 1 has answered that all are there.
  double bandwidth(std::size_t bytes) {
    const std::size_t messages = std::max<std::size_t>(4, (4 << 20) / bytes);
    std::vector<double> samples;
    for (int sample = 0; sample <= kSamples; ++sample) {
      tutti::check(tuttiBarrier(comm_, nullptr), comm_);
      const auto begin = Steady::now();
      move_all(bytes, messages);
      if (rank_ == 1)
        send(4);
      else
        receive(4);
      if (sample > 0)  // the first one finds out ways and makes plans
        samples.push_back(static_cast<double>(bytes * messages) / seconds_since(begin) / (1 << 20));
    }
    return median(samples);
  }

 private:
  static double sum(const std::vector<double>& values) {
    double all = 0;
    for (const double value : values) all += value;
    return all;
  }
  /// Rank 0's word to both.
  bool goes_on(bool more) {
    std::int32_t word = more ? 1 : 0;
    tutti::check(tuttiBroadcast(&word, &word, 1, tuttiInt32, 0, comm_, nullptr), comm_);
    return word != 0;
  }
  void send(std::size_t bytes) {
    tutti::check(tuttiSend(memory_, bytes, tuttiInt8, 1 - rank_, comm_, nullptr), comm_);
  }
  void receive(std::size_t bytes) {
    tutti::check(tuttiRecv(memory_, bytes, tuttiInt8, 1 - rank_, comm_, nullptr), comm_);
  }
  void move_all(std::size_t bytes, std::size_t messages) {
    constexpr std::size_t kWindow = 8;
    for (std::size_t done = 0; done < messages; done += kWindow) {
      tutti::Group group;
      for (std::size_t i = done; i < std::min(messages, done + kWindow); ++i)
        rank_ == 0 ? send(bytes) : receive(bytes);
      group.end();
    }
  }

  tuttiComm_t comm_;
  int rank_;
  double seconds_;
  void* memory_ = nullptr;
};

int measure(bool tutti_memory, double seconds) {
  auto comm = tutti::Communicator::from_environment();
  if (comm.size() != 2) throw std::invalid_argument("two ranks are needed");
  Pair pair(comm.get(), comm.rank(), tutti_memory, seconds);
  const auto tell = [&](const char* what, std::size_t bytes, double value) {
    if (comm.rank() == 0) std::printf("%s %zu %.2f\n", what, bytes, value);
    std::fflush(stdout);
  };
  tell("latency", 8, pair.latency_us(8));
  for (std::size_t bytes = 64 << 10; bytes <= kLargest; bytes *= 4)
    tell("bandwidth", bytes, pair.bandwidth(bytes));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool tutti_memory = argc > 1 && std::strcmp(argv[1], "--tutti-memory") == 0;
  const char* const seconds = argc > (tutti_memory ? 2 : 1) ? argv[argc - 1] : "0.5";
  try {
    return measure(tutti_memory, std::strtod(seconds, nullptr));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "point_to_point: %s\n", error.what());
    return 1;
  }
}
