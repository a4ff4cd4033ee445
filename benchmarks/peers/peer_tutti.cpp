// Measures tutti in the peers' harness: forks its ranks and joins them by unique id.
#include <cstring>

#include <sys/wait.h>

#include <tutti/tutti.h>

#include "session.hpp"

namespace {

using peers::Buffers;
using peers::Collective;
using peers::Ranks;

void check(tuttiResult_t result) {
  if (result != tuttiSuccess) throw std::runtime_error(tuttiGetLastError(nullptr));
}

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

tuttiComm_t join(Ranks& ranks) {
  static_assert(sizeof(tuttiUniqueId) <= peers::kBlobBytes);
  tuttiUniqueId id;
  if (ranks.rank() == 0) {
    check(tuttiGetUniqueId(&id));
    std::memcpy(ranks.blob(), &id, sizeof id);
  }
  ranks.barrier();
  std::memcpy(&id, ranks.blob(), sizeof id);
  tuttiComm_t comm = nullptr;
  check(tuttiCommInitRank(&comm, ranks.size(), id, ranks.rank()));
  return comm;
}

int run_rank(const peers::Options& options, int rank) {
  try {
    Ranks ranks(options.shared, rank, options.ranks);
    const tuttiComm_t comm = join(ranks);
    const int result =
        peers::run(ranks, options, [&](Buffers& buffers) { check(call(options.collective, buffers, comm)); });
    check(tuttiCommDestroy(comm));
    return result;
  } catch (const std::exception& error) {
    std::cerr << "rank " << rank << ": " << error.what() << '\n';
    return 1;
  }
}

// 0 if every rank ended well; the first failure ends the others, which would wait for it in vain.
int wait_for(const std::vector<pid_t>& ranks) {
  int result = 0;
  for (size_t ended = 0; ended < ranks.size(); ++ended) {
    int status = 0;
    wait(&status);
    if (status != 0 && result == 0) {
      result = 1;
      for (const pid_t rank : ranks) kill(rank, SIGKILL);
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("measures tutti's collectives");
  peers::Options options;
  peers::declare(app, options);
  CLI11_PARSE(app, argc, argv);

  std::vector<pid_t> ranks;
  for (int rank = 0; rank < options.ranks; ++rank) {
    const pid_t child = fork();
    if (child == 0) std::_Exit(run_rank(options, rank));
    ranks.push_back(child);
  }
  return wait_for(ranks);
}
