// A cached call allocates nothing: operator new counts, for each thread (the control plane has its own and
// may).
#include <algorithm>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "comm/ranks.hpp"

namespace {
thread_local long allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t bytes) {
  return counted(bytes);
}
void* operator new[](std::size_t bytes) {
  return counted(bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace tutti {
namespace {

class Cached : public testing::TestWithParam<std::tuple<const char*, std::size_t>> {};

TEST_P(Cached, calls_allocate_nothing) {
  const auto [transport, count] = GetParam();
  Settings settings;
  settings.set("TRANSPORT", transport);
  constexpr int kCalls = 10;
  with_ranks(2, settings, [&, count = count](Communicator& comm) {
    std::vector<float> send(count, 1), receive(count);
    std::byte* const buffers[] = {reinterpret_cast<std::byte*>(send.data()),
                                  reinterpret_cast<std::byte*>(receive.data())};
    Plan& plan = comm.plan(all_reduce_of(count));
    comm.connect(plan);
    for (int call = 0; call < 3; ++call) comm.run(plan, buffers);  // arenas and queues grow to their size
    long least = kCalls;  // a late greeting of the other rank may be heard in one round, a call's own in all
    for (int round = 0; round < 3; ++round) {
      const long before = allocations;
      for (int call = 0; call < kCalls; ++call) comm.run(plan, buffers);
      least = std::min(least, allocations - before);
    }
    EXPECT_EQ(least, 0);
    EXPECT_EQ(receive.back(), 2);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, Cached,
                         testing::Combine(testing::Values("shm", "tcp"),
                                          testing::Values(1U, 1000U, 100'000U, 3'000'000U)));

}  // namespace
}  // namespace tutti
