// One-sided writes over the verbs double: what the device refuses, and what it reports.
#include <gmock/gmock.h>

#include "transport/conformance.hpp"
#include "transport/verbs_double.hpp"
#include "transport/verbs_faults.hpp"

namespace tutti::onesided {
namespace {

using conformance::Member;
using conformance::on_threads;
using conformance::pattern;

const conformance::Wire& wire() {
  static const std::vector<conformance::Wire> all = conformance::wires();
  return all.front();
}

TEST(VerbsReach, memory_that_the_device_refuses_is_not_exposed) {
  on_threads(wire(), 1, [](Member& member) {
    std::vector<std::byte> memory(100'000);
    verbs_faults::fail_call(0);
    EXPECT_EQ(member.transport->expose(memory.data(), memory.size()), "");
    EXPECT_EQ(verbs_faults::failed_call(), "ibv_reg_mr");
    verbs_faults::fail_call(-1);
    const std::string words = member.transport->expose(memory.data(), memory.size());
    EXPECT_NE(words, "");
    member.transport->conceal(words);
  });
  EXPECT_EQ(verbs_double::living(), 0U);
}

TEST(VerbsReach, a_window_is_written_until_it_is_concealed_and_from_registered_memory_only) {
  std::vector<std::byte> window(2'000'000);
  std::string words;
  on_threads(wire(), 2, [&](Member& member) {
    if (member.rank() == 1) {
      words = member.transport->expose(window.data(), window.size());
      const auto inlet = member.inlet(0);
      member.barrier();
      (void)member.borrow(*inlet, 8);
      EXPECT_EQ(window, pattern(window.size(), 3));
      member.transport->conceal(words);
      member.barrier();
      member.barrier();
      return;
    }
    std::vector<std::byte> source = pattern(window.size(), 3);
    const auto outlet = member.outlet({1});
    member.barrier();
    const auto reach = outlet->reach(words);
    ASSERT_NE(reach, nullptr);
    EXPECT_EQ(outlet->reach("nonsense"), nullptr);
    EXPECT_FALSE(reach->takes(source.data(), source.size()));
    const std::string own = member.transport->expose(source.data(), source.size());
    EXPECT_TRUE(reach->takes(source.data(), source.size()));
    EXPECT_FALSE(reach->takes(source.data() + 1, source.size()));
    std::size_t done = 0;
    member.wait([&] {
      done += reach->write(done, source.data() + done, source.size() - done);
      return done == source.size();
    });
    member.send(*outlet, pattern(8, 0));  // whoever has it has all of the above
    member.wait([&] { return reach->written(); });
    member.barrier();
    (void)reach->write(0, source.data(), 100);
    try {
      member.wait([&] { return reach->written(); });
      ADD_FAILURE() << "it was written into memory that is concealed";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  testing::AllOf(testing::HasSubstr("rank 1"), testing::HasSubstr("remote access")));
    }
    member.barrier();
  });
  EXPECT_EQ(verbs_double::living(), 0U);
}

}  // namespace
}  // namespace tutti::onesided
