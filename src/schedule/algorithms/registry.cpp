// The registry: one row for every algorithm of every collective. A new row is all that the verifier's tests,
// the selector and TUTTI_ALGORITHM need.
#include <algorithm>
#include <array>

#include "schedule/algorithms/algorithm.hpp"
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/hosts.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

bool always(const Shape&) {
  return true;
}
bool power_of_two(const Shape& shape) {
  return is_power_of_two(shape.size);
}
bool two_levels(const Shape& shape) {
  return Hosts(shape).two_levels();
}
bool equal_hosts(const Shape& shape) {
  const Hosts hosts(shape);
  return hosts.two_levels() && hosts.equal();
}

constexpr bool kPipelines = true, kRoundByRound = false;
constexpr bool kReproducible = true, kAnyOrder = false;
constexpr bool kSharedMemory = true, kAnyWire = false;

constexpr auto kAlgorithms = std::to_array<Algorithm>({
    {"ring", Collective::all_reduce, ring_all_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"tree", Collective::all_reduce, tree_all_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"recursive_doubling", Collective::all_reduce, recursive_doubling_all_reduce, always, kPipelines,
     kAnyOrder, kAnyWire},
    {"rabenseifner", Collective::all_reduce, rabenseifner_all_reduce, always, kRoundByRound, kAnyOrder,
     kAnyWire},
    {"one_shot", Collective::all_reduce, one_shot_all_reduce, always, kPipelines, kReproducible,
     kSharedMemory},
    {"two_shot", Collective::all_reduce, two_shot_all_reduce, always, kPipelines, kReproducible,
     kSharedMemory},
    {"hierarchical", Collective::all_reduce, hierarchical_all_reduce, two_levels, kRoundByRound, kAnyOrder,
     kAnyWire},
    {"hierarchical_ring", Collective::all_reduce, hierarchical_ring_all_reduce, equal_hosts, kPipelines,
     kAnyOrder, kAnyWire},
    {"hierarchical_leaders", Collective::all_reduce, hierarchical_leaders_all_reduce, two_levels, kPipelines,
     kAnyOrder, kAnyWire},

    {"binomial", Collective::reduce, binomial_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"tree", Collective::reduce, tree_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"chain", Collective::reduce, chain_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"one_shot", Collective::reduce, one_shot_reduce, always, kPipelines, kReproducible, kSharedMemory},
    {"two_shot", Collective::reduce, two_shot_reduce, always, kPipelines, kReproducible, kSharedMemory},
    {"hierarchical", Collective::reduce, hierarchical_reduce, two_levels, kPipelines, kAnyOrder, kAnyWire},

    {"binomial", Collective::broadcast, binomial_broadcast, always, kPipelines, kReproducible, kAnyWire},
    {"tree", Collective::broadcast, tree_broadcast, always, kPipelines, kReproducible, kAnyWire},
    {"chain", Collective::broadcast, chain_broadcast, always, kPipelines, kReproducible, kAnyWire},
    {"scatter_all_gather", Collective::broadcast, scatter_all_gather_broadcast, always, kRoundByRound,
     kReproducible, kAnyWire},
    {"one_shot", Collective::broadcast, one_shot_broadcast, always, kPipelines, kReproducible, kSharedMemory},
    {"hierarchical", Collective::broadcast, hierarchical_broadcast, two_levels, kPipelines, kReproducible,
     kAnyWire},

    {"ring", Collective::reduce_scatter, ring_reduce_scatter, always, kPipelines, kAnyOrder, kAnyWire},
    {"pairwise", Collective::reduce_scatter, pairwise_reduce_scatter, always, kPipelines, kAnyOrder,
     kAnyWire},
    {"recursive_halving", Collective::reduce_scatter, recursive_halving_reduce_scatter, always, kRoundByRound,
     kAnyOrder, kAnyWire},
    {"pat", Collective::reduce_scatter, pat_reduce_scatter, always, kRoundByRound, kAnyOrder, kAnyWire},
    {"two_shot", Collective::reduce_scatter, two_shot_reduce_scatter, always, kPipelines, kReproducible,
     kSharedMemory},
    {"hierarchical", Collective::reduce_scatter, hierarchical_reduce_scatter, two_levels, kRoundByRound,
     kAnyOrder, kAnyWire},
    {"hierarchical_ring", Collective::reduce_scatter, hierarchical_ring_reduce_scatter, equal_hosts,
     kPipelines, kAnyOrder, kAnyWire},

    {"ring", Collective::all_gather, ring_all_gather, always, kPipelines, kReproducible, kAnyWire},
    {"recursive_doubling", Collective::all_gather, recursive_doubling_all_gather, power_of_two, kRoundByRound,
     kReproducible, kAnyWire},
    {"bruck", Collective::all_gather, bruck_all_gather, always, kRoundByRound, kReproducible, kAnyWire},
    {"pat", Collective::all_gather, pat_all_gather, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::all_gather, direct_all_gather, always, kPipelines, kReproducible, kAnyWire},
    {"one_shot", Collective::all_gather, one_shot_all_gather, always, kPipelines, kReproducible,
     kSharedMemory},
    {"hierarchical", Collective::all_gather, hierarchical_all_gather, two_levels, kRoundByRound,
     kReproducible, kAnyWire},
    {"hierarchical_ring", Collective::all_gather, hierarchical_ring_all_gather, equal_hosts, kPipelines,
     kReproducible, kAnyWire},

    {"binomial", Collective::gather, binomial_gather, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::gather, direct_gather, always, kPipelines, kReproducible, kAnyWire},

    {"binomial", Collective::scatter, binomial_scatter, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::scatter, direct_scatter, always, kPipelines, kReproducible, kAnyWire},

    {"pairwise", Collective::all_to_all, pairwise_all_to_all, always, kPipelines, kReproducible, kAnyWire},
    {"bruck", Collective::all_to_all, bruck_all_to_all, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::all_to_all, direct_all_to_all, always, kPipelines, kReproducible, kAnyWire},

    {"dissemination", Collective::barrier, dissemination_barrier, always, kRoundByRound, kReproducible,
     kAnyWire},
    {"one_shot", Collective::barrier, one_shot_barrier, always, kRoundByRound, kReproducible, kSharedMemory},
    {"hierarchical", Collective::barrier, hierarchical_barrier, two_levels, kRoundByRound, kReproducible,
     kAnyWire},
});

}  // namespace

std::span<const Algorithm> algorithms() {
  return kAlgorithms;
}

const Algorithm* find_algorithm(Collective collective, std::string_view name) {
  const auto found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const Algorithm& algorithm) {
    return algorithm.collective == collective && algorithm.name == name;
  });
  return found == kAlgorithms.end() ? nullptr : &*found;
}

std::vector<Program> make_programs(const Algorithm& algorithm, const Shape& shape) {
  std::vector<Program> programs;
  programs.reserve(static_cast<std::size_t>(shape.size));
  for (Rank rank = 0; rank < shape.size; ++rank) programs.push_back(algorithm.make(shape, rank));
  return programs;
}

}  // namespace tutti
