// The control plane among threads of one process: exchanges, aborts, goodbyes.
#include "bootstrap/control_plane.hpp"

#include <barrier>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/network.hpp"
#include "bootstrap/endpoint.hpp"
#include "ranks.hpp"

namespace tutti::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

// One rank, joined and connected.
struct Member {
  Member(const UniqueId& id, int rank, int size, int fan_out, const Settings& settings)
      : listener(settings),
        membership(join(id, rank, size, listener.address(), settings)),
        plane(membership, std::move(listener), membership.infos, settings, failure, fan_out) {}

  std::vector<std::string> exchange(const std::string& mine, int limit_ms = 30'000) {
    return plane.all_gather(mine, after_ms(limit_ms));
  }
  void await_failure() const {
    const Deadline deadline = after_ms(30'000);
    while (!failure.failed() && !passed(deadline)) std::this_thread::yield();
  }

  Failure failure;
  ControlListener listener;
  Membership membership;
  ControlPlane plane;
};

std::vector<Outcome> run_members(int size, int fan_out, const std::function<void(Member&)>& body) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  return run_ranks(size, [&](int rank) {
    Member member(id, rank, size, fan_out, settings);
    body(member);
  });
}

struct Shape {
  int size, fan_out;
};
class Exchanges : public ::testing::TestWithParam<Shape> {};

TEST_P(Exchanges, give_everybody_everything_again_and_again) {
  const auto [size, fan_out] = GetParam();
  const auto outcomes = run_members(size, fan_out, [&, members = size](Member& member) {
    for (int turn = 0; turn < 20; ++turn) {
      const auto text = [&](int rank) {
        return std::string(static_cast<std::size_t>(rank * turn), 'a') + std::to_string(rank);
      };
      const auto all = member.exchange(text(member.membership.rank));
      ASSERT_EQ(static_cast<int>(all.size()), members);
      for (int rank = 0; rank < members; ++rank) EXPECT_EQ(all[static_cast<std::size_t>(rank)], text(rank));
    }
    member.plane.leave();
    EXPECT_FALSE(member.failure.failed()) << member.failure.sentence();
  });
  EXPECT_THAT(outcomes, Each(Field(&Outcome::sentence, "")));
}
INSTANTIATE_TEST_SUITE_P(Shapes, Exchanges,
                         ::testing::Values(Shape{1, 32}, Shape{2, 32}, Shape{5, 1}, Shape{7, 2},
                                           Shape{33, 32}));

TEST(ControlPlane, names_who_does_not_come_to_an_exchange) {
  std::barrier all_failed(6);
  const auto outcomes = run_members(6, 2, [&](Member& member) {
    const int rank = member.membership.rank;
    (void)member.exchange("");
    Outcome outcome;
    if (rank != 3 && rank != 4) {
      try {
        (void)member.exchange("", 300);
      } catch (const Error& error) {
        outcome = {error.code(), error.rank(), error.what()};
      }
    }
    all_failed.arrive_and_wait();  // nobody is gone before all have seen who is missing
    member.plane.leave();
    if (rank == 3 || rank == 4) return;
    EXPECT_EQ(outcome.code, Code::timeout) << "rank " << rank;
    EXPECT_THAT(outcome.sentence, HasSubstr("ranks 3 and 4 of 6 did not come"));
  });
  EXPECT_THAT(outcomes, Each(Field(&Outcome::sentence, "")));
}

TEST(ControlPlane, carries_an_abort_to_everybody) {
  std::barrier all_know(7);
  (void)run_members(7, 2, [&](Member& member) {
    (void)member.exchange("");
    const bool culprit = member.membership.rank == 5;
    if (culprit) {
      member.plane.abort(Code::internal_error, "the cat walked over the keyboard");
    } else {
      member.await_failure();
      ASSERT_TRUE(member.failure.failed());
      EXPECT_EQ(member.failure.code(), Code::remote_error);
      EXPECT_EQ(member.failure.rank(), 5);
      EXPECT_EQ(member.failure.sentence(), "rank 5 aborted: the cat walked over the keyboard");
    }
    all_know.arrive_and_wait();
    EXPECT_EQ(member.failure.failed(), !culprit);
    member.plane.leave();
  });
}

