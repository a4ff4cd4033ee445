// Calls on tuttiMemAlloc memory that is more than caches hold: ranks of one host read it where it lies.
#include <algorithm>
#include <cstdio>
#include <string_view>

#include <unistd.h>

#include "api/ranks.hpp"

namespace tutti_tests {
namespace {

/// Elements of a call that takes results past the caches of two ranks or more, and no more than that needs.
std::size_t elements() {
  const auto cache = std::clamp<long>(::sysconf(_SC_LEVEL3_CACHE_SIZE), 16 << 20, 256 << 20);
  return static_cast<std::size_t>(cache / 4) / sizeof(int) + 12345;
}

class Buffer {
 public:
  explicit Buffer(std::size_t count) { EXPECT_OK(tuttiMemAlloc(&memory_, count * sizeof(int)), nullptr); }
  ~Buffer() { EXPECT_OK(tuttiMemFree(memory_), nullptr); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  [[nodiscard]] int* data() const { return static_cast<int*>(memory_); }

 private:
  void* memory_ = nullptr;
};

/// Element i of a rank's input; differs between neighbours and ranks.
int input(int rank, std::size_t i) {
  return static_cast<int>(i % 1009) * (rank + 1);
}
void fill(const Buffer& buffer, int rank, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) buffer.data()[i] = input(rank, i);
}
/// How many of the elements are not what `expected(i)` says.
template <typename Expected>
std::size_t wrong(const Buffer& buffer, std::size_t count, const Expected& expected) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < count; ++i) result += buffer.data()[i] != expected(i) ? 1 : 0;
  return result;
}
int sum(int ranks, std::size_t i) {
  return static_cast<int>(i % 1009) * (ranks * (ranks + 1) / 2);
}

/// How often tuttiMemAlloc memory is mapped in this process, in which all ranks are.
int mappings() {
  int count = 0;
  FILE* const maps = std::fopen("/proc/self/maps", "r");
  for (char line[4096]; std::fgets(line, sizeof line, maps) != nullptr;) {
    const std::string_view text(line);
    count += text.find("tutti-memory") != text.npos ? 1 : 0;
  }
  std::fclose(maps);
  return count;
}

class Lending : public testing::TestWithParam<int> {};

TEST_P(Lending, gives_the_right_results) {
  const int size = GetParam();
  const auto ranks = static_cast<std::size_t>(size);
  const std::size_t part = elements() / ranks, whole = part * ranks;
  Ranks world(size, "TUTTI_TRANSPORT=shm");
  world.run([&](int rank, tuttiComm_t comm) {
    const auto own = static_cast<std::size_t>(rank);
    const Buffer in(whole), out(whole);
    fill(in, rank, whole);
    EXPECT_OK(tuttiAllReduce(in.data(), out.data(), whole, tuttiInt32, tuttiSum, comm, nullptr), comm);
    EXPECT_EQ(wrong(out, whole, [&](std::size_t i) { return sum(size, i); }), 0U);
    EXPECT_GT(mappings(), 2 * size) << "this was to be read where it lies";

    EXPECT_OK(tuttiReduceScatter(in.data(), out.data(), part, tuttiInt32, tuttiSum, comm, nullptr), comm);
    EXPECT_EQ(wrong(out, part, [&](std::size_t i) { return sum(size, own * part + i); }), 0U);

    EXPECT_OK(tuttiAllGather(in.data(), out.data(), part, tuttiInt32, comm, nullptr), comm);
    EXPECT_EQ(wrong(out, whole, [&](std::size_t i) { return input(static_cast<int>(i / part), i % part); }),
              0U);

    EXPECT_OK(tuttiAlltoAll(in.data(), out.data(), part, tuttiInt32, comm, nullptr), comm);
    EXPECT_EQ(wrong(out, whole,
                    [&](std::size_t i) { return input(static_cast<int>(i / part), own * part + i % part); }),
              0U);

    // In place: what peers read is what the call overwrites.
    for (int round = 0; round < 2; ++round) {
      fill(out, rank, whole);
      EXPECT_OK(tuttiAllReduce(out.data(), out.data(), whole, tuttiInt32, tuttiSum, comm, nullptr), comm);
      EXPECT_EQ(wrong(out, whole, [&](std::size_t i) { return sum(size, i); }), 0U) << "round " << round;
    }
    const int root = size - 1;
    fill(out, rank, whole);
    EXPECT_OK(tuttiBroadcast(out.data(), out.data(), whole, tuttiInt32, root, comm, nullptr), comm);
    EXPECT_EQ(wrong(out, whole, [&](std::size_t i) { return input(root, i); }), 0U);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Lending, testing::Values(2, 3));

/// What peers cannot read or write goes through slots.
TEST(Lending, goes_as_far_as_each_buffer_allows) {
  const std::size_t count = elements();
  Ranks world(2, "TUTTI_TRANSPORT=shm");
  // Two bits for the ranks' inputs, two for their outputs.
  for (const unsigned shared : {0b0001U, 0b0100U, 0b1001U, 0b1100U}) {
    world.run([&](int rank, tuttiComm_t comm) {
      std::vector<int> private_in(count), private_out(count);
      const Buffer in(count), out(count);
      int* const from = (shared >> rank & 1) != 0 ? in.data() : private_in.data();
      int* const to = (shared >> rank & 4) != 0 ? out.data() : private_out.data();
      for (std::size_t i = 0; i < count; ++i) from[i] = input(rank, i);
      EXPECT_OK(tuttiAllReduce(from, to, count, tuttiInt32, tuttiSum, comm, nullptr), comm);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < count; ++i) wrong += to[i] != sum(2, i) ? 1 : 0;
      EXPECT_EQ(wrong, 0U) << "shared " << shared << ", rank " << rank;
    });
  }
}

/// The writer may write its memory as soon as its call has returned, whoever is late.
TEST(Lending, is_over_when_the_call_returns) {
  const std::size_t count = elements();
  Ranks world(2, "TUTTI_TRANSPORT=shm");
  world.run([&](int rank, tuttiComm_t comm) {
    const Buffer buffer(count);
    for (int round = 0; round < 4; ++round) {
      const int root = round % 2;
      if (rank == root) std::fill_n(buffer.data(), count, round);
      EXPECT_OK(tuttiBroadcast(buffer.data(), buffer.data(), count, tuttiInt32, root, comm, nullptr), comm);
      EXPECT_EQ(wrong(buffer, count, [&](std::size_t) { return round; }), 0U);
      std::fill_n(buffer.data(), count, -1);
    }
  });
}

}  // namespace
}  // namespace tutti_tests
