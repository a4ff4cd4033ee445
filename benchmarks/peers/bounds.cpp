// What the machine itself can do, measured in the peers' harness and in the same run, so that a collective's
// time can stand beside a bound (README.md: "Bounds"). Two processes, as the libraries have; with --cores 1
// only rank 0 works. A row's size is what one rank moves, its time the slowest rank's.
#include <cstring>
#include <numeric>

#include <sys/mman.h>

#include "processes.hpp"
#include "session.hpp"
#include "tcp_exchange.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using peers::Ranks;

// line, switch: round trips of 8 bytes, between two cores and between two processes on one core.
// copy, stream: out = in, with plain and with non-temporal stores. add: out += in. read: a sum over in.
// hand_over, hand_over_streaming: each rank writes what the other reads, through slots that stay in cache.
// tcp: each rank sends and receives so much at the same time; tcp_one_way: one sends; tcp_ping: there and
// back.
enum class Kind {
  line,
  process_switch,
  copy,
  stream,
  add,
  read,
  hand_over,
  hand_over_streaming,
  tcp,  // this and those that follow use a socket
  tcp_one_way,
  tcp_ping
};
const std::map<std::string, Kind> kKinds = {{"line", Kind::line},
                                            {"process_switch", Kind::process_switch},
                                            {"copy", Kind::copy},
                                            {"stream", Kind::stream},
                                            {"add", Kind::add},
                                            {"read", Kind::read},
                                            {"hand_over", Kind::hand_over},
                                            {"hand_over_streaming", Kind::hand_over_streaming},
                                            {"tcp", Kind::tcp},
                                            {"tcp_one_way", Kind::tcp_one_way},
                                            {"tcp_ping", Kind::tcp_ping}};

constexpr size_t kSlotBytes = 32 << 10;
constexpr size_t kSlots = 4;
constexpr int kRoundTrips = 32;  // of the kinds that time a round trip; the row says one way

struct Options : peers::Options {
  Kind kind = Kind::line;
  int cores = 2;
  std::string address;  // of rank 0, for tcp
};

// Both ranks' slots, and how many chunks each has written and read; mapped before the fork.
struct Shared {
  struct Side {
    alignas(128) std::atomic<size_t> written;
    alignas(128) std::atomic<size_t> read;
    alignas(4096) char slots[kSlots][kSlotBytes];
  };
  Side sides[2];
};

// `bytes` is a multiple of 64, or all of it is copied plainly.
void stream(char* to, const char* from, size_t bytes) {
#if defined(__AVX512F__)
  if (bytes % 64 == 0) {
    for (size_t i = 0; i < bytes; i += 64) {
      _mm_prefetch(from + i + 2048, _MM_HINT_T0);
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), _mm512_loadu_si512(from + i));
    }
    _mm_sfence();
    return;
  }
#elif defined(__x86_64__)
  if (bytes % 64 == 0) {
    for (size_t i = 0; i < bytes; i += 16) {
      if (i % 64 == 0) _mm_prefetch(from + i + 2048, _MM_HINT_T0);
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
    }
    _mm_sfence();
    return;
  }
#endif
  std::memcpy(to, from, bytes);
}

float sum(const char* from, size_t bytes) {
  const auto* in = reinterpret_cast<const float*>(from);
  constexpr size_t kLanes = 64;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= bytes / sizeof(float); i += kLanes) {
    __builtin_prefetch(in + i + 512);
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += in[i + lane];
  }
  float rest = 0;
  for (; i < bytes / sizeof(float); ++i) rest += in[i];
  return std::accumulate(lanes, lanes + kLanes, rest);
}

void add(float* to, const float* from, size_t elements) {
  for (size_t i = 0; i < elements; ++i) to[i] += from[i];
}

// Keeps the compiler from leaving out what nobody uses.
void keep(float value) {
  asm volatile("" : : "x"(value) : "memory");
}  // NOLINT: nothing else does it

