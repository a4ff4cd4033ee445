// How tutti starts with many ranks: forks them, joins them, makes one small all-reduce, and writes how long
// the joining took and how much memory each process has to itself.
#include <cstdlib>
#include <fstream>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "join_tutti.hpp"
#include "processes.hpp"

namespace {

using peers::check;
using peers::Ranks;

struct Options {
  std::string shared, json;
  int ranks = 128;
};

double private_mib() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  double kib = 0;
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"))
      kib += std::strtod(line.c_str() + line.find(':') + 1, nullptr);
  }
  return kib / 1024;
}

int run_rank(const Options& options, double started_ns, int rank) {
  Ranks ranks(options.shared, rank, options.ranks);
  const tuttiComm_t comm = peers::join_tutti(ranks);
  const double joined_s = ranks.slowest(peers::now_ns() - started_ns) / 1e9;
  ranks.barrier();

  const float in = 1;
  float out = 0;
  check(tuttiAllReduce(&in, &out, 1, tuttiFloat32, tuttiSum, comm, nullptr));
  const double most_mib = ranks.slowest(private_mib());
  if (rank == 0) {
    const nlohmann::json result = {
        {"ranks", options.ranks}, {"join_s", joined_s}, {"private_mib_most", most_mib}};
    std::ofstream(options.json) << result.dump() << '\n';
  }
  ranks.barrier();
  check(tuttiCommDestroy(comm));
  return out == static_cast<float>(options.ranks) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("how tutti starts with many ranks");
  Options options;
  app.add_option("--shared", options.shared, "a fresh file in a memory file system")->required();
  app.add_option("--json", options.json, "where to write the result")->required();
  app.add_option("-n,--ranks", options.ranks);
  CLI11_PARSE(app, argc, argv);
  const double started_ns = peers::now_ns();
  return peers::fork_ranks(options.ranks, {}, [&](int rank) { return run_rank(options, started_ns, rank); });
}
