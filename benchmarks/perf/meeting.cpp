#include "meeting.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>
#include <memory>
#include <system_error>
#include <thread>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace perf {
namespace {

constexpr std::size_t kBoardValues = 512;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct SharedMeeting::Table {
  alignas(64) std::atomic<std::uint32_t> arrived{0};
  alignas(64) std::atomic<std::uint32_t> generation{0};
  std::atomic<std::uint32_t> sleepers{0};
  alignas(64) tuttiUniqueId id{};
  // Then kBoardValues doubles a rank.
};

SharedMeeting::Table& SharedMeeting::make_table(int ranks) {
  const std::size_t bytes = sizeof(Table) + static_cast<std::size_t>(ranks) * kBoardValues * sizeof(double);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap of shared memory");
  return *std::construct_at(static_cast<Table*>(memory));
}

SharedMeeting::SharedMeeting(Table& table, int rank, int ranks)
    : table_(table),
      rank_(rank),
      ranks_(ranks),
      // Where every rank has a core, spin: a wake-up costs more than most calls. Else give the core away at
      // once.
      spins_(static_cast<unsigned>(ranks) <= std::thread::hardware_concurrency() ? 100'000 : 0) {}

void SharedMeeting::barrier() {
  // relaxed: nobody can advance the generation before this rank has arrived.
  const std::uint32_t generation = table_.generation.load(std::memory_order_relaxed);
  // acq_rel: what each rank did before the barrier is seen by all after it.
  if (table_.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(ranks_)) {
    table_.arrived.store(0, std::memory_order_relaxed);  // relaxed: published by the generation
    // seq_cst, here and at the sleepers: either the sleeper sees the new generation, or it is seen and woken.
    table_.generation.store(generation + 1, std::memory_order_seq_cst);
    if (table_.sleepers.load(std::memory_order_seq_cst) != 0)
      syscall(SYS_futex, &table_.generation, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    return;
  }
  // acquire: pairs with the store of the last one to arrive.
  for (int spin = 0; spin < spins_; ++spin, pause())
    if (table_.generation.load(std::memory_order_acquire) != generation) return;
  table_.sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (table_.generation.load(std::memory_order_seq_cst) == generation) sleep(generation);
  table_.sleepers.fetch_sub(1, std::memory_order_relaxed);  // relaxed: at worst one wake-up too many
}

void SharedMeeting::sleep(std::uint32_t generation) {
  const timespec look_again{.tv_sec = 0, .tv_nsec = 200'000'000};
  syscall(SYS_futex, &table_.generation, FUTEX_WAIT, generation, &look_again, nullptr, 0);
  if (comm_ != nullptr) comm_->check_async();
}

std::span<double> SharedMeeting::board(int rank) const {
  auto* boards = reinterpret_cast<double*>(&table_ + 1);
  return {boards + static_cast<std::size_t>(rank) * kBoardValues, kBoardValues};
}

void SharedMeeting::combine(std::span<double> values, Combine how) {
  for (std::size_t begin = 0; begin < values.size(); begin += kBoardValues) {
    const auto part = values.subspan(begin, std::min(kBoardValues, values.size() - begin));
    std::copy(part.begin(), part.end(), board(rank_).begin());
    barrier();
    for (std::size_t i = 0; i < part.size(); ++i) {
      double result = board(0)[i];
      for (int rank = 1; rank < ranks_; ++rank)
        result = how == Combine::sum ? result + board(rank)[i] : std::max(result, board(rank)[i]);
      part[i] = result;
    }
    barrier();  // all have read before anyone writes again
  }
}

tuttiUniqueId SharedMeeting::share(tuttiUniqueId id) {
  if (rank_ == 0) table_.id = id;
  barrier();
  return table_.id;
}

void RemoteMeeting::barrier() {
  tutti::check(tuttiBarrier(comm_, nullptr), comm_);
}

void RemoteMeeting::combine(std::span<double> values, Combine how) {
  const tuttiRedOp_t op = how == Combine::sum ? tuttiSum : tuttiMax;
  tutti::check(tuttiAllReduce(values.data(), values.data(), values.size(), tuttiFloat64, op, comm_, nullptr),
               comm_);
}

}  // namespace perf
