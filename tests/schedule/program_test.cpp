// Programs as values: building, appending and printing.
#include "schedule/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/algorithms/algorithm.hpp"
#include "schedule/collective.hpp"
#include "schedule/verify_form.hpp"

namespace tutti {
namespace {

using testing::ElementsAre;

TEST(Program, prints_one_operation_a_line) {
  Program program(16, 9);
  program.send(3, 1);
  program.round(2).reduce({3, 1}, {4, 5, 6, 7}, true);
  program.round(8).receive(5, {0, 1, 2, 9, 11, 12});
  program.send({15}, {2, 3, 4, 6});
  EXPECT_EQ(program.print(),
            "round 0  send     block 3 -> 1\n"
            "round 2  reduce   1,3 -> blocks 4-7  completes\n"
            "round 8  receive  5 -> blocks 0-2,9,11-12\n"
            "round 8  send     block 15 -> 2-4,6\n");
}

TEST(Program, prints_what_the_textbook_says) {
  EXPECT_EQ(find_algorithm(Collective::all_reduce, "two_shot")->make({.size = 3}, 1).print(),
            "round 0  send     block 2 -> 2\n"
            "round 0  send     block 0 -> 0\n"
            "round 0  reduce   0,2 -> block 1  completes\n"
            "round 1  send     block 1 -> 0,2\n"
            "round 1  receive  0 -> block 0\n"
            "round 1  receive  2 -> block 2\n");
}

TEST(Program, leaves_out_operations_without_peers_or_blocks) {
  Program program(1, 1);
  program.send({0}, std::vector<Rank>{});
  program.reduce(std::vector<Rank>{}, {0}, true);
  program.receive(1, std::vector<Block>{});
  program.receive(1, block_run(0, 0));
  EXPECT_TRUE(program.operations().empty());
}

TEST(Program, keeps_peers_in_ascending_order) {
  Program program(2, 1);
  program.send({1, 0}, {5, 3, 4});
  EXPECT_THAT(program.operations().front().peers, ElementsAre(3, 4, 5));
  EXPECT_THAT(program.operations().front().blocks, ElementsAre(1, 0)) << "blocks stay in message order";
}

TEST(Program, appends_a_part_with_other_ranks_blocks_and_rounds) {
  Program part(2, 2);
  part.send({0, 1}, {1});
  part.round(1).reduce(1, 0, true);

  Program whole(10, 5);
  const auto doubled = [](Block block) { return std::vector{2 * block, 2 * block + 1}; };
  whole.append(part, {7, 4}, doubled, 3, true);
  whole.append(part, {7, 4}, doubled, 3, false);
  EXPECT_EQ(whole.print(),
            "round 3  send     blocks 0-3 -> 4\n"
            "round 4  reduce   4 -> blocks 0-1  completes\n"
            "round 3  send     blocks 0-3 -> 4\n"
            "round 4  reduce   4 -> blocks 0-1\n");
}

TEST(ProgramDeathTest, does_not_append_more_rounds_than_it_has) {
  Program part(1, 3);
  Program whole(1, 4);
  const auto same = [](Block block) { return std::vector{block}; };
  EXPECT_DEATH(whole.append(part, {0, 1}, same, 2, true),
               "first_round \\+ part.rounds\\(\\) <= rounds_ \\(2, 3, 4\\)");
}

TEST(CutAlike, wants_the_same_list_wherever_a_block_is_shared) {
  Program program(4, 4);
  program.send({0, 1}, {1});
  program.receive(1, {2, 3});
  program.receive(1, {0, 1});
  EXPECT_TRUE(cut_alike(program));

  Program part_of_list = program;
  part_of_list.send(1, 2);
  EXPECT_FALSE(cut_alike(part_of_list));

  Program other_order = program;
  other_order.send({3, 2}, {2});
  EXPECT_FALSE(cut_alike(other_order));

  Program across_lists = program;
  across_lists.send({0, 1, 2, 3}, {2});
  EXPECT_FALSE(cut_alike(across_lists));

  Program later_overlap(4, 1);
  later_overlap.send(1, 2);
  later_overlap.send({0, 1}, {3});
  EXPECT_FALSE(cut_alike(later_overlap));
}

TEST(Collective, says_where_blocks_come_from_and_go_to) {
  EXPECT_TRUE(is_input(Collective::all_to_all, 4, 0, 2, 2 * 4 + 1));
  EXPECT_FALSE(is_input(Collective::all_to_all, 4, 0, 1, 2 * 4 + 1));
  EXPECT_TRUE(is_output(Collective::all_to_all, 4, 0, 1, 2 * 4 + 1));
  EXPECT_TRUE(is_input(Collective::scatter, 4, 3, 3, 0));
  EXPECT_FALSE(is_output(Collective::scatter, 4, 3, 3, 0));
  EXPECT_TRUE(is_output(Collective::scatter, 4, 3, 0, 0));
  EXPECT_EQ(blocks_of(Collective::all_to_all, 5), 25);
  EXPECT_EQ(blocks_of(Collective::all_reduce, 5), 0);
}

}  // namespace
}  // namespace tutti
