// The rendezvous: who joins learns what all gave; whoever is missing, doubled or at odds is named.
#include "bootstrap/rendezvous.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/network.hpp"
#include "bootstrap/dial.hpp"
#include "bootstrap/endpoint.hpp"
#include "ranks.hpp"

namespace tutti::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

std::string info_of(int rank) {
  return "info of " + std::to_string(rank);
}

class Joining : public ::testing::TestWithParam<int> {};

TEST_P(Joining, tells_every_rank_what_all_gave) {
  const int size = GetParam();
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  std::vector<Membership> members(static_cast<std::size_t>(size));
  const auto outcomes = run_ranks(size, [&](int rank) {
    members[static_cast<std::size_t>(rank)] = join(id, rank, size, info_of(rank), settings);
  });
  for (int rank = 0; rank < size; ++rank) {
    const Membership& member = members[static_cast<std::size_t>(rank)];
    ASSERT_EQ(outcomes[static_cast<std::size_t>(rank)].sentence, "");
    EXPECT_EQ(member.rank, rank);
    EXPECT_EQ(member.communicator, members[0].communicator);
    EXPECT_EQ(member.secret, members[0].secret);
    ASSERT_EQ(static_cast<int>(member.infos.size()), size);
    for (int other = 0; other < size; ++other)
      EXPECT_EQ(member.infos[static_cast<std::size_t>(other)], info_of(other));
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, Joining, ::testing::Values(1, 2, 5, 33));

TEST(Rendezvous, gives_each_communicator_a_name_and_a_secret_of_its_own) {
  const Settings settings = loopback_settings();
  std::set<std::uint64_t> names;
  std::set<Secret> secrets;
  for (int turn = 0; turn < 3; ++turn) {
    const Membership member = join(create_unique_id(settings), 0, 1, "", settings);
    names.insert(member.communicator);
    secrets.insert(member.secret);
  }
  EXPECT_EQ(names.size(), 3u);
  EXPECT_EQ(secrets.size(), 3u);
}

TEST(Rendezvous, names_the_ranks_that_do_not_come) {
  Settings settings = loopback_settings();
  settings.init_timeout_ms = 1'000;
  const UniqueId id = create_unique_id(settings);
  const auto outcomes = run_ranks(4, [&](int index) { (void)join(id, 2 * index, 7, "", settings); });
  EXPECT_THAT(
      outcomes,
      Each(AllOf(Field(&Outcome::code, Code::timeout),
                 Field(&Outcome::sentence, HasSubstr("ranks 1, 3 and 5 of 7 did not join within 1 s")))));
}

TEST(Rendezvous, names_who_disagrees_about_the_size) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  const auto outcomes = run_ranks(2, [&](int rank) { (void)join(id, rank, rank + 3, "", settings); });
  EXPECT_THAT(outcomes, Each(AllOf(Field(&Outcome::code, Code::invalid_usage),
                                   Field(&Outcome::sentence, HasSubstr("ranks disagree about their number")),
                                   Field(&Outcome::sentence, HasSubstr("says 3")),
                                   Field(&Outcome::sentence, HasSubstr("says 4")))));
}

TEST(Rendezvous, names_two_that_claim_one_rank) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  const auto outcomes = run_ranks(2, [&](int) { (void)join(id, 1, 3, "", settings); });
  EXPECT_THAT(outcomes, Each(AllOf(Field(&Outcome::code, Code::invalid_usage),
                                   Field(&Outcome::sentence, HasSubstr("two processes claim rank 1 of 3")),
                                   Field(&Outcome::sentence, HasSubstr("pid ")))));
}

TEST(Rendezvous, tells_latecomers_why_it_failed) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  (void)run_ranks(2, [&](int) { (void)join(id, 1, 3, "", settings); });
  const auto late = run_ranks(1, [&](int) { (void)join(id, 0, 3, "", settings); });
  EXPECT_THAT(late[0].sentence, HasSubstr("two processes claim rank 1"));
}

TEST(Rendezvous, is_not_disturbed_by_strangers) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  const SocketAddress root = candidates(decode(id)->root, settings).front();
  const Deadline soon = after_ms(5'000);
  const FileDescriptor silent = connect_to(root, soon);
  const FileDescriptor garbage = connect_to(root, soon);
  const std::string noise(100'000, 'x');
  (void)!::write(garbage.get(), noise.data(), noise.size());
  const FileDescriptor half = connect_to(root, soon);
  (void)!::write(half.get(), "TUTTI", 5);
  { const FileDescriptor gone = connect_to(root, soon); }
  const auto outcomes = run_ranks(3, [&](int rank) { (void)join(id, rank, 3, "", settings); });
  EXPECT_THAT(outcomes, Each(Field(&Outcome::sentence, "")));
}

TEST(Rendezvous, refuses_who_does_not_know_the_secret) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  IdContents wrong = *decode(id);
  wrong.secret[5] ^= std::byte{1};
  const auto outcomes = run_ranks(1, [&](int) { (void)join(encode(wrong), 0, 2, "", settings); });
  EXPECT_EQ(outcomes[0].code, Code::system_error);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("does not know the secret"));
  // The others never notice.
  EXPECT_THAT(run_ranks(2, [&](int rank) { (void)join(id, rank, 2, "", settings); }),
              Each(Field(&Outcome::sentence, "")));
}

TEST(Rendezvous, says_when_nobody_is_there) {
  Settings settings = loopback_settings();
  IdContents contents;
  {
    const FileDescriptor listener = listen_anywhere(settings);
    contents.root = endpoint_of(listener.get(), settings);
  }
  settings.init_timeout_ms = 200;
  const auto outcomes = run_ranks(1, [&](int) { (void)join(encode(contents), 0, 2, "", settings); });
  EXPECT_THAT(outcomes[0].sentence, AllOf(HasSubstr("cannot reach the rendezvous"), HasSubstr("127.0.0.1:"),
                                          HasSubstr("Connection refused")));
}

TEST(Rendezvous, tells_the_others_when_one_dies_meanwhile) {
  const Settings settings = loopback_settings();
  const UniqueId id = create_unique_id(settings);
  const IdContents contents = *decode(id);
  const auto outcomes = run_ranks(2, [&](int rank) {
    if (rank == 0) return static_cast<void>(join(id, 0, 3, "", settings));
    const auto channel = dial({"the root", candidates(contents.root, settings), contents.secret,
                               contents.context, after_ms(5'000)});
    // Joins as rank 1, and is gone before the third comes.
    channel->send(FrameType::join, std::string("\3\0\0\0\1\0\0\0\6\0\0\0host h\0\0\0\0", 22));
    channel->progress();
  });
  EXPECT_EQ(outcomes[0].code, Code::remote_error);
  EXPECT_EQ(outcomes[0].rank_at_fault, 1);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("rank 1 (host h) died while the others were joining"));
}

TEST(Rendezvous, refuses_what_is_no_id_and_no_rank) {
  const Settings settings = loopback_settings();
  const auto sentence = [&](const UniqueId& id, int rank, int size) {
    return run_ranks(1, [&](int) { (void)join(id, rank, size, "", settings); })[0].sentence;
  };
  EXPECT_THAT(sentence(UniqueId{}, 0, 1), HasSubstr("the unique id is not one"));
  const UniqueId id = encode(IdContents{});
  EXPECT_THAT(sentence(id, 3, 3), HasSubstr("the rank is 3 of 3; it must be 0 to 2"));
  EXPECT_THAT(sentence(id, 0, 0), HasSubstr("the number of ranks is 0"));
}

}  // namespace
}  // namespace tutti::testing
