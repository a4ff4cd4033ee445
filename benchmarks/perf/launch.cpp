#include "launch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tutti/tutti.hpp>

namespace perf {
namespace {

/// tuttiConfig_t and the strings that it points to.
struct Shape {
  Shape(const Options& options, int rank, int ranks) {
    const auto text = [](const std::string& value) { return value.empty() ? nullptr : value.c_str(); };
    config.transport = text(options.transport);
    config.algorithm = text(options.algorithm);
    config.settings = text(options.settings);
    if (options.lanes > 0) config.lanes = options.lanes;
    config.chunkBytes = options.chunk_bytes;
    if (options.reproducible) config.reproducible = 1;
    if (options.timeout_s > 0) config.timeoutMs = std::max(1, static_cast<int>(options.timeout_s * 1000));
    if (options.hosts > 1) host = fmt::format("tutti-perf-host-{}", rank * options.hosts / ranks);
    config.hostId = text(host);
    config.commName = "tutti-perf";
  }
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;

  std::string host;
  tutti::Config config;
};

/// The body, with every exception turned into a sentence and a status.
int guarded(const std::string& who, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "tutti-perf: {}{}\n", who, error.what());
    return kExitError;
  }
}

// ---- Local ranks

int local_rank(const Options& options, SharedMeeting::Table& table, int rank, int ranks,
               const std::function<int(const Member&)>& body) {
  const int status = guarded(fmt::format("rank {}: ", rank), [&] {
    SharedMeeting meeting(table, rank, ranks);
    const tutti::UniqueId id{meeting.share(rank == 0 ? tutti::UniqueId::make() : tuttiUniqueId{})};
    const Shape shape(options, rank, ranks);
    auto comm = tutti::Communicator::join(ranks, id, rank, shape.config);
    meeting.watch(comm);
    try {
      return body(Member{comm.get(), meeting, rank, ranks});
    } catch (...) {
      comm.abort();  // destroying would wait for the others
      throw;
    }
  });
  // The other threads of this process wait for this rank, and nothing can end them singly.
  if (status == kExitError && options.threads > 1) std::_Exit(kExitError);
  return status;
}

int local_process(const Options& options, SharedMeeting::Table& table, int process,
                  const std::function<int(const Member&)>& body) {
  const int ranks = options.processes * options.threads;
  if (options.threads == 1) return local_rank(options, table, process, ranks, body);
  std::atomic<int> worst{kExitRight};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < options.threads; ++thread)
    threads.emplace_back([&, rank = process * options.threads + thread] {
      const int status = local_rank(options, table, rank, ranks, body);
      if (status != kExitRight) worst = status;
    });
  for (std::thread& thread : threads) thread.join();
  return worst;
}

/// Waits for all; as soon as one has failed, ends the rest.
int reap(std::vector<pid_t> children) {
  int worst = kExitRight;
  const auto began = children;
  while (!children.empty()) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) break;
    children.erase(std::remove(children.begin(), children.end(), pid), children.end());
    const bool failed_before = worst == kExitError;
    if (WIFSIGNALED(status) && !failed_before) {
      const auto process = std::find(began.begin(), began.end(), pid) - began.begin();
      fmt::print(stderr, "tutti-perf: process {} (pid {}) was ended by signal {} ({}).\n", process, pid,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    worst = std::max(worst, WIFEXITED(status) ? WEXITSTATUS(status) : kExitError);
    if (worst >= kExitError && !failed_before)
      for (pid_t other : children) {
        kill(other, SIGTERM);
        kill(other, SIGCONT);  // one that is stopped ends only when it goes on
      }
  }
  return worst;
}

int local_processes(const Options& options, const std::function<int(const Member&)>& body) {
  SharedMeeting::Table& table = SharedMeeting::make_table(options.processes * options.threads);
  if (options.processes == 1) return local_process(options, table, 0, body);
  const pid_t parent = getpid();
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int process = 0; process < options.processes; ++process) {
    const pid_t pid = fork();
    if (pid < 0) {
      const int reason = errno;
      for (pid_t child : children) kill(child, SIGKILL);
      throw std::runtime_error(fmt::format("fork of process {}: {}", process, std::strerror(reason)));
    }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);                 // nobody stays behind
      if (getppid() != parent) std::_Exit(kExitError);  // it had died before
      return local_process(options, table, process, body);
    }
    children.push_back(pid);
  }
  return reap(std::move(children));
}

// ---- A launcher's ranks

/// How many processes a launcher started along with this one; 0: none did.
int launched_ranks() {
  struct Names {
    const char *rank, *size;
  };
  constexpr std::array<Names, 5> kLaunchers{{{"TUTTI_RANK", "TUTTI_SIZE"},
                                             {"RANK", "WORLD_SIZE"},
                                             {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                             {"PMI_RANK", "PMI_SIZE"},
                                             {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}};
  for (const Names& launcher : kLaunchers)
    if (const char* size = std::getenv(launcher.size);
        size != nullptr && std::getenv(launcher.rank) != nullptr)
      return std::max(1, static_cast<int>(std::strtol(size, nullptr, 10)));
  return 0;
}

int launched_rank(const Options& options, const std::function<int(const Member&)>& body) {
  return guarded("", [&] {
    if (options.threads > 1 || options.hosts > 1)
      throw std::invalid_argument(
          "--threads and --hosts are for local ranks (-n). Under a launcher, start more "
          "processes, and set TUTTI_HOSTID per process to play several hosts.");
    const Shape shape(options, 0, 1);
    auto comm = tutti::Communicator::from_environment(shape.config);
    RemoteMeeting meeting(comm.get());
    try {
      return body(Member{comm.get(), meeting, comm.rank(), comm.size()});
    } catch (...) {
      comm.abort();
      throw;
    }
  });
}

}  // namespace

int run_ranks(const Options& options, const std::function<int(const Member&)>& body) {
  const int launched = launched_ranks();
  const bool local_wanted = options.processes > 0 || options.threads > 1;
  if (launched > 1 && options.processes > 0 && options.processes != launched) {
    fmt::print(
        stderr,
        "tutti-perf: a launcher started {} processes, and -n {} asks for another number. Leave out -n.\n",
        launched, options.processes);
    return kExitError;
  }
  if (launched > 1 || (launched == 1 && !local_wanted)) return launched_rank(options, body);
  Options local = options;
  if (local.processes == 0) local.processes = options.threads > 1 ? 1 : 2;
  return guarded("", [&] { return local_processes(local, body); });
}

}  // namespace perf
