// Memory: what tuttiMemAlloc gives, registrations, and calls on more than 2^32 elements.
#include <cstring>
#include <fstream>

#include <sys/mman.h>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

TEST(Memory, comes_aligned_and_goes_back_once) {
  for (const std::size_t bytes : {1UL, 4096UL, 5UL << 20}) {
    void* memory = nullptr;
    EXPECT_OK(tuttiMemAlloc(&memory, bytes), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 4096, 0U);
    std::memset(memory, 1, bytes);
    EXPECT_OK(tuttiMemFree(memory), nullptr);
    EXPECT_EQ(tuttiMemFree(memory), tuttiInvalidArgument);
  }
}

TEST(Memory, of_no_bytes_is_null) {
  int place = 0;
  void* memory = &place;
  EXPECT_OK(tuttiMemAlloc(&memory, 0), nullptr);
  EXPECT_EQ(memory, nullptr);
  EXPECT_OK(tuttiMemFree(nullptr), nullptr);
  EXPECT_EQ(tuttiMemFree(&place), tuttiInvalidArgument);
  EXPECT_THAT(tuttiGetLastError(nullptr), testing::HasSubstr("tuttiMemAlloc"));
  EXPECT_EQ(tuttiMemAlloc(nullptr, 1), tuttiInvalidArgument);
  EXPECT_EQ(tuttiMemAlloc(&memory, std::size_t{1} << 60), tuttiSystemError);
}

TEST(Memory, can_be_registered_with_a_communicator) {
  Ranks ranks(2);
  ranks.run([](int rank, tuttiComm_t comm) {
    void* memory = nullptr;
    void* handle = nullptr;
    EXPECT_OK(tuttiMemAlloc(&memory, 4096), nullptr);
    EXPECT_OK(tuttiCommRegister(comm, memory, 4096, &handle), comm);
    auto* values = static_cast<int*>(memory);
    for (int i = 0; i < 1024; ++i) values[i] = rank + i;
    EXPECT_OK(tuttiAllReduce(values, values, 1024, tuttiInt32, tuttiSum, comm, nullptr), comm);
    for (int i = 0; i < 1024; ++i) ASSERT_EQ(values[i], 2 * i + 1);
    EXPECT_OK(tuttiCommDeregister(comm, handle), comm);
    EXPECT_EQ(tuttiCommDeregister(comm, handle), tuttiInvalidArgument);
    EXPECT_EQ(tuttiCommRegister(comm, memory, 4096, nullptr), tuttiInvalidArgument);
    EXPECT_EQ(tuttiCommRegister(comm, nullptr, 4096, &handle), tuttiInvalidArgument);
    EXPECT_OK(tuttiMemFree(memory), nullptr);
  });
}

std::size_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::size_t kilobytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (std::sscanf(line.c_str(), "MemAvailable: %zu kB", &kilobytes) == 1) return kilobytes << 10;
  }
  return 0;
}

/// Pages that exist once they are written.
std::byte* lazy_memory(std::size_t bytes) {
  void* memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

TEST(Memory, of_more_than_four_gigabytes_goes_in_one_call) {
  constexpr std::size_t kCount = (std::size_t{1} << 32) + 5;
  constexpr std::size_t kMark = 1'000'003;  // a prime: marks fall anywhere in chunks
  if (available_bytes() < std::size_t{12} << 30) {
    GTEST_SKIP() << "left out: two buffers of 4.3 GB need 12 GB of available memory, there are "
                 << (available_bytes() >> 20) << " MiB";
  }
  Ranks ranks(2);
  ranks.run([&](int rank, tuttiComm_t comm) {
    std::byte* const memory = lazy_memory(kCount);
    EXPECT_NE(memory, nullptr);
    const auto mark = [](std::size_t i) { return static_cast<std::byte>(1 + i / kMark % 251); };
    if (rank == 0) {
      for (std::size_t i = 0; i < kCount; i += kMark) memory[i] = mark(i);
      memory[kCount - 1] = std::byte{99};
    }
    EXPECT_OK(tuttiBroadcast(memory, memory, kCount, tuttiUint8, 0, comm, nullptr), comm);
    for (std::size_t i = 0; i < kCount; i += kMark) ASSERT_EQ(memory[i], mark(i)) << "byte " << i;
    EXPECT_EQ(memory[kCount - 1], std::byte{99});
    ::munmap(memory, kCount);
  });
}

}  // namespace
}  // namespace tutti_tests
