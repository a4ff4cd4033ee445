// Measures tutti in the peers' harness: forks its ranks and joins them by unique id.
#include <tutti/tutti.h>

#include "join_tutti.hpp"
#include "processes.hpp"
#include "session.hpp"

namespace {

using peers::Buffers;
using peers::check;
using peers::Collective;
using peers::Ranks;

tuttiResult_t call(Collective collective, Buffers& buffers, tuttiComm_t comm) {
  const size_t count = buffers.count();
  const float* in = buffers.in();
  float* out = buffers.out();
  switch (collective) {
    case Collective::all_reduce: return tuttiAllReduce(in, out, count, tuttiFloat32, tuttiSum, comm, nullptr);
    case Collective::all_gather: return tuttiAllGather(in, out, count, tuttiFloat32, comm, nullptr);
    case Collective::reduce_scatter:
      return tuttiReduceScatter(in, out, count, tuttiFloat32, tuttiSum, comm, nullptr);
    case Collective::broadcast: return tuttiBroadcast(out, out, count, tuttiFloat32, 0, comm, nullptr);
    case Collective::reduce: return tuttiReduce(in, out, count, tuttiFloat32, tuttiSum, 0, comm, nullptr);
    case Collective::alltoall: return tuttiAlltoAll(in, out, count, tuttiFloat32, comm, nullptr);
  }
  return tuttiInvalidArgument;
}

peers::Source tutti_memory() {
  return {.take =
              [](size_t bytes) {
                void* memory = nullptr;
                check(tuttiMemAlloc(&memory, bytes));
                return memory;
              },
          .give_back = [](void* memory) { tuttiMemFree(memory); }};
}

int run_rank(const peers::Options& options, bool alloc, int rank) try {
  Ranks ranks(options.shared, rank, options.ranks);
  const tuttiComm_t comm = peers::join_tutti(ranks);
  const int result = peers::run(
      ranks, options, [&](Buffers& buffers) { check(call(options.collective, buffers, comm)); },
      alloc ? tutti_memory() : peers::Source{});
  check(tuttiCommDestroy(comm));
  return result;
} catch (const std::exception& error) {
  std::cerr << "rank " << rank << ": " << error.what() << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("measures tutti's collectives");
  peers::Options options;
  peers::declare(app, options);
  bool alloc = false;
  app.add_flag("--alloc", alloc, "buffers of tuttiMemAlloc");
  int rank = -1;
  app.add_option("--rank", rank, "only this one: a launcher starts the others");
  CLI11_PARSE(app, argc, argv);
  if (rank >= 0) return run_rank(options, alloc, rank);
  return peers::fork_ranks(options.ranks, options.namespaces,
                           [&](int rank) { return run_rank(options, alloc, rank); });
}