// Each rank writes chunk after chunk from a private one that stays in cache, and reads the other's.
void hand_over(Shared& shared, int rank, const char* in, size_t bytes, bool streaming) {
  auto& mine = shared.sides[rank];
  auto& other = shared.sides[1 - rank];
  const size_t start = mine.written.load(std::memory_order_relaxed);  // relaxed: one's own last value
  const size_t chunks = std::max<size_t>(1, (bytes + kSlotBytes - 1) / kSlotBytes);
  const size_t chunk_bytes = std::min(bytes, kSlotBytes);
  for (size_t chunk = start; chunk < start + chunks; ++chunk) {
    while (other.read.load(std::memory_order_acquire) + kSlots <= chunk) peers::pause();
    char* slot = mine.slots[chunk % kSlots];
    streaming ? stream(slot, in, chunk_bytes) : static_cast<void>(std::memcpy(slot, in, chunk_bytes));
    mine.written.store(chunk + 1, std::memory_order_release);
    while (other.written.load(std::memory_order_acquire) <= chunk) peers::pause();
    keep(sum(other.slots[chunk % kSlots], chunk_bytes));
    mine.read.store(chunk + 1, std::memory_order_release);
  }
}

class Measured {
 public:
  Measured(const Options& options, Ranks& ranks, Shared& shared)
      : options_(options), ranks_(ranks), shared_(shared) {
    const size_t largest = *std::max_element(options.sizes.begin(), options.sizes.end());
    in_ = filled(largest);
    out_ = filled(largest);
    if (options.kind >= Kind::tcp) tcp_ = std::make_unique<peers::TcpExchange>(options.address, ranks);
  }

  void call(size_t bytes) {
    const auto* in = reinterpret_cast<const char*>(in_.get());
    auto* out = reinterpret_cast<char*>(out_.get());
    if (ranks_.rank() >= options_.cores) return;
    switch (options_.kind) {
      case Kind::line: ranks_.round_trips(kRoundTrips); break;
      case Kind::process_switch:
        for (int half_trip = 0; half_trip < 2 * kRoundTrips; ++half_trip) ranks_.barrier();
        break;
      case Kind::copy: std::memcpy(out, in, bytes); break;
      case Kind::stream: stream(out, in, bytes); break;
      case Kind::add: add(out_.get(), in_.get(), bytes / sizeof(float)); break;
      case Kind::read: keep(sum(in, bytes)); break;
      case Kind::hand_over: hand_over(shared_, ranks_.rank(), in, bytes, false); break;
      case Kind::hand_over_streaming: hand_over(shared_, ranks_.rank(), in, bytes, true); break;
      case Kind::tcp: tcp_->exchange(in, out, bytes); break;
      case Kind::tcp_one_way: tcp_->one_way(in, out, bytes); break;
      case Kind::tcp_ping:
        for (int trip = 0; trip < kRoundTrips; ++trip) tcp_->ping(out, bytes);
        break;
    }
  }

 private:
  using Memory = std::unique_ptr<float, decltype(&std::free)>;

  static Memory filled(size_t bytes) {
    constexpr size_t kPage = 4096;  // one more than needed: hand_over reads whole slots
    const size_t taken = std::max(bytes, kSlotBytes) / kPage * kPage + kPage;
    Memory memory(static_cast<float*>(std::aligned_alloc(kPage, taken)), &std::free);
    if (memory == nullptr) throw std::bad_alloc();
    std::fill_n(memory.get(), taken / sizeof(float), 1.0f);
    return memory;
  }

  const Options& options_;
  Ranks& ranks_;
  Shared& shared_;
  Memory in_{nullptr, &std::free}, out_{nullptr, &std::free};
  std::unique_ptr<peers::TcpExchange> tcp_;
};

int run_rank(const Options& options, Shared& shared, int rank) {
  Ranks ranks(options.shared, rank, options.ranks);
  if (options.kind == Kind::process_switch) {
    peers::stay_on_core(0);
    ranks.yield_in_barriers();
  }
  Measured measured(options, ranks, shared);
  size_t bytes = 0;
  peers::measure(
      ranks, options, [&](size_t size, bool) { bytes = size; }, [&] { measured.call(bytes); },
      [] { return size_t{0}; });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("measures what the machine can do");
  Options options;
  peers::declare(app, options);
  app.add_option("--kind", options.kind)->transform(CLI::CheckedTransformer(kKinds))->required();
  app.add_option("--cores", options.cores, "1: only rank 0 works")->check(CLI::Range(1, 2));
  app.add_option("--address", options.address, "where rank 0 listens, for tcp");
  CLI11_PARSE(app, argc, argv);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  return peers::fork_ranks(options.ranks, options.namespaces,
                           [&](int rank) { return run_rank(options, *static_cast<Shared*>(memory), rank); });
}
