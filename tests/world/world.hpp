// A world of ranks in one thread: every rank's plan runs over the loop wire, polled in random order on a
// virtual clock. The seed decides everything, so that a failing run is one number.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "execute/run.hpp"
#include "schedule/algorithms/algorithm.hpp"
#include "transport/loop/loop.hpp"

namespace tutti::testing {

struct WorldOptions {
  int ranks = 2;
  std::uint64_t seed = 1;
  LoopOptions wire = {};
  std::vector<int> host_of = {};  // empty: all on one host
};

class TestWorld {
 public:
  explicit TestWorld(const WorldOptions& options);

  /// Compiles the algorithm for `call` on every rank and opens what it needs. `call_of(r)`: in_place and the
  /// like may differ.
  void compile(const Algorithm& algorithm, const std::function<Call(int)>& call_of,
               const Parameters& parameters);
  /// Runs what was compiled; `buffers[r]`: rank r's, as Call counts them. Returns "" or what went wrong.
  [[nodiscard]] std::string run(const std::vector<std::vector<std::byte*>>& buffers);

  [[nodiscard]] Transport& transport(int rank) { return *ranks_[static_cast<std::size_t>(rank)]->transport; }
  [[nodiscard]] LoopNetwork& network() { return network_; }
  [[nodiscard]] const Failure& failure(int rank) const {
    return ranks_[static_cast<std::size_t>(rank)]->failure;
  }
  [[nodiscard]] const Plan& plan(int rank) const { return *ranks_[static_cast<std::size_t>(rank)]->plan; }

 private:
  struct Rank {
    Failure failure;
    World world;
    std::unique_ptr<Transport> transport;
    std::unique_ptr<Connections> connections;
    std::unique_ptr<Plan> plan;
    Run run;
    std::vector<std::byte> scratch;
    bool done = false;
  };
  [[nodiscard]] bool over(const Rank& rank) const;

  WorldOptions options_;
  LoopNetwork network_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Rank>> ranks_;
};

}  // namespace tutti::testing
