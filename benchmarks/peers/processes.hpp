// Ranks as forked processes, for drivers whose library brings no launcher; each in a network namespace of its
// own where the options name some.
#pragma once

#include <csignal>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace peers {

// Moves this process into a namespace that `ip netns add` made.
inline void enter(const std::string& network_namespace) {
  const std::string path = "/run/netns/" + network_namespace;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || setns(file, CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter " + path);
  close(file);
}

// Binds this process to one core, where the machine allows it.
inline void stay_on_core(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

// 0 if every process ended well; the first failure ends the others, which would wait for it in vain.
inline int wait_for(const std::vector<pid_t>& processes) {
  int result = 0;
  for (size_t ended = 0; ended < processes.size(); ++ended) {
    int status = 0;
    wait(&status);
    if (status != 0 && result == 0) {
      result = 1;
      if (WIFSIGNALED(status)) std::cerr << "a rank was ended by signal " << WTERMSIG(status) << '\n';
      for (const pid_t process : processes) kill(process, SIGKILL);
    }
  }
  return result;
}

// Runs `body(rank)` in a process for each rank; what it throws is printed. Returns the exit code.
template <class Body>
int fork_ranks(int ranks, const std::vector<std::string>& namespaces, Body&& body) {
  const auto guarded = [&](int rank) {
    try {
      if (!namespaces.empty()) enter(namespaces[static_cast<size_t>(rank) % namespaces.size()]);
      return body(rank);
    } catch (const std::exception& error) {
      std::cerr << "rank " << rank << ": " << error.what() << '\n';
      return 1;
    }
  };
  std::vector<pid_t> processes;
  for (int rank = 0; rank < ranks; ++rank) {
    const pid_t child = fork();
    if (child == 0) std::_Exit(guarded(rank));
    if (child < 0) {
      for (const pid_t process : processes) kill(process, SIGKILL);
      return 1;
    }
    processes.push_back(child);
  }
  return wait_for(processes);
}

}  // namespace peers
