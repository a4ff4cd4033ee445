// Planted mistakes: a right algorithm with one thing wrong, and the sentence in which the verifier says so.
#include "schedule/verify.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/algorithms/algorithm.hpp"

namespace tutti {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A program of the same blocks and rounds with other operations.
Program remade(const Program& program, const std::vector<Operation>& operations) {
  Program result(program.blocks(), program.rounds());
  for (const Operation& operation : operations) {
    result.round(operation.round);
    switch (operation.action) {
      case Action::send: result.send(operation.blocks, operation.peers); break;
      case Action::receive: result.receive(operation.peers.front(), operation.blocks); break;
      case Action::reduce: result.reduce(operation.peers, operation.blocks, operation.completes); break;
    }
  }
  return result;
}

/// The programs of an algorithm, to spoil one operation of.
class Spoiled {
 public:
  Spoiled(Collective collective, std::string_view algorithm, Shape shape)
      : collective_(collective),
        root_(shape.root),
        programs_(make_programs(*find_algorithm(collective, algorithm), shape)) {
    for (const Program& program : programs_) operations_.push_back(program.operations());
  }

  std::vector<Operation>& of(Rank rank) { return operations_.at(static_cast<std::size_t>(rank)); }
  Operation& at(Rank rank, std::size_t index) { return of(rank).at(index); }
  void remove(Rank rank, std::size_t index) { of(rank).erase(of(rank).begin() + static_cast<long>(index)); }
  void swap(Rank rank, std::size_t one, std::size_t other) { std::swap(at(rank, one), at(rank, other)); }

  [[nodiscard]] std::string reason() const {
    std::vector<Program> spoiled;
    for (std::size_t rank = 0; rank < programs_.size(); ++rank) {
      spoiled.push_back(remade(programs_[rank], operations_[rank]));
    }
    const Verdict verdict = verify(collective_, spoiled, root_);
    EXPECT_EQ(verdict.proved, verdict.reason.empty());
    return verdict.reason;
  }

