// Hierarchical, by columns: for hosts with as many ranks each. Ranks that share a host form a row, ranks at
// the same index of every host a column. All columns work at once, each on its share of the data, so that
// every rank drives its share of the host's network, and only reduced data leave the host.
//
// All-reduce: reduce-scatter in the row, all-reduce in the column, all-gather in the row. Reduce-scatter: in
// the row, then in the column. All-gather: in the column, then in the row. Within a row, ranks share memory
// and talk all to all at once (two-shot, one-shot); within a column goes what suits a network.
//
// Where the numbers of ranks differ, hierarchical_leaders.cpp does it.
//
// J. Huang, P. Majumder, S. Kim, A. Muzahid, K. H. Yum, E. J. Kim: Communication algorithm-architecture
// co-design for distributed deep learning. International Symposium on Computer Architecture, 2021, discuss
// such schemes; the scheme is older: M. Cho, U. Finkler, D. Kung, H. Hunter: BlueConnect. MLSys, 2019.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/hosts.hpp"
#include "schedule/algorithms/leaders.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

/// One rank's row and column, and the programs of both levels.
struct Grid {
  Grid(const Hosts& hosts, Rank rank)
      : row(hosts.ranks_on(hosts.host_of(rank))),
        column(hosts.column(hosts.index_of(rank))),
        width{.size = static_cast<int>(row.size())},
        height{.size = hosts.count()},
        index(hosts.index_of(rank)),
        host(hosts.host_of(rank)) {}

  std::vector<Rank> row;
  std::vector<Rank> column;
  Shape width;
  Shape height;
  Rank index;  // this rank in its row
  Rank host;   // this rank in its column
};

Program across(const Shape& hosts, Rank host, Program (*for_power_of_two)(const Shape&, Rank),
               Program (*for_any)(const Shape&, Rank)) {
  return is_power_of_two(hosts.size) ? for_power_of_two(hosts, host) : for_any(hosts, host);
}

}  // namespace

Program hierarchical_all_reduce(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  if (!hosts.equal()) return leaders_all_reduce(shape, rank, ring_all_reduce);

  const Grid grid(hosts, rank);
  const Program down = two_shot_reduce_scatter(grid.width, grid.index);
  const Program between = across(grid.height, grid.host, rabenseifner_all_reduce, ring_all_reduce);
  const Program up = one_shot_all_gather(grid.width, grid.index);

  // A column's share of the buffer is a run of as many blocks as the column's program has.
  const int share = between.blocks();
  const auto share_of = [&](Rank index) { return block_run(index * share, share); };
  const auto in_my_share = [&](Block block) { return std::vector{grid.index * share + block}; };
  Program program(grid.width.size * share, down.rounds() + between.rounds() + up.rounds());
  program.append(down, grid.row, share_of, 0, false);
  program.append(between, grid.column, in_my_share, down.rounds(), true);
  program.append(up, grid.row, share_of, down.rounds() + between.rounds(), true);
  return program;
}

Program hierarchical_reduce_scatter(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  if (!hosts.equal()) return leaders_reduce_scatter(shape, rank);

  const Grid grid(hosts, rank);
  const Program within = two_shot_reduce_scatter(grid.width, grid.index);
  const Program between =
      across(grid.height, grid.host, recursive_halving_reduce_scatter, ring_reduce_scatter);
  const auto blocks_of_column = [&](Rank index) { return hosts.column(index); };
  const auto block_of_host = [&](int host) { return std::vector{grid.column.at(host)}; };
  Program program(shape.size, within.rounds() + between.rounds());
  program.append(within, grid.row, blocks_of_column, 0, false);
  program.append(between, grid.column, block_of_host, within.rounds(), true);
  return program;
}

Program hierarchical_all_gather(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  if (!hosts.equal()) return leaders_all_gather(shape, rank);

  const Grid grid(hosts, rank);
  const Program between = across(grid.height, grid.host, recursive_doubling_all_gather, ring_all_gather);
  const Program within = one_shot_all_gather(grid.width, grid.index);
  const auto block_of_host = [&](int host) { return std::vector{grid.column.at(host)}; };
  const auto blocks_of_column = [&](Rank index) { return hosts.column(index); };
  Program program(shape.size, between.rounds() + within.rounds());
  program.append(between, grid.column, block_of_host, 0, true);
  program.append(within, grid.row, blocks_of_column, between.rounds(), true);
  return program;
}

}  // namespace tutti