TEST(ControlPlane, ends_a_waiting_exchange_when_somebody_aborts) {
  const auto outcomes = run_members(3, 1, [](Member& member) {
    (void)member.exchange("");
    if (member.membership.rank == 1) return member.plane.abort(Code::internal_error, "enough");
    (void)member.exchange("", 60'000);
  });
  EXPECT_THAT(outcomes[0].sentence, "rank 1 aborted: enough");
  EXPECT_THAT(outcomes[2].sentence, "rank 1 aborted: enough");
}

TEST(ControlPlane, lets_ranks_leave_in_silence) {
  std::barrier first_gone(4);
  std::barrier all_gone(4);
  (void)run_members(4, 1, [&](Member& member) {
    (void)member.exchange("");
    if (member.membership.rank == 2) {
      member.plane.leave();
      first_gone.arrive_and_wait();
    } else {
      first_gone.arrive_and_wait();
      member.plane.leave();
    }
    all_gone.arrive_and_wait();
    EXPECT_FALSE(member.failure.failed()) << member.failure.sentence();
  });
}

TEST(ControlPlane, says_that_a_rank_left_to_those_who_wait_for_it) {
  const auto outcomes = run_members(3, 2, [](Member& member) {
    (void)member.exchange("");
    if (member.membership.rank == 1) return member.plane.leave();
    (void)member.exchange("", 60'000);
  });
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("left the communicator"));
  EXPECT_EQ(outcomes[0].rank_at_fault, 1);
  EXPECT_THAT(outcomes[2].sentence, HasSubstr("left the communicator"));
}

TEST(ControlPlane, reports_a_rank_that_gives_up_without_a_goodbye) {
  (void)run_members(4, 1, [&](Member& member) {
    (void)member.exchange("");
    if (member.membership.rank == 1) return;  // destroyed as by an exception
    member.await_failure();
    EXPECT_EQ(member.failure.rank(), 1);
    EXPECT_THAT(member.failure.sentence(), HasSubstr("gave its communicator up"));
  });
}

TEST(ControlPlane, ignores_strangers) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  std::vector<FileDescriptor> strangers(2);
  const auto outcomes = run_ranks(2, [&](int rank) {
    ControlListener listener(settings);
    const SocketAddress address = candidates(*decode_endpoint(listener.address()), settings).front();
    FileDescriptor& stranger = strangers[static_cast<std::size_t>(rank)];
    stranger = connect_to(address, after_ms(5'000));
    const std::string noise(10'000, '\xff');
    (void)!::write(stranger.get(), noise.data(), noise.size());
    Membership membership = join(id, rank, 2, listener.address(), settings);
    Failure failure;
    ControlPlane plane(membership, std::move(listener), membership.infos, settings, failure);
    EXPECT_EQ(plane.all_gather(std::to_string(rank), after_ms(30'000)), (std::vector<std::string>{"0", "1"}));
    plane.leave();
    EXPECT_FALSE(failure.failed());
  });
  EXPECT_THAT(outcomes, Each(Field(&Outcome::sentence, "")));
}

TEST(ControlPlane, names_the_parent_that_cannot_be_reached) {
  Settings settings = loopback_settings();
  settings.init_timeout_ms = 300;
  std::string address;
  {
    const ControlListener listener(settings);
    address = listener.address();
  }
  Membership membership;
  membership.rank = 1;
  membership.size = 2;
  Failure failure;
  const auto outcomes = run_ranks(1, [&](int) {
    const ControlPlane plane(membership, ControlListener(settings), {address, ""}, settings, failure);
  });
  EXPECT_EQ(outcomes[0].rank_at_fault, 0);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("cannot reach the control plane of rank 0"));
}

TEST(ControlPlane, names_a_child_that_joined_and_never_connects) {
  Settings settings = loopback_settings();
  settings.init_timeout_ms = 100;
  Membership membership;
  membership.size = 3;
  Failure failure;
  ControlPlane plane(membership, ControlListener(settings), {"", "", ""}, settings, failure);
  const auto outcomes = run_ranks(1, [&](int) { (void)plane.all_gather("", after_ms(30'000)); });
  EXPECT_EQ(outcomes[0].code, Code::remote_error);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("ranks 1 and 2 joined, but did not connect"));
}

}  // namespace
}  // namespace tutti::testing
