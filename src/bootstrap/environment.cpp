#include "bootstrap/environment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/error.hpp"

namespace tutti {

namespace {

// How a launcher names things.
struct Dialect {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};
constexpr Dialect kTutti{"tutti", "TUTTI_RANK", "TUTTI_SIZE", "TUTTI_LOCAL_RANK", "TUTTI_LOCAL_SIZE"};
constexpr Dialect kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Dialect kOpenMpi{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                           "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Dialect kPmi{"PMI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Dialect kSlurm{"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""};

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The variable's value, `otherwise` when it is not set.
int number(const Lookup& lookup, const char* variable, int minimum, int maximum, int otherwise) {
  const std::string text = *variable == '\0' ? "" : lookup(variable);
  if (text.empty()) return otherwise;
  const auto value = whole_number(text);
  if (!value || *value < minimum || *value > maximum)
    fail(Code::invalid_argument, "{} is '{}'; it must be a whole number from {} to {}", variable, text,
         minimum, maximum);
  return *value;
}

std::optional<Launch> read(const Dialect& dialect, const Lookup& lookup) {
  if (lookup(dialect.rank).empty() || lookup(dialect.size).empty()) return std::nullopt;
  Launch launch;
  launch.launcher = dialect.launcher;
  launch.size = number(lookup, dialect.size, 1, 1 << 24, 1);
  launch.rank = number(lookup, dialect.rank, 0, launch.size - 1, 0);
  launch.local_size = number(lookup, dialect.local_size, 1, launch.size, 0);
  launch.local_rank = number(lookup, dialect.local_rank, 0, launch.size - 1, -1);
  return launch;
}

// The first of several variables that is set.
std::string any_of(const Lookup& lookup, std::initializer_list<const char*> variables) {
  for (const char* variable : variables)
    if (std::string value = lookup(variable); !value.empty()) return value;
  return {};
}

std::optional<Launch> from_tutti(const Lookup& lookup) {
  for (const auto& [one, other] : {std::pair(kTutti.rank, kTutti.size), std::pair(kTutti.size, kTutti.rank)})
    if (!lookup(one).empty() && lookup(other).empty())
      fail(Code::invalid_argument, "{} is set and {} is not: set both, or neither", one, other);
  auto launch = read(kTutti, lookup);
  if (launch) launch->job = lookup("TUTTI_JOB");
  return launch;
}

std::optional<Launch> from_torchrun(const Lookup& lookup) {
  auto launch = read(kTorchrun, lookup);
  if (!launch) return std::nullopt;
  // The run's name is "none" unless the user gave one; its port, and the count of restarts, set runs apart.
  for (const char* variable : {"TORCHELASTIC_RUN_ID", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT"})
    launch->job += lookup(variable) + ".";
  return launch;
}

std::optional<Launch> from_open_mpi(const Lookup& lookup) {
  auto launch = read(kOpenMpi, lookup);
  if (launch) launch->job = any_of(lookup, {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"});
  return launch;
}

// "2(x3),1": 2 tasks on each of three nodes, then 1. 0 when the text does not say it for this node.
int tasks_on_node(std::string_view text, int node) {
  while (!text.empty() && node >= 0) {
    const auto end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto bracket = part.find("(x");
    const auto tasks = whole_number(part.substr(0, bracket));
    int nodes = 1;
    if (bracket != std::string_view::npos && part.back() == ')')
      nodes = whole_number(part.substr(bracket + 2, part.size() - bracket - 3)).value_or(0);
    if (!tasks || nodes < 1) return 0;
    if (node < nodes) return *tasks;
    node -= nodes;
  }
  return 0;
}

// Only a step of srun: a batch script has a SLURM_PROCID too, and is one process.
std::optional<Launch> from_slurm(const Lookup& lookup) {
  const std::string step = any_of(lookup, {"SLURM_STEP_ID", "SLURM_STEPID"});
  if (step.empty()) return std::nullopt;
  Dialect dialect = kSlurm;
  if (lookup(dialect.size).empty()) dialect.size = "SLURM_NTASKS";
  auto launch = read(dialect, lookup);
  if (!launch) return std::nullopt;
  launch->job = any_of(lookup, {"SLURM_JOB_ID", "SLURM_JOBID"}) + "." + step;
  launch->local_size = tasks_on_node(any_of(lookup, {"SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"}),
                                     number(lookup, "SLURM_NODEID", 0, 1 << 24, -1));
  if (any_of(lookup, {"SLURM_STEP_NUM_NODES", "SLURM_NNODES"}) == "1") launch->local_size = launch->size;
  return launch;
}

// MPICH, Intel MPI, and srun where it speaks PMI: then Slurm knows more.
std::optional<Launch> from_pmi(const Lookup& lookup) {
  auto launch = read(kPmi, lookup);
  if (!launch) return std::nullopt;
  launch->job = lookup("PMI_JOBID");
  if (launch->local_size > 0) return launch;
  const auto slurm = from_slurm(lookup);
  return slurm && slurm->rank == launch->rank && slurm->size == launch->size ? slurm : launch;
}

}  // namespace

std::optional<Launch> detect_launch(const Settings&) {
  return detect_launch([](const char* variable) { return environment(variable); });
}

// The nearest first: torchrun within mpirun within a Slurm job is torchrun's.
std::optional<Launch> detect_launch(const Lookup& lookup) {
  for (const auto& from : {from_tutti, from_torchrun, from_open_mpi, from_pmi, from_slurm})
    if (auto launch = from(lookup)) return launch;
  return std::nullopt;
}

}  // namespace tutti
