// The registry: one row for every algorithm of every collective. A new row is all that the verifier's tests,
// the selector and TUTTI_ALGORITHM need.
#include <algorithm>
#include <array>

#include "schedule/algorithms/algorithm.hpp"
#include "schedule/algorithms/arithmetic.hpp"
#include "schedule/algorithms/makers.hpp"

namespace tutti {

namespace {

bool always(const Shape&) {
  return true;
}
bool power_of_two(const Shape& shape) {
  return is_power_of_two(shape.size);
}

constexpr bool kPipelines = true, kRoundByRound = false;
constexpr bool kReproducible = true, kAnyOrder = false;
constexpr bool kSharedMemory = true, kAnyWire = false;

constexpr auto kAlgorithms = std::to_array<Algorithm>({
    {"ring", Collective::all_reduce, ring_all_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"recursive_doubling", Collective::all_reduce, recursive_doubling_all_reduce, always, kPipelines,
     kAnyOrder, kAnyWire},
    {"one_shot", Collective::all_reduce, one_shot_all_reduce, always, kPipelines, kReproducible,
     kSharedMemory},
    {"two_shot", Collective::all_reduce, two_shot_all_reduce, always, kPipelines, kReproducible,
     kSharedMemory},

    {"binomial", Collective::reduce, binomial_reduce, always, kPipelines, kAnyOrder, kAnyWire},
    {"one_shot", Collective::reduce, one_shot_reduce, always, kPipelines, kReproducible, kSharedMemory},
    {"two_shot", Collective::reduce, two_shot_reduce, always, kPipelines, kReproducible, kSharedMemory},

    {"binomial", Collective::broadcast, binomial_broadcast, always, kPipelines, kReproducible, kAnyWire},
    {"one_shot", Collective::broadcast, one_shot_broadcast, always, kPipelines, kReproducible, kSharedMemory},

    {"ring", Collective::reduce_scatter, ring_reduce_scatter, always, kPipelines, kAnyOrder, kAnyWire},
    {"pairwise", Collective::reduce_scatter, pairwise_reduce_scatter, always, kPipelines, kAnyOrder,
     kAnyWire},
    {"two_shot", Collective::reduce_scatter, two_shot_reduce_scatter, always, kPipelines, kReproducible,
     kSharedMemory},

    {"ring", Collective::all_gather, ring_all_gather, always, kPipelines, kReproducible, kAnyWire},
    {"recursive_doubling", Collective::all_gather, recursive_doubling_all_gather, power_of_two, kRoundByRound,
     kReproducible, kAnyWire},
    {"direct", Collective::all_gather, direct_all_gather, always, kPipelines, kReproducible, kAnyWire},
    {"one_shot", Collective::all_gather, one_shot_all_gather, always, kPipelines, kReproducible,
     kSharedMemory},

    {"binomial", Collective::gather, binomial_gather, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::gather, direct_gather, always, kPipelines, kReproducible, kAnyWire},

    {"binomial", Collective::scatter, binomial_scatter, always, kRoundByRound, kReproducible, kAnyWire},
    {"direct", Collective::scatter, direct_scatter, always, kPipelines, kReproducible, kAnyWire},

    {"pairwise", Collective::all_to_all, pairwise_all_to_all, always, kPipelines, kReproducible, kAnyWire},
    {"direct", Collective::all_to_all, direct_all_to_all, always, kPipelines, kReproducible, kAnyWire},

    {"dissemination", Collective::barrier, dissemination_barrier, always, kRoundByRound, kReproducible,
     kAnyWire},
    {"one_shot", Collective::barrier, one_shot_barrier, always, kRoundByRound, kReproducible, kSharedMemory},
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
