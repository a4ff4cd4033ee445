// What tuttiMemAlloc gave out is known to the devices, as long as it is out and no longer.
#include "transport/known_memory.hpp"

#include <sys/mman.h>

#include "transport/conformance.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti {
namespace {

constexpr std::size_t kBytes = 64 << 10;

Mapping pages(void* at = nullptr) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at == nullptr ? 0 : MAP_FIXED_NOREPLACE);
  void* const memory = ::mmap(at, kBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  return {static_cast<std::byte*>(memory), kBytes};
}

struct KnownMemoryTest : ::testing::Test {
  void SetUp() override { verbs_double::reset(); }
  void TearDown() override { EXPECT_EQ(verbs_double::living(), 0u) << "verbs objects leaked"; }

  Allocations allocations;
};

TEST_F(KnownMemoryTest, is_added_when_given_out_and_removed_when_it_has_come_back) {
  verbs_double::Pair pair({.zero_copy = true});
  Transport* const transports[] = {pair.transports[0].get()};
  KnownMemory known(transports, allocations);
  std::byte* const first = allocations.add(pages());
  EXPECT_FALSE(pair.outlet->takes(first, kBytes));
  known.refresh();
  EXPECT_TRUE(pair.outlet->takes(first, kBytes));
  EXPECT_TRUE(pair.outlet->takes(first + 100, kBytes - 100));
  EXPECT_FALSE(pair.outlet->takes(first + 100, kBytes));
  EXPECT_FALSE(pair.outlet->takes(first, 8)) << "what is short is copied";
  std::byte* const second = allocations.add(pages());
  ASSERT_TRUE(allocations.remove(first));
  known.refresh();
  EXPECT_FALSE(pair.outlet->takes(first, kBytes));
  EXPECT_TRUE(pair.outlet->takes(second, kBytes));
  EXPECT_FALSE(allocations.remove(first)) << "it has come back before";
}

// Other pages at an address that was known before: the device would still write to the old ones.
TEST_F(KnownMemoryTest, is_registered_anew_when_an_address_is_given_out_again) {
  verbs_double::Pair pair({.zero_copy = true});
  Transport* const transports[] = {pair.transports[0].get()};
  KnownMemory known(transports, allocations);
  std::byte* const memory = allocations.add(pages());
  known.refresh();
  const std::size_t before = verbs_double::living();
  const long calls = verbs_faults::calls();
  ASSERT_TRUE(allocations.remove(memory));
  ASSERT_EQ(allocations.add(pages(memory)), memory);
  known.refresh();
  EXPECT_TRUE(pair.outlet->takes(memory, kBytes));
  EXPECT_EQ(verbs_double::living(), before);
  EXPECT_EQ(verbs_faults::calls(), calls + 1) << "one ibv_reg_mr";
}

TEST_F(KnownMemoryTest, goes_by_copies_where_a_device_refuses_it) {
  verbs_double::Pair pair({.zero_copy = true});
  Transport* const transports[] = {pair.transports[0].get()};
  KnownMemory known(transports, allocations);
  std::byte* const memory = allocations.add(pages());
  verbs_faults::fail_call(0);
  known.refresh();
  EXPECT_EQ(verbs_faults::failed_call(), "ibv_reg_mr_iova2");
  verbs_faults::fail_call(-1);
  EXPECT_FALSE(pair.outlet->takes(memory, kBytes));
  std::vector<std::byte> target(kBytes);
  pair.move({memory, kBytes}, target, 1);
  EXPECT_TRUE(std::equal(target.begin(), target.end(), memory));
}

TEST_F(KnownMemoryTest, is_nobody_s_business_where_wires_copy) {
  verbs_double::Pair pair({.zero_copy = false});
  Transport* const transports[] = {pair.transports[0].get()};
  KnownMemory known(transports, allocations);
  std::byte* const memory = allocations.add(pages());
  const std::size_t before = verbs_double::living();
  known.refresh();
  EXPECT_EQ(verbs_double::living(), before);
  EXPECT_FALSE(pair.outlet->takes(memory, kBytes));
}

}  // namespace
}  // namespace tutti
