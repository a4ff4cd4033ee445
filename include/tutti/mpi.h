/* tutti in a program that has MPI: joins the ranks of an MPI communicator, with the same rank numbers.
 * Header-only, for C99 and C++: it needs <mpi.h> and links with the program's own MPI, of whatever kind. MPI
 * is used for this one broadcast and may go its own way afterwards. */
#ifndef TUTTI_MPI_H
#define TUTTI_MPI_H

#include <mpi.h>

#include <tutti/tutti.h>

/** Joins all ranks of `mpi` in a new communicator, shaped by `config` (NULL: the default). Collective over
 * `mpi`, between MPI_Init and MPI_Finalize. tuttiSystemError: MPI itself failed. Else as
 * tuttiCommInitRankConfig. */
static inline tuttiResult_t tuttiCommInitMPIConfig(tuttiComm_t* comm, MPI_Comm mpi,
                                                   const tuttiConfig_t* config) {
  struct {
    tuttiUniqueId id;
    int result; /* of rank 0's tuttiGetUniqueId: if that failed, all fail alike instead of waiting */
  } start;
  int rank = 0, size = 0;
  if (comm == NULL) return tuttiInvalidArgument;
  *comm = NULL;
  if (MPI_Comm_rank(mpi, &rank) != MPI_SUCCESS || MPI_Comm_size(mpi, &size) != MPI_SUCCESS)
    return tuttiSystemError;
  start.result = rank == 0 ? (int)tuttiGetUniqueId(&start.id) : (int)tuttiSuccess;
  if (MPI_Bcast(&start, (int)sizeof start, MPI_BYTE, 0, mpi) != MPI_SUCCESS) return tuttiSystemError;
  if (start.result != (int)tuttiSuccess) return (tuttiResult_t)start.result;
  return tuttiCommInitRankConfig(comm, size, start.id, rank, config);
}

/** Likewise, with the default config. */
static inline tuttiResult_t tuttiCommInitMPI(tuttiComm_t* comm, MPI_Comm mpi) {
  return tuttiCommInitMPIConfig(comm, mpi, NULL);
}

#ifdef __cplusplus
#include <tutti/tutti.hpp>

namespace tutti {
inline namespace v0 {

/// Joins all ranks of an MPI communicator.
inline Communicator join_mpi(MPI_Comm mpi, const Config& config = {}) {
  tuttiComm_t comm = nullptr;
  check(tuttiCommInitMPIConfig(&comm, mpi, &config));
  return Communicator(comm);
}

}  // namespace v0
}  // namespace tutti
#endif

#endif
