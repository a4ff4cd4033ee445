// Hierarchical, by columns: for hosts with as many ranks each. Ranks that share a host form a row, ranks at
// the same index of every host a column. All columns work at once, each on its share of the data, so that
// every rank drives its share of the host's network, and only reduced data leave the host.
//
// All-reduce: reduce-scatter in the row, all-reduce in the column, all-gather in the row. Reduce-scatter: in
// the row, then in the column. All-gather: in the column, then in the row. Within a row, ranks share memory
// and talk all to all at once (two-shot, one-shot).
//
// Between hosts there are two forms. The logarithmic one (recursive halving and doubling where the number of
// hosts is a power of two) needs the fewest rounds; its messages in the row carry a rank's whole share. The
// ring's messages are single blocks, in the row as well, so that chunks flow through all phases at once:
// memory and network are busy together.
//
// Where the numbers of ranks differ, hierarchical_leaders.cpp does it.
//
// M. Cho, U. Finkler, D. Kung, H. Hunter: BlueConnect: Decomposing all-reduce for deep learning on
// heterogeneous network hierarchy. Conference on Machine Learning and Systems, 2019.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/hosts.hpp"
#include "schedule/algorithms/leaders.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

using Maker = Program (*)(const Shape& shape, Rank rank);
using BlocksOf = std::function<std::vector<Block>(Block)>;

/// One rank's row and column.
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

/// How a row's messages carry the share of a column: all its blocks in one, or a message a block.
enum class Messages { whole_shares, single_blocks };

/// Appends a program of the row, in which block i is the share of column i.
void append_row(Program& program, const Program& part, const Grid& grid, const BlocksOf& share_of,
                Messages messages, int first_round, bool keep_completes) {
  if (messages == Messages::whole_shares) {
    program.append(part, grid.row, share_of, first_round, keep_completes);
    return;
  }
  const std::size_t blocks = share_of(0).size();
  for (std::size_t i = 0; i < blocks; ++i) {
    const auto one_of = [&](Rank index) { return std::vector{share_of(index).at(i)}; };
    program.append(part, grid.row, one_of, first_round, keep_completes);
  }
}

Program all_reduce_by(Maker maker, Messages messages, const Grid& grid) {
  const Program down = two_shot_reduce_scatter(grid.width, grid.index);
  const Program between = maker(grid.height, grid.host);
  const Program up = one_shot_all_gather(grid.width, grid.index);

  // A column's share of the buffer is a run of as many blocks as the column's program has.
  const int share = between.blocks();
  const auto share_of = [&](Rank index) { return block_run(index * share, share); };
  const auto in_my_share = [&](Block block) { return std::vector{grid.index * share + block}; };
  Program program(grid.width.size * share, down.rounds() + between.rounds() + up.rounds());
  append_row(program, down, grid, share_of, messages, 0, false);
  program.append(between, grid.column, in_my_share, down.rounds(), true);
  append_row(program, up, grid, share_of, messages, down.rounds() + between.rounds(), true);
  return program;
}

Program reduce_scatter_by(Maker maker, Messages messages, const Grid& grid, const Hosts& hosts) {
  const Program within = two_shot_reduce_scatter(grid.width, grid.index);
  const Program between = maker(grid.height, grid.host);
  const auto share_of = [&](Rank index) { return hosts.column(index); };
  const auto in_my_share = [&](int host) { return std::vector{grid.column.at(host)}; };
  Program program(grid.width.size * grid.height.size, within.rounds() + between.rounds());
  append_row(program, within, grid, share_of, messages, 0, false);
  program.append(between, grid.column, in_my_share, within.rounds(), true);
  return program;
}

Program all_gather_by(Maker maker, Messages messages, const Grid& grid, const Hosts& hosts) {
  const Program between = maker(grid.height, grid.host);
  const Program within = one_shot_all_gather(grid.width, grid.index);
  const auto share_of = [&](Rank index) { return hosts.column(index); };
  const auto in_my_share = [&](int host) { return std::vector{grid.column.at(host)}; };
  Program program(grid.width.size * grid.height.size, between.rounds() + within.rounds());
  program.append(between, grid.column, in_my_share, 0, true);
  append_row(program, within, grid, share_of, messages, between.rounds(), true);
  return program;
}

/// The logarithmic form where there is one.
Maker across(const Hosts& hosts, Maker logarithmic, Maker ring) {
  return is_power_of_two(hosts.count()) ? logarithmic : ring;
}

}  // namespace

Program hierarchical_all_reduce(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  const Maker between = across(hosts, rabenseifner_all_reduce, ring_all_reduce);
  if (!hosts.equal()) return leaders_all_reduce(shape, rank, between);
  return all_reduce_by(between, Messages::whole_shares, Grid(hosts, rank));
}

Program hierarchical_reduce_scatter(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  const Maker between = across(hosts, recursive_halving_reduce_scatter, ring_reduce_scatter);
  if (!hosts.equal()) return leaders_reduce_scatter(shape, rank, between);
  return reduce_scatter_by(between, Messages::whole_shares, Grid(hosts, rank), hosts);
}

Program hierarchical_all_gather(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  const Maker between = across(hosts, recursive_doubling_all_gather, ring_all_gather);
  if (!hosts.equal()) return leaders_all_gather(shape, rank, between);
  return all_gather_by(between, Messages::whole_shares, Grid(hosts, rank), hosts);
}

Program hierarchical_ring_all_reduce(const Shape& shape, Rank rank) {
  return all_reduce_by(ring_all_reduce, Messages::single_blocks, Grid(Hosts(shape), rank));
}

Program hierarchical_ring_reduce_scatter(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  return reduce_scatter_by(ring_reduce_scatter, Messages::single_blocks, Grid(hosts, rank), hosts);
}

Program hierarchical_ring_all_gather(const Shape& shape, Rank rank) {
  const Hosts hosts(shape);
  return all_gather_by(ring_all_gather, Messages::single_blocks, Grid(hosts, rank), hosts);
}

}  // namespace tutti
