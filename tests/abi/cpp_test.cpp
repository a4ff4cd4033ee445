// The C++ interface: what it is at compile time, and that errors arrive as exceptions.
#include <array>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tutti/tutti.hpp>

namespace {

struct Bfloat16 {
  std::uint16_t bits;
};

}  // namespace

template <>
inline constexpr tuttiDataType_t tutti::data_type<Bfloat16> = tuttiBfloat16;

namespace {

using tutti::Buffer;
using tutti::Communicator;
using tutti::ConstBuffer;

static_assert(tutti::data_type<float> == tuttiFloat32 && tutti::data_type<std::uint8_t> == tuttiUint8);
static_assert(tutti::data_type<long> == tuttiInt64 && tutti::data_type<unsigned long long> == tuttiUint64);
static_assert(tutti::Element<Bfloat16> && tutti::Element<const double>);
static_assert(!tutti::Element<bool> && !tutti::Element<short> && !tutti::Element<std::string>);
static_assert(std::is_convertible_v<const std::vector<float>&, ConstBuffer>);
static_assert(std::is_convertible_v<std::span<int>, Buffer> &&
              std::is_convertible_v<std::array<Bfloat16, 3>&, Buffer>);
static_assert(!std::is_convertible_v<const std::vector<float>&, Buffer> &&
              !std::is_convertible_v<std::span<const int>, Buffer>);
static_assert(!std::is_copy_constructible_v<Communicator> &&
              std::is_nothrow_move_constructible_v<Communicator>);

/// Runs the body on each of `size` ranks, a thread each.
void on_ranks(int size, const std::function<void(Communicator&)>& body) {
  auto ranks = Communicator::all_here(size);
  std::vector<std::thread> threads;
  for (Communicator& comm : ranks)
    threads.emplace_back([&body, own = std::move(comm)]() mutable { body(own); });
  for (std::thread& thread : threads) thread.join();
}

TEST(Cpp, sums_in_place_and_out_of_place) {
  on_ranks(3, [](Communicator& comm) {
    std::vector<int> values(5, comm.rank() + 1);
    comm.all_reduce(values);
    EXPECT_THAT(values, testing::Each(6));
    std::array<double, 2> out{};
    comm.all_reduce(std::array{1.0 * comm.rank(), -1.0 * comm.rank()}, out, tutti::max);
    EXPECT_THAT(out, testing::ElementsAre(2, 0));
  });
}

TEST(Cpp, gathers_blocks) {
  on_ranks(2, [](Communicator& comm) {
    const std::array own{10 * comm.rank(), 10 * comm.rank() + 1};
    std::vector<int> all(4);
    comm.all_gather(own, all);
    EXPECT_THAT(all, testing::ElementsAre(0, 1, 10, 11));
  });
}

TEST(Cpp, multiplies_before_summing) {
  on_ranks(2, [](Communicator& comm) {
    std::array<float, 1> value{3};
    comm.all_reduce(value, tutti::PreMulSum(comm.get(), comm.rank() == 0 ? 2.0f : 10.0f));
    EXPECT_EQ(value[0], 36);
  });
}

TEST(Cpp, exchanges_within_an_asynchronous_group) {
  on_ranks(2, [](Communicator& comm) {
    const int other = 1 - comm.rank();
    const std::array out{comm.rank()};
    std::array<int, 1> in{-1};
    tutti::Group group;
    comm.send(out, other);
    comm.receive(in, other);
    tutti::Work work = group.end_async();
    work.wait();
    EXPECT_TRUE(work.done());
    EXPECT_EQ(in[0], other);
  });
}

TEST(Cpp, throws_the_sentence_and_stays_usable) {
  on_ranks(2, [](Communicator& comm) {
    std::vector<float> values(4, 1);
    try {
      comm.broadcast(values, 7);
      ADD_FAILURE() << "root 7 of 2 ranks was accepted";
    } catch (const tutti::Error& error) {
      EXPECT_EQ(error.code(), tuttiInvalidArgument);
      EXPECT_THAT(error.what(), testing::HasSubstr("7"));
    }
    comm.all_reduce(values);
    EXPECT_THAT(values, testing::Each(2));
  });
}

TEST(Cpp, refuses_buffers_that_do_not_fit_each_other) {
  on_ranks(1, [](Communicator& comm) {
    std::vector<float> three(3), four(4);
    EXPECT_THROW(comm.all_reduce(three, four), tutti::Error);
    EXPECT_THROW(comm.all_reduce(std::vector<int>(3), three), tutti::Error);
  });
}

TEST(Cpp, sends_nothing_of_a_group_that_an_exception_left) {
  on_ranks(1, [](Communicator& comm) {
    std::vector<int> values{1};
    try {
      tutti::Group group;
      comm.send(values, 0);  // alone, it would wait for ever
      throw std::runtime_error("something else");
    } catch (const std::runtime_error&) {
    }
    comm.all_reduce(values);
    EXPECT_EQ(values[0], 1);
  });
}

TEST(Cpp, allocates_zeroed_memory) {
  tutti::Memory<int> memory(1000);
  EXPECT_EQ(std::accumulate(memory.begin(), memory.end(), 0), 0);
  EXPECT_EQ(memory.size(), 1000u);
}

}  // namespace
