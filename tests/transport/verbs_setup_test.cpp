// How connections are set up among many ranks, without any rank waiting for another: here one thread plays
// all of them, one after the other, so whoever waited would do so in vain.
#include <list>

#include <gmock/gmock.h>

#include "transport/tcp_pair.hpp"
#include "transport/verbs/verbs.hpp"
#include "transport/verbs_double.hpp"

namespace tutti {
namespace {

constexpr int kRanks = 16;

struct Rank {
  explicit Rank(int rank) {
    tcp_test::describe_world(world, failure, rank, kRanks);
    world.settings.verbs_slots = 2;
    world.settings.verbs_slot_bytes = 1024;
    transport = make_verbs_transport(world, verbs_double::table());
  }
  World world;
  Failure failure;
  std::unique_ptr<Transport> transport;
  std::vector<std::unique_ptr<Outlet>> outlets;
  std::vector<std::unique_ptr<Inlet>> inlets;
};

class VerbsSetup : public ::testing::Test {
 protected:
  VerbsSetup() {
    verbs_double::reset({.devices = 2});
    std::vector<std::string> addresses;
    for (int rank = 0; rank < kRanks; ++rank)
      addresses.push_back(ranks.emplace_back(rank).transport->address());
    for (Rank& rank : ranks) rank.transport->meet(addresses);
  }
  ~VerbsSetup() override {
    ranks.clear();
    EXPECT_EQ(verbs_double::living(), 0u) << "verbs objects leaked";
  }

  static void open_outlets(Rank& rank) {
    for (int reader = 0; reader < kRanks; ++reader)
      if (reader != rank.world.rank)
        rank.outlets.push_back(rank.transport->open_outlet(std::array{reader}, 0));
  }
  static void open_inlets(Rank& rank) {
    for (int writer = 0; writer < kRanks; ++writer)
      if (writer != rank.world.rank)
        rank.inlets.push_back(
            rank.transport->open_inlet(writer, std::array{rank.world.rank}, 0, after_ms(20'000)));
  }
  /// Every rank makes progress until `done` has said yes to every one.
  void until(const std::function<bool(Rank&)>& done) {
    const Deadline deadline = after_ms(20'000);
    std::list<Rank*> left;
    for (Rank& rank : ranks) left.push_back(&rank);
    while (!left.empty()) {
      for (Rank& rank : ranks) {
        rank.transport->progress();
        rank.failure.check();
      }
      left.remove_if([&](Rank* rank) { return done(*rank); });
      ASSERT_FALSE(passed(deadline)) << left.size() << " ranks wait in vain";
    }
  }

  std::list<Rank> ranks;
};

TEST_F(VerbsSetup, of_an_all_to_all_waits_for_nobody) {
  for (Rank& rank : ranks) open_outlets(rank);
  for (Rank& rank : ranks) open_inlets(rank);
  // The writer's rank is in the message, the reader's in its tag.
  until([sent = std::vector<std::size_t>(kRanks)](Rank& rank) mutable {
    const int writer = rank.world.rank;
    std::size_t& next = sent[static_cast<std::size_t>(writer)];
    for (; next < rank.outlets.size(); ++next) {
      const auto reader = static_cast<Tag>(next) + (static_cast<int>(next) >= writer ? 1 : 0);
      if (!rank.outlets[next]->send(reinterpret_cast<const std::byte*>(&writer), sizeof writer, reader))
        return false;
    }
    return true;
  });
  until([got = std::vector<std::size_t>(kRanks)](Rank& rank) mutable {
    const int reader = rank.world.rank;
    std::size_t& next = got[static_cast<std::size_t>(reader)];
    for (; next < rank.inlets.size(); ++next) {
      const std::byte* const message = rank.inlets[next]->borrow(sizeof(int), static_cast<Tag>(reader));
      if (message == nullptr) return false;
      int writer = -1;
      std::memcpy(&writer, message, sizeof writer);
      EXPECT_EQ(writer, static_cast<int>(next) + (static_cast<int>(next) >= reader ? 1 : 0));
      rank.inlets[next]->release();
    }
    return true;
  });
}

}  // namespace
}  // namespace tutti
