// What a call costs beside its data: the two ranks of a shared-memory world take turns in one thread, so that
// nothing is waited for and no cache line travels between cores.
//
//   overhead_benchmark                     nanoseconds
//   benchmarks/micro/instructions.py       the same with instructions, as a table
//
// "two ranks" counts the work of both. The calls through the public interface are of a communicator of one
// rank.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <tutti/tutti.h>

#include "asked.hpp"
#include "execute/run.hpp"
#include "schedule/algorithms/algorithm.hpp"
#include "transport/shm/shm.hpp"

namespace tutti {
namespace {

const Algorithm& algorithm_of(Collective collective, std::string_view name) {
  for (const Algorithm& algorithm : algorithms()) {
    if (algorithm.collective == collective && algorithm.name == name) return algorithm;
  }
  throw std::invalid_argument(std::string(name));
}

/// Two ranks that share memory, in this thread.
class Duo {
 public:
  Duo() {
    std::vector<std::string> addresses;
    for (Rank& rank : ranks_) {
      rank.world.rank = static_cast<int>(&rank - ranks_);
      rank.world.size = 2;
      rank.world.communicator = 1;
      rank.world.host_of = {0, 0};
      rank.world.failure = &rank.failure;
      rank.world.sign = [](std::span<const std::byte>) { return Digest{}; };
      rank.transport = make_shm_transport(rank.world);
      addresses.push_back(rank.transport->address());
    }
    for (Rank& rank : ranks_) {
      rank.transport->meet(addresses);
      rank.connections =
          std::make_unique<Connections>(rank.world, std::vector<Transport*>{rank.transport.get()});
    }
  }

  void compile(const Algorithm& algorithm, const Call& call) {
    const Shape shape{2, call.root, {0, 0}};
    Parameters parameters;
    parameters.chunk_bytes = 32 << 10;
    for (Rank& rank : ranks_)
      rank.plan = tutti::compile(
          call, [&](int r) { return algorithm.make(shape, r); }, parameters, *rank.connections);
    for (Rank& rank : ranks_) {
      rank.connections->open_inlets(after_ms(10'000));
      rank.run.reserve(*rank.plan);
    }
  }

  /// Buffers for what was compiled.
  void prepare() {
    for (Rank& rank : ranks_) {
      rank.scratch.resize(rank.plan->scratch_bytes);
      rank.in.resize(rank.plan->call.count * size_of(rank.plan->call.type));
      rank.out.resize(rank.in.size());
    }
  }

  void call() {
    for (Rank& rank : ranks_) {
      std::byte* const buffers[] = {rank.in.data(), rank.out.data()};
      rank.run.start(*rank.plan, rank.scratch.data(), buffers);
      rank.done = false;
    }
    while (!ranks_[0].done || !ranks_[1].done) {
      for (Rank& rank : ranks_) rank.done = rank.done || rank.run.poll() == Progress::done;
    }
  }

  [[nodiscard]] std::unique_ptr<Outlet> outlet() {
    return ranks_[0].transport->open_outlet(std::vector<int>{1}, 7);
  }
  [[nodiscard]] std::unique_ptr<Inlet> inlet() {
    return ranks_[1].transport->open_inlet(0, std::vector<int>{1}, 7, after_ms(10'000));
  }

 private:
  struct Rank {
    Failure failure;
    World world;
    std::unique_ptr<Transport> transport;
    std::unique_ptr<Connections> connections;
    std::unique_ptr<Plan> plan;
    Run run;
    std::vector<std::byte> scratch, in, out;
    bool done = false;
  };
  Rank ranks_[2];
};

Call sum_of(std::size_t bytes) {
  Call call;
  call.type = ElementType::float32;
  call.count = bytes / 4;
  return call;
}

/// One message through a slot: lease and commit at one end, borrow and release at the other.
void slot(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Duo duo;
  const auto outlet = duo.outlet();
  const auto inlet = duo.inlet();
  for (auto _ : state) {
    benchmark::DoNotOptimize(outlet->lease(bytes));
    outlet->commit(bytes, 1);
    benchmark::DoNotOptimize(inlet->borrow(bytes, 1));
    inlet->release();
  }
}

void all_reduce(benchmark::State& state, const char* name) {
  Duo duo;
  duo.compile(algorithm_of(Collective::all_reduce, name), sum_of(static_cast<std::size_t>(state.range(0))));
  duo.prepare();
  for (auto _ : state) duo.call();
}

/// From a program to a plan, for both ranks; happens once for each new kind of call.
void compile_plan(benchmark::State& state) {
  Duo duo;
  const Algorithm& ring = algorithm_of(Collective::all_reduce, "ring");
  const Call call = sum_of(1 << 20);
  for (auto _ : state) duo.compile(ring, call);
}

/// Checks, plan lookup and the call of a communicator of one rank: what the interface itself costs.
void through_the_interface(benchmark::State& state) {
  const auto kinds = static_cast<std::size_t>(state.range(0));  // of calls that take turns
  tuttiUniqueId id;
  tuttiComm_t comm = nullptr;
  if (tuttiGetUniqueId(&id) != tuttiSuccess || tuttiCommInitRank(&comm, 1, id, 0) != tuttiSuccess) {
    state.SkipWithError(tuttiGetLastError(nullptr));
    return;
  }
  float value[256] = {};
  std::size_t next = 0;
  for (auto _ : state) {
    next = next + 1 == kinds ? 0 : next + 1;
    if (tuttiAllReduce(value, value, 1 + next, tuttiFloat32, tuttiSum, comm, nullptr) != tuttiSuccess) {
      state.SkipWithError(tuttiGetLastError(comm));
      break;
    }
  }
  tuttiCommDestroy(comm);
}

BENCHMARK(slot)->Arg(8)->Arg(1024)->Arg(32 << 10)->Apply(as_often_as_asked);
BENCHMARK_CAPTURE(all_reduce, two_ranks_one_shot, "one_shot")->Arg(8)->Arg(1024)->Apply(as_often_as_asked);
BENCHMARK_CAPTURE(all_reduce, two_ranks_ring, "ring")->Arg(8)->Arg(64 << 10)->Apply(as_often_as_asked);
BENCHMARK(compile_plan)->Apply(as_often_as_asked);
BENCHMARK(through_the_interface)->Arg(1)->Arg(64)->Apply(as_often_as_asked);

}  // namespace
}  // namespace tutti

BENCHMARK_MAIN();
