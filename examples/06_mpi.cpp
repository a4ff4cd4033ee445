// tutti within an MPI program: the ranks of an MPI communicator join under the same numbers. mpirun -np 2
// 06_mpi
#include <cstdio>
#include <vector>

#include <tutti/mpi.h>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int status = 1;
  try {
    tutti::Communicator comm = tutti::join_mpi(MPI_COMM_WORLD);
    std::vector<int> mine(1000, comm.rank()), by_tutti(1000), by_mpi(1000);
    comm.all_reduce(mine, by_tutti, tutti::sum);
    MPI_Allreduce(mine.data(), by_mpi.data(), 1000, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    status = by_tutti == by_mpi ? 0 : 1;
    if (comm.rank() == 0)
      std::printf("%d ranks: tutti says %d, MPI %d\n", comm.size(), by_tutti[0], by_mpi[0]);
  } catch (const tutti::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Finalize();
  return status;
}
