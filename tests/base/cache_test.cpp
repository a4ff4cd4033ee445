#include "base/cache.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace tutti {
namespace {

/// A processor's folder in sysfs, as a test would have it.
class Caches : public ::testing::Test {
 protected:
  Caches() {
    std::string pattern = ::testing::TempDir() + "/tutti-cache-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Caches() override { std::filesystem::remove_all(folder_); }

  void add(int index, const char* level, const char* type, const char* size, const char* processors) {
    const auto cache = folder_ / ("index" + std::to_string(index));
    std::filesystem::create_directory(cache);
    std::ofstream(cache / "level") << level << '\n';
    std::ofstream(cache / "type") << type << '\n';
    std::ofstream(cache / "size") << size << '\n';
    std::ofstream(cache / "shared_cpu_map") << processors << '\n';
  }

  std::filesystem::path folder_;
};

TEST_F(Caches, last_is_the_highest_level) {
  add(0, "1", "Data", "32K", "1");
  add(1, "1", "Instruction", "64K", "1");
  add(2, "2", "Unified", "1024K", "3");
  add(3, "3", "Unified", "32768K", "ff,000000ff");
  const LastLevelCache last = last_level_cache(folder_);
  EXPECT_EQ(last.bytes, 32u << 20);
  EXPECT_EQ(last.processors, 16);
}

TEST_F(Caches, without_a_third_level_the_second_is_the_last) {
  add(0, "1", "Data", "32K", "1");
  add(1, "2", "Unified", "2M", "3");
  const LastLevelCache last = last_level_cache(folder_);
  EXPECT_EQ(last.bytes, 2u << 20);
  EXPECT_EQ(last.processors, 2);
}

TEST_F(Caches, what_the_kernel_does_not_tell_is_guessed) {
  for (const char* size : {"", "much", "32Q"}) {
    add(0, "3", "Unified", size, "");
    EXPECT_EQ(last_level_cache(folder_).bytes, LastLevelCache().bytes) << size;
  }
  add(0, "3", "Unified", "8M", "");
  EXPECT_EQ(last_level_cache(folder_).processors, 1);
  EXPECT_EQ(last_level_cache(folder_ / "none").bytes, LastLevelCache().bytes);
}

}  // namespace
}  // namespace tutti
