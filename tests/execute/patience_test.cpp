// The times are told, not measured.
#include "execute/patience.hpp"

#include <gtest/gtest.h>

namespace tutti {
namespace {

World world_that_spins(int spin_us, bool oversubscribed = false) {
  World world;
  world.settings.spin_us = spin_us;
  world.oversubscribed = oversubscribed;
  return world;
}

TEST(Patience, is_what_the_setting_says_at_first) {
  const Patience patience(world_that_spins(100));
  EXPECT_FALSE(patience.ends_before(100'000));
  EXPECT_TRUE(patience.ends_before(100'001));
}

TEST(Patience, grows_while_sleeps_end_soon) {
  Patience patience(world_that_spins(100));
  patience.woken(180'000);
  EXPECT_FALSE(patience.ends_before(999'999));
  EXPECT_TRUE(patience.ends_before(1'000'001));
  patience.woken(900'000);
  EXPECT_FALSE(patience.ends_before(999'999));
}

TEST(Patience, is_lost_with_a_long_sleep) {
  Patience patience(world_that_spins(100));
  patience.woken(180'000);
  patience.woken(2'000'000);
  EXPECT_TRUE(patience.ends_before(100'001));
}

TEST(Patience, never_comes_to_who_is_to_sleep_at_once) {
  Patience patience(world_that_spins(0));
  patience.woken(1);
  EXPECT_TRUE(patience.ends_before(1));
}

TEST(Patience, does_not_grow_where_ranks_share_cores) {
  Patience patience(world_that_spins(100, true));
  EXPECT_TRUE(patience.ends_before(1'000));
  patience.woken(500);
  patience.woken(100);
  EXPECT_TRUE(patience.ends_before(1'000));
}

}  // namespace
}  // namespace tutti
