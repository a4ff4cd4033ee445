#include "base/handle.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/element.hpp"

namespace tutti {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}
bool is_mapped(void* page) {
  return ::msync(page, 1, MS_ASYNC) == 0;
}

TEST(FileDescriptor, closes_on_destruction) {
  int fd = -1;
  {
    const FileDescriptor owner(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    fd = owner.get();
    ASSERT_TRUE(owner);
    ASSERT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(FileDescriptor, moves_release_and_reset) {
  FileDescriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = first.get();
  FileDescriptor second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): empty is the contract
  EXPECT_EQ(second.get(), fd);
  FileDescriptor third;
  third = std::move(second);
  EXPECT_EQ(third.get(), fd);
  EXPECT_EQ(third.release(), fd);
  EXPECT_FALSE(third);
  EXPECT_TRUE(is_open(fd));
  FileDescriptor fourth(fd);
  fourth.reset();
  EXPECT_FALSE(fourth);
  EXPECT_FALSE(is_open(fd));
}

TEST(Mapping, unmaps_on_destruction) {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  {
    Mapping first(static_cast<std::byte*>(page), 4096);
    const Mapping second(std::move(first));
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): empty is the contract
    EXPECT_EQ(second.data(), page);
    EXPECT_EQ(second.bytes(), 4096U);
    EXPECT_TRUE(is_mapped(page));
  }
  EXPECT_FALSE(is_mapped(page));
}

TEST(Clock, deadlines_pass) {
  EXPECT_TRUE(passed(after_ms(0)));
  EXPECT_FALSE(passed(after_ms(60'000)));
  EXPECT_GT(ms_until(after_ms(60'000)), 0);
  EXPECT_EQ(ms_until(after_ms(-5)), 0);
}

TEST(Element, sizes_and_names_fit_the_values_of_the_public_header) {
  EXPECT_EQ(size_of(ElementType::float8e5m2), 1U);
  EXPECT_EQ(size_of(ElementType::bfloat16), 2U);
  EXPECT_EQ(size_of(ElementType::float64), 8U);
  EXPECT_EQ(name_of(ElementType::float16), "half");
  EXPECT_EQ(name_of(ElementType::float8e4m3), "fp8_e4m3");
  EXPECT_EQ(name_of(static_cast<ElementType>(99)), "unknown");
  EXPECT_EQ(name_of(Operator::avg), "avg");
  EXPECT_TRUE(is_floating(ElementType::float16));
  EXPECT_FALSE(is_floating(ElementType::uint64));
}

}  // namespace
}  // namespace tutti
