// The reduction kernels beside what the memory gives: a memcpy and a plain read of the same bytes.
//
//   reduce_benchmark --benchmark_filter=sum/float
//
// bytes_per_second counts every byte read and written once (a store that misses also reads its line;
// streaming ones do not), so that a kernel at the memory's bandwidth shows the number that memcpy shows.
// TUTTI_CPU chooses the instruction set. Sizes are those of one buffer: 16 KiB lies in the first cache, 64
// MiB in none.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "reduce/reduce.hpp"

namespace tutti::reduce {
namespace {

constexpr std::int64_t kSizes[] = {16 << 10, 256 << 10, 4 << 20, 64 << 20};

struct Free {
  void operator()(std::byte* pointer) const { std::free(pointer); }
};
using Buffer = std::unique_ptr<std::byte, Free>;

/// Zeroes: a number for every type, and never a subnormal sum, whose slowness would be measured instead.
Buffer make_buffer(std::size_t bytes) {
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096)));
  std::memset(buffer.get(), 0, bytes);
  return buffer;
}

void count_bytes(benchmark::State& state, std::int64_t buffers) {
  state.SetBytesProcessed(state.iterations() * state.range(0) * buffers);
}

void read_plain(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Buffer source = make_buffer(bytes);
  typedef long long Pack __attribute__((vector_size(16)));  // NOLINT(modernize-use-using): the attribute
  const auto* packs = reinterpret_cast<const Pack*>(source.get());
  for (auto _ : state) {
    Pack a{}, b{}, c{}, d{};  // four chains, so that the loads and not the sums are waited for
    for (std::size_t index = 0; index < bytes / sizeof(Pack); index += 4) {
      a |= packs[index];
      b |= packs[index + 1];
      c |= packs[index + 2];
      d |= packs[index + 3];
    }
    benchmark::DoNotOptimize(a | b | c | d);
  }
  count_bytes(state, 1);
}

void copy_memcpy(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Buffer source = make_buffer(bytes);
  const Buffer target = make_buffer(bytes);
  for (auto _ : state) {
    std::memcpy(target.get(), source.get(), bytes);
    benchmark::ClobberMemory();
  }
  count_bytes(state, 2);
}

void copy_kernel(benchmark::State& state, Store store, int outputs) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Buffer source = make_buffer(bytes);
  const Buffer first = make_buffer(bytes);
  const Buffer second = make_buffer(bytes);
  const Output output{first.get(), outputs == 2 ? second.get() : nullptr, store, store};
  for (auto _ : state) {
    copy(output, source.get(), bytes);
    benchmark::ClobberMemory();
  }
  count_bytes(state, 1 + outputs);
}

void reduce_kernel(benchmark::State& state, ElementType type, Operator op, int inputs, Store store,
                   std::int64_t divisor) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::vector<Buffer> buffers;
  std::vector<const std::byte*> sources;
  for (int input = 0; input < inputs; ++input) {
    buffers.push_back(make_buffer(bytes));
    sources.push_back(buffers.back().get());
  }
  const Buffer target = make_buffer(bytes);
  const Kernel run = kernel(type, op);
  for (auto _ : state) {
    run(Output{target.get(), nullptr, store}, sources.data(), inputs, bytes / size_of(type), divisor);
    benchmark::ClobberMemory();
  }
  count_bytes(state, inputs + 1);
}

/// What an 8-byte all-reduce pays: nanoseconds of one call.
void call_latency(benchmark::State& state, int inputs) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Buffer buffer = make_buffer(4096 * static_cast<std::size_t>(inputs + 1));
  std::vector<const std::byte*> sources;
  for (int input = 0; input < inputs; ++input) sources.push_back(buffer.get() + 4096 * (input + 1));
  const Kernel run = kernel(ElementType::float32, Operator::sum);
  const Output output{buffer.get()};
  for (auto _ : state) {
    run(output, sources.data(), inputs, bytes / 4, 1);
    benchmark::ClobberMemory();
  }
}

template <typename... Args>
void add(const std::string& name, void (*body)(benchmark::State&, Args...), Args... args) {
  auto* made =
      benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { body(state, args...); });
  for (const std::int64_t bytes : kSizes) made->Arg(bytes);
}

void add_kernel(ElementType type, Operator op, int inputs, Store store, std::int64_t divisor = 1) {
  const std::string name = std::string(divisor == 1 ? name_of(op) : "avg") + "/" +
                           std::string(name_of(type)) + "/inputs:" + std::to_string(inputs) +
                           (store == Store::streaming ? "/streaming" : "");
  add(name, reduce_kernel, type, op, inputs, store, divisor);
}

void add_all() {
  add("read", read_plain);
  add("memcpy", copy_memcpy);
  add("copy", copy_kernel, Store::plain, 1);
  add("copy/streaming", copy_kernel, Store::streaming, 1);
  add("copy/two", copy_kernel, Store::plain, 2);
  for (int type = 0; type < kElementTypes; ++type) {
    for (const int inputs : {2, 4})
      add_kernel(static_cast<ElementType>(type), Operator::sum, inputs, Store::plain);
  }
  for (const Operator op : {Operator::prod, Operator::max, Operator::min}) {
    add_kernel(ElementType::float32, op, 2, Store::plain);
  }
  for (const int inputs : {2, 4, 8})
    add_kernel(ElementType::float32, Operator::sum, inputs, Store::streaming);
  for (const ElementType type : {ElementType::float32, ElementType::bfloat16, ElementType::int32}) {
    add_kernel(type, Operator::sum, 2, Store::plain, 3);
    add_kernel(type, Operator::sum, 2, Store::plain, 4);
  }
  for (const int inputs : {2, 4}) {
    auto* made = benchmark::RegisterBenchmark(("latency/inputs:" + std::to_string(inputs)).c_str(),
                                              [=](benchmark::State& state) { call_latency(state, inputs); });
    for (const std::int64_t bytes : {4, 8, 16, 40, 64, 128, 256, 1000}) made->Arg(bytes);
  }
}

}  // namespace
}  // namespace tutti::reduce

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  tutti::reduce::add_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