 private:
  Collective collective_;
  Rank root_;
  std::vector<Program> programs_;
  std::vector<std::vector<Operation>> operations_;
};

Spoiled ring_all_gather_of(int size) {
  return {Collective::all_gather, "ring", {.size = size}};
}
Spoiled ring_all_reduce_of(int size) {
  return {Collective::all_reduce, "ring", {.size = size}};
}
Spoiled doubling_of(int size) {
  return {Collective::all_reduce, "recursive_doubling", {.size = size}};
}

TEST(Verify, proves_what_is_not_spoiled) {
  EXPECT_EQ(ring_all_gather_of(4).reason(), "");
  EXPECT_EQ(ring_all_reduce_of(4).reason(), "");
  EXPECT_EQ(doubling_of(4).reason(), "");
}

// Each rank of the ring sends in even operations and receives in odd ones.

TEST(Verify, finds_a_wrong_peer) {
  Spoiled ring = ring_all_gather_of(4);
  ring.at(1, 0).peers = {3};
  // So the first that rank 2 hears from rank 1 is the message of the next round.
  EXPECT_THAT(ring.reason(),
              AllOf(StartsWith("rank 2, operation 1 (round 0  receive  1 -> block 1)"),
                    HasSubstr("the rounds differ from those of its message, rank 1, operation 2")));
}

TEST(Verify, finds_a_missing_send) {
  Spoiled ring = ring_all_gather_of(4);
  ring.remove(2, 4);
  EXPECT_EQ(ring.reason(),
            "rank 3, operation 5 (round 2  receive  2 -> block 0) waits for rank 2 to send; but the program "
            "of rank 2 "
            "has ended");
}

TEST(Verify, finds_a_missing_receive) {
  Spoiled ring = ring_all_gather_of(4);
  ring.remove(2, 5);
  EXPECT_EQ(ring.reason(),
            "rank 1, operation 4 (round 2  send     block 3 -> 2): rank 2 never takes the message");
}

TEST(Verify, finds_a_missing_receive_that_stops_the_sender) {
  std::vector<Program> programs(2, Program(1, 1));
  programs[0].send(0, 1);
  programs[0].send(0, 1);
  EXPECT_THAT(
      verify(Collective::broadcast, programs).reason,
      AllOf(HasSubstr("rank 0, operation 1 (round 0  send     block 0 -> 1) waits for rank 1 to take"),
            HasSubstr("the program of rank 1 has ended")));
}

TEST(Verify, finds_a_doubled_message) {
  Spoiled ring = ring_all_gather_of(4);
  ring.of(0).push_back(ring.at(0, 4));
  EXPECT_EQ(ring.reason(),
            "rank 0, operation 6 (round 2  send     block 2 -> 1): rank 1 never takes the message");
}

TEST(Verify, finds_a_wrong_order_of_sends) {
  Spoiled ring = ring_all_gather_of(4);
  ring.swap(0, 0, 2);
  EXPECT_THAT(ring.reason(), AllOf(StartsWith("rank 0, operation 1"), HasSubstr("before round 1")));
}

TEST(Verify, finds_a_block_sent_before_it_is_there) {
  Spoiled ring = ring_all_gather_of(4);
  std::swap(ring.at(0, 0).blocks, ring.at(0, 2).blocks);
  EXPECT_EQ(ring.reason(), "rank 0, operation 0 (round 0  send     block 3 -> 1): it does not have block 3");
}

TEST(Verify, finds_another_block_in_a_message) {
  Spoiled ring = ring_all_reduce_of(4);
  ring.at(2, 0).blocks = {0};
  EXPECT_THAT(ring.reason(), AllOf(StartsWith("rank 3, operation 1"), HasSubstr("the blocks differ"),
                                   HasSubstr("block 0 -> 3")));
}

TEST(Verify, finds_a_deadlock_and_names_the_cycle) {
  Spoiled ring = ring_all_gather_of(3);
  for (Rank rank = 0; rank < 3; ++rank) ring.swap(rank, 0, 1);
  EXPECT_EQ(ring.reason(),
            "deadlock: rank 0, operation 0 (round 0  receive  2 -> block 2) waits for rank 2 to send; "
            "rank 2, operation 0 (round 0  receive  1 -> block 1) waits for rank 1 to send; "
            "rank 1, operation 0 (round 0  receive  0 -> block 0) waits for rank 0 to send");
}

TEST(Verify, has_one_slot_a_connection) {
  // Both send two messages before they take one: with two slots it would pass.
  std::vector<Program> programs(2, Program(4, 1));
  for (Rank rank = 0; rank < 2; ++rank) {
    const Rank other = 1 - rank;
    Program& program = programs[static_cast<std::size_t>(rank)];
    program.send(2 * rank, other);
    program.send(2 * rank + 1, other);
    program.receive(other, 2 * other);
    program.receive(other, 2 * other + 1);
  }
  EXPECT_EQ(verify(Collective::send_receive, programs).reason,
            "deadlock: rank 0, operation 1 (round 0  send     block 1 -> 1) waits for rank 1 to take its "
            "last message; "
            "rank 1, operation 1 (round 0  send     block 3 -> 0) waits for rank 0 to take its last message");
}

TEST(Verify, finds_a_contribution_reduced_twice) {
  Spoiled doubling = doubling_of(4);
  for (Rank rank = 0; rank < 4; ++rank) {
    doubling.at(rank, 2).peers = doubling.at(rank, 0).peers;  // the partner of the round before, again
    doubling.at(rank, 3).peers = doubling.at(rank, 1).peers;
  }
  EXPECT_THAT(doubling.reason(), HasSubstr("the contribution of rank 0 to block 0 is reduced twice"));
}

TEST(Verify, finds_a_contribution_that_is_missing) {
  Spoiled doubling = doubling_of(4);
  doubling.at(3, 1).action = Action::receive;  // forgets its own
  EXPECT_THAT(doubling.reason(), AllOf(HasSubstr("says that it completes block 0"),
                                       HasSubstr("the contribution of rank 3 is missing")));
  doubling.at(3, 3).completes = false;
  doubling.at(1, 3).completes = false;
  EXPECT_EQ(doubling.reason(), "rank 1 ends with block 0 in which the contribution of rank 3 is missing");
}

TEST(Verify, finds_rounds_that_differ_at_the_ends) {
  Spoiled doubling = doubling_of(4);
  for (std::size_t index : {std::size_t{0}, std::size_t{1}}) doubling.at(0, index).round = 1;
  EXPECT_THAT(doubling.reason(), HasSubstr("the rounds differ from those of its message"));
}

TEST(Verify, finds_a_block_sent_on_in_the_round_it_came) {
  Spoiled chain{Collective::broadcast, "chain", {.size = 3}};
  chain.at(1, 1).round = 0;
  chain.at(2, 0).round = 0;
  EXPECT_EQ(chain.reason(),
            "rank 1, operation 1 (round 0  send     block 0 -> 2): block 0 came in round 0: it may be sent "
            "in a later "
            "round only");
}

TEST(Verify, finds_a_round_beyond_the_program) {
  Spoiled chain{Collective::broadcast, "chain", {.size = 3}};
  chain.at(1, 1).round = 2;
  EXPECT_THAT(chain.reason(), HasSubstr("round 2 is not within the program's 0 to 1"));
}

TEST(Verify, finds_a_completion_that_is_not_marked) {
  Spoiled ring = ring_all_reduce_of(3);
  ring.at(1, 3).completes = false;
  EXPECT_EQ(ring.reason(),
            "rank 1, operation 3 (round 1  reduce   0 -> block 1): it completes block 1 and does not say so");
}

TEST(Verify, finds_a_mark_without_completion) {
  Spoiled ring = ring_all_reduce_of(3);
  ring.at(1, 1).completes = true;
  EXPECT_EQ(ring.reason(),
            "rank 1, operation 1 (round 0  reduce   0 -> block 2  completes): it says that it completes "
            "block 2, but "
            "the contribution of rank 2 is missing");
}

TEST(Verify, finds_folds_of_different_orders) {
  std::vector<Program> programs(3, Program(1, 1));
  for (Rank rank = 0; rank < 3; ++rank) {
    std::vector<Rank> others{(rank + 1) % 3, (rank + 2) % 3};
    Program& program = programs[static_cast<std::size_t>(rank)];
    program.send(std::vector{0}, others);
    if (rank == 1) {  // (0 + 1) + 2, in two passes
      program.reduce(0, 0);
      program.reduce(2, 0, true);
    } else {
      program.reduce(others, std::vector{0}, true);
    }
  }
  EXPECT_EQ(verify(Collective::all_reduce, programs).reason,
            "ranks 0 and 1 fold block 0 in different orders: their bits may differ");
}

TEST(Verify, finds_ranks_and_blocks_that_do_not_exist) {
  const auto reason_with_send = [](std::vector<Block> blocks, std::vector<Rank> peers) {
    std::vector<Program> programs(2, Program(2, 1));
    programs[0].send(std::move(blocks), std::move(peers));
    return verify(Collective::all_reduce, programs).reason;
  };
  EXPECT_THAT(reason_with_send({0}, {2}), HasSubstr("peer 2 is not a rank of 0 to 1"));
  EXPECT_THAT(reason_with_send({0}, {-1}), HasSubstr("peer -1 is not a rank of 0 to 1"));
  EXPECT_THAT(reason_with_send({0}, {0}), HasSubstr("a rank cannot be its own peer"));
  EXPECT_THAT(reason_with_send({0}, {1, 1}), HasSubstr("peer 1 is named twice"));
  EXPECT_THAT(reason_with_send({2}, {1}), HasSubstr("block 2 is not within 0 to 1"));
  EXPECT_THAT(reason_with_send({-1, 0}, {1}), HasSubstr("block -1 is not within 0 to 1"));
  EXPECT_THAT(reason_with_send({1, 0, 1}, {1}), HasSubstr("block 1 is named twice"));
}

TEST(Verify, finds_programs_of_different_shapes) {
  const std::vector<Program> none;
  EXPECT_THAT(verify(Collective::all_reduce, none).reason, HasSubstr("there are no programs"));
  EXPECT_THAT(verify(Collective::all_reduce, {Program(2, 1), Program(3, 1)}).reason,
              HasSubstr("rank 1 has 3 blocks and 1 rounds, rank 0 has 2 and 1"));
  EXPECT_THAT(verify(Collective::all_reduce, {Program(2, 1), Program(2, 4)}).reason, HasSubstr("4 rounds"));
  EXPECT_THAT(verify(Collective::all_gather, {Program(3, 1), Program(3, 1)}).reason,
              HasSubstr("all_gather of 2 ranks has 2 blocks, the program says 3"));
  EXPECT_THAT(verify(Collective::reduce, {Program(1, 1)}, 1).reason,
              HasSubstr("root 1 is not a rank of 0 to 0"));
  EXPECT_THAT(verify(Collective::reduce, {Program(0, 1)}).reason, HasSubstr("0 blocks are not within"));
}

TEST(Verify, does_not_let_a_gather_reduce) {
  Spoiled ring = ring_all_gather_of(3);
  ring.at(0, 1).action = Action::reduce;
  EXPECT_THAT(ring.reason(), HasSubstr("all_gather does not reduce"));
}

TEST(Verify, finds_an_output_that_never_came) {
  EXPECT_EQ(verify(Collective::broadcast, {Program(1, 1), Program(1, 1)}).reason,
            "rank 1 ends without block 0");
}

TEST(Verify, finds_a_barrier_that_lets_someone_leave_early) {
  Spoiled barrier{Collective::barrier, "dissemination", {.size = 5}};
  for (Rank rank = 0; rank < 5; ++rank) {
    barrier.remove(rank, 5);
    barrier.remove(rank, 4);
  }
  EXPECT_EQ(barrier.reason(), "rank 0 ends with block 0 in which the contribution of rank 1 is missing");
}

TEST(Verify, matches_messages_of_a_group_by_number_of_blocks) {
  std::vector<Program> programs(2, Program(2, 1));
  programs[0].send({0, 1}, {1});
  programs[1].receive(0, {1, 0});
  EXPECT_TRUE(verify(Collective::send_receive, programs).proved);
  programs[1] = Program(2, 1);
  programs[1].receive(0, 1);
  EXPECT_THAT(verify(Collective::send_receive, programs).reason, HasSubstr("the blocks differ"));
}

TEST(Verify, takes_a_multicast_for_a_message_to_each_peer) {
  std::vector<Program> programs(3, Program(2, 2));
  programs[0].send(0, 1);
  programs[0].round(1).send({1}, {1, 2});
  programs[1].receive(0, 0);
  programs[1].round(1).receive(0, 1);
  programs[2].round(1).receive(0, 1);
  EXPECT_EQ(verify(Collective::broadcast, programs).reason, "rank 2 ends without block 0");
}

TEST(Verdict, says_what_else_is_true) {
  const auto verdict_of = [](Collective collective, std::string_view name) {
    const Shape shape{.size = 6};
    return verify(collective, make_programs(*find_algorithm(collective, name), shape));
  };
  EXPECT_TRUE(verdict_of(Collective::all_reduce, "two_shot").reproducible);
  EXPECT_FALSE(verdict_of(Collective::all_reduce, "ring").reproducible);
  EXPECT_FALSE(verdict_of(Collective::reduce, "binomial").reproducible);
  EXPECT_TRUE(verdict_of(Collective::all_gather, "bruck").reproducible);
  EXPECT_TRUE(verdict_of(Collective::all_reduce, "ring").pipelines);
  EXPECT_FALSE(verdict_of(Collective::all_gather, "bruck").pipelines);
  EXPECT_FALSE(verdict_of(Collective::all_reduce, "rabenseifner").pipelines);
}

}  // namespace
}  // namespace tutti
