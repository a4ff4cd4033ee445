#include "base/cache.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace tutti {
namespace {

/// A processor's folder in sysfs, as a test would have it.
class CacheFolder : public ::testing::Test {
 protected:
  CacheFolder() {
    std::string pattern = ::testing::TempDir() + "/tutti-cache-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~CacheFolder() override { std::filesystem::remove_all(folder_); }

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

TEST_F(CacheFolder, last_is_the_highest_level) {
  add(0, "1", "Data", "32K", "1");
  add(1, "1", "Instruction", "64K", "1");
  add(2, "2", "Unified", "1024K", "3");
  add(3, "3", "Unified", "32768K", "ff,000000ff");
  const Caches known = caches(folder_);
  EXPECT_EQ(known.last.bytes, 32u << 20);
  EXPECT_EQ(known.last.processors, 16);
  EXPECT_EQ(known.second_level_bytes, 1u << 20);
}

TEST_F(CacheFolder, without_a_third_level_the_second_is_the_last) {
  add(0, "1", "Data", "32K", "1");
  add(1, "2", "Unified", "2M", "3");
  const Caches known = caches(folder_);
  EXPECT_EQ(known.last.bytes, 2u << 20);
  EXPECT_EQ(known.last.processors, 2);
  EXPECT_EQ(known.second_level_bytes, 2u << 20);
}

TEST_F(CacheFolder, what_the_kernel_does_not_tell_is_guessed) {
  for (const char* size : {"", "much", "32Q"}) {
    add(0, "3", "Unified", size, "");
    EXPECT_EQ(caches(folder_).last.bytes, LastLevelCache().bytes) << size;
  }
  add(0, "3", "Unified", "8M", "");
  EXPECT_EQ(caches(folder_).last.processors, 1);
  EXPECT_EQ(caches(folder_ / "none").last.bytes, LastLevelCache().bytes);
}

}  // namespace
}  // namespace tutti
