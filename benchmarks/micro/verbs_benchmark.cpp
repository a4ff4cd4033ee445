// What a message over RDMA costs beside the device: a double stands for libibverbs and carries requests out
// at once. For instructions.py, which counts both paths without what the double does; times mean nothing
// here.
#include <vector>

#include <benchmark/benchmark.h>

#include "asked.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti {
namespace {

using verbs_double::Pair;

/// A message is handed over, and what the device has told of earlier ones is looked at.
[[gnu::noinline]] void send_path(Pair& pair, std::span<const std::byte> message) {
  while (!pair.outlet->send(message.data(), message.size(), 1)) pair.transports[0]->progress();
  pair.transports[0]->progress();
}

/// It is found where it lies, and its place given back.
[[gnu::noinline]] void receive_path(Pair& pair, std::size_t bytes) {
  while (pair.inlet->borrow(bytes, 1) == nullptr) pair.transports[1]->progress();
  pair.inlet->release();
}

void message(benchmark::State& state) {
  verbs_double::reset();
  Pair pair({}, verbs_double::table());
  const std::vector<std::byte> data(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    send_path(pair, data);
    receive_path(pair, data.size());
  }
}

BENCHMARK(message)->Arg(8)->Arg(1 << 10)->Apply(as_often_as_asked);

}  // namespace
}  // namespace tutti

BENCHMARK_MAIN();
