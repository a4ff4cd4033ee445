// The peers' harness for Python: the same loop, buffers and checks, calling back for each collective call.
#include <stdexcept>

#include "processes.hpp"
#include "session.hpp"

namespace {

// The collective's number, input, output, whole elements, and the elements that the call takes (a rank's
// share where the collective cuts the buffer).
using Call = void (*)(int collective, const float* in, float* out, size_t elements, size_t count);

}  // namespace

// Runs one rank; the arguments are a driver's. Returns the exit code.
extern "C" int peers_run_rank(int argc, const char* const* argv, int rank, Call call) try {
  CLI::App app("measures a library that Python calls");
  peers::Options options;
  peers::declare(app, options);
  CLI11_PARSE(app, argc, argv);
  peers::Ranks ranks(options.shared, rank, options.ranks);
  ranks.barrier();
  return peers::run(ranks, options, [&](peers::Buffers& buffers) {
    call(static_cast<int>(options.collective), buffers.in(), buffers.out(), buffers.elements(),
         buffers.count());
  });
} catch (const std::exception& error) {
  std::cerr << "rank " << rank << ": " << error.what() << '\n';
  return 1;
}

extern "C" int peers_enter(const char* network_namespace) try {
  peers::enter(network_namespace);
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
