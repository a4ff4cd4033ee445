// Hierarchical, by leaders. Every host has a leader: the root on the root's host, elsewhere the lowest rank.
// What leaves a host, the leader sends; what comes in, the leader receives. Within the host, the leader
// collects in one pass over shared memory (one-shot) and hands out by multicast; between the leaders goes
// what suits a network.
//
// It works for hosts with any numbers of ranks, and takes the fewest steps of all where messages are small
// and hosts far; for large ones, columns (hierarchical.cpp) share the work better.
//
// N. T. Karonis, B. R. de Supinski, I. Foster, W. Gropp, E. Lusk, J. Bresnahan: Exploiting hierarchy in
// parallel computer networks to optimize collective operation performance. International Parallel and
// Distributed Processing Symposium, 2000.
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/hosts.hpp"
#include "schedule/algorithms/leaders.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

/// One rank's host, and the leaders of all hosts.
struct Led {
  Led(const Shape& shape, Rank rank) : hosts(shape), host(hosts.host_of(rank)), index(hosts.index_of(rank)) {
    for (int each = 0; each < hosts.count(); ++each) leaders.push_back(hosts.ranks_on(each).front());
    const int home = hosts.host_of(shape.root);
    leaders.at(home) = shape.root;
    inside = {.size = hosts.size_of(host), .root = hosts.index_of(leaders.at(host))};
    outside = {.size = hosts.count(), .root = home};
    leads = leaders.at(host) == rank;
  }
  [[nodiscard]] const std::vector<Rank>& row() const { return hosts.ranks_on(host); }

  Hosts hosts;
  int host;                   // this rank among the leaders, if it leads
  Rank index;                 // this rank in its host
  std::vector<Rank> leaders;  // by host
  Shape inside;               // this host, its leader the root
  Shape outside;              // the leaders, that of the root's host the root
  bool leads;
};

}  // namespace

Program leaders_all_reduce(const Shape& shape, Rank rank, BetweenLeaders between) {
  const Led led(shape, rank);
  const Program exchange = between(led.outside, led.host);
  const auto everything = [&](Block) { return block_run(0, exchange.blocks()); };
  Program program(exchange.blocks(), 1 + exchange.rounds() + 1);
  program.append(one_shot_reduce(led.inside, led.index), led.row(), everything, 0, false);
  if (led.leads) program.append(exchange, led.leaders, same_block, 1, true);
  program.append(one_shot_broadcast(led.inside, led.index), led.row(), everything, 1 + exchange.rounds(),
                 true);
  return program;
}

Program hierarchical_leaders_all_reduce(const Shape& shape, Rank rank) {
  return leaders_all_reduce(shape, rank, recursive_doubling_all_reduce);
}

Program leaders_reduce_scatter(const Shape& shape, Rank rank, BetweenLeaders between) {
  const Led led(shape, rank);
  const Program exchange = between(led.outside, led.host);
  const auto everything = [&](Block) { return all_ranks(shape.size); };
  const auto blocks_of_host = [&](int host) { return led.hosts.ranks_on(host); };
  const auto block_of_member = [&](Rank index) { return std::vector{led.row().at(index)}; };
  Program program(shape.size, 1 + exchange.rounds() + 1);
  program.append(one_shot_reduce(led.inside, led.index), led.row(), everything, 0, false);
  if (led.leads) program.append(exchange, led.leaders, blocks_of_host, 1, true);
  program.append(direct_scatter(led.inside, led.index), led.row(), block_of_member, 1 + exchange.rounds(),
                 true);
  return program;
}

Program leaders_all_gather(const Shape& shape, Rank rank, BetweenLeaders between) {
  const Led led(shape, rank);
  const Program exchange = between(led.outside, led.host);
  const auto everything = [&](Block) { return all_ranks(shape.size); };
  const auto blocks_of_host = [&](int host) { return led.hosts.ranks_on(host); };
  const auto block_of_member = [&](Rank index) { return std::vector{led.row().at(index)}; };
  Program program(shape.size, 1 + exchange.rounds() + 1);
  program.append(direct_gather(led.inside, led.index), led.row(), block_of_member, 0, true);
  if (led.leads) program.append(exchange, led.leaders, blocks_of_host, 1, true);
  program.append(one_shot_broadcast(led.inside, led.index), led.row(), everything, 1 + exchange.rounds(),
                 true);
  return program;
}

Program hierarchical_broadcast(const Shape& shape, Rank rank) {
  const Led led(shape, rank);
  const Program exchange = binomial_broadcast(led.outside, led.host);
  Program program(1, exchange.rounds() + 1);
  if (led.leads) program.append(exchange, led.leaders, same_block, 0, true);
  program.append(one_shot_broadcast(led.inside, led.index), led.row(), same_block, exchange.rounds(), true);
  return program;
}

Program hierarchical_reduce(const Shape& shape, Rank rank) {
  const Led led(shape, rank);
  const Program exchange = binomial_reduce(led.outside, led.host);
  Program program(1, 1 + exchange.rounds());
  program.append(one_shot_reduce(led.inside, led.index), led.row(), same_block, 0, false);
  if (led.leads) program.append(exchange, led.leaders, same_block, 1, true);
  return program;
}

Program hierarchical_barrier(const Shape& shape, Rank rank) {
  const Led led(shape, rank);
  const Program exchange = dissemination_barrier(led.outside, led.host);
  Program program(1, 1 + exchange.rounds() + 1);
  const Rank leader = led.leaders.at(led.host);
  if (led.leads) {
    for (const Rank member : led.row()) {
      if (member != leader) program.receive(member, 0);
    }
    program.append(exchange, led.leaders, same_block, 1, true);
  } else {
    program.send(0, leader);
  }
  program.append(one_shot_broadcast(led.inside, led.index), led.row(), same_block, 1 + exchange.rounds(),
                 true);
  return program;
}

}  // namespace tutti
