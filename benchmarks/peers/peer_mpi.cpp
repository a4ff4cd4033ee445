// Measures an MPI library: built by each library's own mpicxx, started by its own mpirun.
#include <mpi.h>

#include "session.hpp"

namespace {

using peers::Buffers;
using peers::Collective;

void call(Collective collective, Buffers& buffers) {
  const int count = static_cast<int>(buffers.count());
  const float* in = buffers.in();
  float* out = buffers.out();
  switch (collective) {
    case Collective::all_reduce: MPI_Allreduce(in, out, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD); break;
    case Collective::all_gather:
      MPI_Allgather(in, count, MPI_FLOAT, out, count, MPI_FLOAT, MPI_COMM_WORLD);
      break;
    case Collective::reduce_scatter:
      MPI_Reduce_scatter_block(in, out, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
      break;
    case Collective::broadcast: MPI_Bcast(out, count, MPI_FLOAT, 0, MPI_COMM_WORLD); break;
    case Collective::reduce: MPI_Reduce(in, out, count, MPI_FLOAT, MPI_SUM, 0, MPI_COMM_WORLD); break;
    case Collective::alltoall:
      MPI_Alltoall(in, count, MPI_FLOAT, out, count, MPI_FLOAT, MPI_COMM_WORLD);
      break;
  }
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  CLI::App app("measures MPI's collectives");
  peers::Options options;
  peers::declare(app, options);
  CLI11_PARSE(app, argc, argv);

  int rank = 0, size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  peers::Ranks ranks(options.shared, rank, size);
  const int result = peers::run(ranks, options, [&](Buffers& buffers) { call(options.collective, buffers); });
  MPI_Finalize();
  return result;
}
