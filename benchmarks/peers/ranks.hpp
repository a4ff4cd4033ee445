// The ranks of one measured run, whatever library they measure: local processes that share one small file
// mapping, through which they wait for each other and find out where their cores lie. Header-only, since each
// peer's own compiler builds it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace peers {

// Where the two ranks' cores lie, told by the time that a cache line takes between them. A virtual machine
// may move its cores several times a second, so every sample is tagged and compared only with those of the
// same place.
enum class Place { smt, l3, far, any };  // any: not two ranks, hence not told
inline constexpr int kPlaces = 4;
inline constexpr const char* kPlaceNames[kPlaces] = {"smt", "l3", "far", "any"};

inline constexpr int kMaxRanks = 128;
inline constexpr int kBlobBytes = 256;

inline double now_ns() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Ranks {
 public:
  // Every rank maps the same file, which exists and is fresh (all zero, or empty).
  Ranks(const std::string& path, int rank, int size) : rank_(rank), size_(size) {
    if (size > kMaxRanks) throw std::runtime_error("more than " + std::to_string(kMaxRanks) + " ranks");
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) throw std::runtime_error("cannot use " + path);
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot map " + path);
    shared_ = static_cast<Shared*>(memory);
    waits_ = share_cores() ? Waits::sleep : Waits::spin;
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  ~Ranks() { munmap(shared_, sizeof(Shared)); }

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool share_cores() const {
    return size_ > static_cast<int>(std::thread::hardware_concurrency());
  }

  // For ranks that share a core though the machine has enough of them; before the first barrier.
  void yield_in_barriers() { waits_ = Waits::yield; }

  // Returns when every rank has called it. Spins where each rank has a core of its own, else soon sleeps.
  void barrier() {
    // acquire-release: what a rank wrote before the barrier, every rank sees after it.
    const uint32_t generation = shared_->generation.value.load(std::memory_order_acquire);
    if (shared_->arrived.value.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(size_)) {
      shared_->arrived.value.store(0, std::memory_order_relaxed);  // relaxed: published by the next store
      shared_->generation.value.store(generation + 1, std::memory_order_release);
      if (waits_ == Waits::sleep) futex(FUTEX_WAKE, kMaxRanks);
      return;
    }
    constexpr int kSpins = 100;
    for (long spin = 0; shared_->generation.value.load(std::memory_order_acquire) == generation; ++spin) {
      if (waits_ == Waits::yield)
        sched_yield();
      else if (waits_ == Waits::sleep && spin >= kSpins)
        futex(FUTEX_WAIT, generation);
      else
        pause();
    }
  }

  // Collective of two ranks: a cache line goes there and back so often.
  void round_trips(uint32_t trips) {
    const uint32_t start =
        shared_->ping[rank_].value.load(std::memory_order_relaxed);  // relaxed: one's own last value
    for (uint32_t trip = start + 1; trip <= start + trips; ++trip) {
      if (rank_ == 0) shared_->ping[0].value.store(trip, std::memory_order_release);
      while (shared_->ping[1 - rank_].value.load(std::memory_order_acquire) != trip) pause();
      if (rank_ == 1) shared_->ping[1].value.store(trip, std::memory_order_release);
    }
  }

  // Collective: where the cores of two ranks are. The answer counts on rank 0.
  Place place() {
    if (size_ != 2) return Place::any;
    constexpr int kTrips = 8;
    barrier();
    const double before_ns = now_ns();
    round_trips(kTrips);
    const double one_way_ns = (now_ns() - before_ns) / (2 * kTrips);
    return one_way_ns < 45 ? Place::smt : one_way_ns < 150 ? Place::l3 : Place::far;
  }

  // The slowest rank's time, on every rank; collective.
  double slowest(double own_ns) {
    shared_->time_ns[rank_].value = own_ns;
    barrier();
    double slowest_ns = 0;
    for (int rank = 0; rank < size_; ++rank) slowest_ns = std::max(slowest_ns, shared_->time_ns[rank].value);
    return slowest_ns;
  }

  // Rank 0 says whether to go on before a barrier; the others read it after.
  void say_stop(bool stop) { shared_->stop = stop; }
  [[nodiscard]] bool stop() const { return shared_->stop; }

  // Room for what a library must carry from rank 0 to the others before it can talk: between two barriers.
  [[nodiscard]] char* blob() { return shared_->blob; }

 private:
  enum class Waits { spin, sleep, yield };

  template <class T>
  struct alignas(128) Line {  // two cache lines, since they are fetched in pairs
    T value;
  };
  struct Shared {
    Line<std::atomic<uint32_t>> arrived, generation, ping[2];
    Line<double> time_ns[kMaxRanks];
    alignas(128) bool stop;
    char blob[kBlobBytes];
  };

  void futex(int operation, uint32_t value) {
    syscall(SYS_futex, &shared_->generation.value, operation, value, nullptr, nullptr, 0);
  }

  const int rank_, size_;
  Waits waits_;
  Shared* shared_;
};

}  // namespace peers
