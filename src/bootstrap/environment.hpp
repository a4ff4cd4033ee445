// Starting from the environment: which launcher started this process, as which rank of how many, and a unique
// id that all of its ranks agree on without any code of the user's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/settings.hpp"
#include "bootstrap/unique_id.hpp"

namespace tutti {

/// What a launcher told this process.
struct Launch {
  int rank = 0;
  int size = 1;
  int local_rank = -1;   // among the ranks of this host; -1: not told
  int local_size = 0;    // 0: not told
  std::string launcher;  // "tutti", "torchrun", "Open MPI", "PMI", "Slurm"
  std::string job;       // sets this job apart from others of the same user
};

/// The value of an environment variable, or empty. The tests give their own.
using Lookup = std::function<std::string(const char* variable)>;

/// TUTTI_RANK and TUTTI_SIZE, else what torchrun, Open MPI, MPICH or Intel MPI (PMI) or Slurm have set;
/// nothing when none started this process. Throws invalid_argument naming a variable that makes no sense.
[[nodiscard]] std::optional<Launch> detect_launch(const Settings& settings);
[[nodiscard]] std::optional<Launch> detect_launch(const Lookup& lookup);

/// Where all ranks of the launch meet. Rank 0 opens the rendezvous, the others find it: by a file
/// (settings.rendezvous_file, or a private one under TMPDIR when all ranks are on this host), else at
/// MASTER_ADDR, on one of the eight ports above MASTER_PORT. Call it equally often on all ranks: each call is
/// another rendezvous. Throws timeout, system_error, or invalid_usage that says which variables to set.
[[nodiscard]] UniqueId id_from_environment(const Launch& launch, const Settings& settings);
[[nodiscard]] UniqueId id_from_environment(const Launch& launch, const Settings& settings,
                                           const Lookup& lookup);

}  // namespace tutti
