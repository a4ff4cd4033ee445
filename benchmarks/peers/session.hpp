// What every driver does: for each collective and size, set up buffers, check the result once, and measure
// calls in the way that benchmarks/peers/README.md describes. A driver adds only the call itself.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ranks.hpp"

namespace peers {

enum class Collective { all_reduce, all_gather, reduce_scatter, broadcast, reduce, alltoall };

inline const std::map<std::string, Collective> kCollectives = {{"all_reduce", Collective::all_reduce},
                                                               {"all_gather", Collective::all_gather},
                                                               {"reduce_scatter", Collective::reduce_scatter},
                                                               {"broadcast", Collective::broadcast},
                                                               {"reduce", Collective::reduce},
                                                               {"alltoall", Collective::alltoall}};

struct Options {
  std::string shared;  // the file that the ranks map
  std::string json;    // where rank 0 writes the rows
  Collective collective = Collective::all_reduce;
  std::vector<size_t> sizes{8};  // bytes of the whole buffer: all-gather's output, the others' input
  double seconds = 0.2;          // for each size
  size_t min_samples = 5, max_samples = 5000;
  int ranks = 2;  // only where the driver starts its ranks itself
};

inline void declare(CLI::App& app, Options& options) {
  app.add_option("--shared", options.shared, "a fresh file in a memory file system")->required();
  app.add_option("--json", options.json, "where to write the rows")->required();
  app.add_option("--collective", options.collective)->transform(CLI::CheckedTransformer(kCollectives));
  app.add_option("--sizes", options.sizes, "bytes, separated by commas")->delimiter(',');
  app.add_option("--seconds", options.seconds, "time for each size");
  app.add_option("--min-samples", options.min_samples);
  app.add_option("--max-samples", options.max_samples);
  app.add_option("-n,--ranks", options.ranks);
}

// One rank's buffers for a call, and what must be in the result.
class Buffers {
 public:
  // `elements` is the whole buffer's; `count` is what the call takes: a rank's share where the collective
  // cuts it.
  Buffers(Collective collective, size_t elements, const Ranks& ranks)
      : collective_(collective),
        rank_(ranks.rank()),
        size_(ranks.size()),
        elements_(elements),
        in_(allocate()),
        out_(allocate()) {
    for (size_t i = 0; i < elements_; ++i) in_.get()[i] = value(rank_, i);
    std::fill_n(out_.get(), elements_, -1.0f);
    if (collective == Collective::broadcast && rank_ == 0) std::copy_n(in_.get(), elements_, out_.get());
  }

  [[nodiscard]] const float* in() const { return in_.get(); }
  [[nodiscard]] float* out() { return out_.get(); }  // broadcast: in and out
  [[nodiscard]] size_t count() const { return cuts() ? elements_ / static_cast<size_t>(size_) : elements_; }

  [[nodiscard]] size_t wrong() const {
    const size_t held = collective_ == Collective::reduce_scatter ? count() : elements_;
    if (collective_ == Collective::reduce && rank_ != 0) return 0;
    size_t wrong = 0;
    for (size_t i = 0; i < held; ++i) wrong += out_.get()[i] != expected(i);
    return wrong;
  }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  using Memory = std::unique_ptr<float, Free>;

  // Small whole numbers: every order of summation gives the same bits.
  static float value(int rank, size_t i) {
    return static_cast<float>(i % 13 + static_cast<size_t>(rank) + 1);
  }

  [[nodiscard]] bool cuts() const {
    return collective_ == Collective::all_gather || collective_ == Collective::reduce_scatter ||
           collective_ == Collective::alltoall;
  }
  [[nodiscard]] float sum(size_t i) const {
    float sum = 0;
    for (int rank = 0; rank < size_; ++rank) sum += value(rank, i);
    return sum;
  }
  [[nodiscard]] float expected(size_t i) const {
    const auto mine = static_cast<size_t>(rank_) * count();
    switch (collective_) {
      case Collective::all_reduce:
      case Collective::reduce: return sum(i);
      case Collective::reduce_scatter: return sum(mine + i);
      case Collective::broadcast: return value(0, i);
      case Collective::all_gather: return value(static_cast<int>(i / count()), i % count());
      case Collective::alltoall: return value(static_cast<int>(i / count()), mine + i % count());
    }
    return -1;
  }
  [[nodiscard]] Memory allocate() const {
    const size_t page = 4096;
    void* memory =
        std::aligned_alloc(page, (std::max<size_t>(elements_, 1) * sizeof(float) + page - 1) / page * page);
    if (memory == nullptr) throw std::bad_alloc();
    return Memory(static_cast<float*>(memory));
  }

  Collective collective_;
  int rank_, size_;
  size_t elements_;
  Memory in_, out_;
};

// Calls until the time is up. Each sample: place, barrier, call, place; the call's time is the slowest
// rank's. A sample whose place changed is dropped. Rank 0 returns the times in ns by place.
template <class Call>
std::vector<std::vector<double>> measure(Ranks& ranks, const Options& options, Call&& call) {
  std::vector<std::vector<double>> samples(kPlaces);
  size_t taken = 0;
  const double deadline_ns = now_ns() + options.seconds * 1e9;
  ranks.say_stop(false);
  while (true) {
    const Place before = ranks.place();
    ranks.barrier();
    if (ranks.stop()) return samples;
    const double start_ns = now_ns();
    call();
    const double time_ns = ranks.slowest(now_ns() - start_ns);
    const Place after = ranks.place();
    if (ranks.rank() != 0) continue;
    if (before == after) samples[static_cast<size_t>(before)].push_back(time_ns);
    ++taken;
    ranks.say_stop(taken >= options.max_samples || (taken >= options.min_samples && now_ns() > deadline_ns));
  }
}

inline nlohmann::json row(size_t bytes, Place place, std::vector<double> samples_ns, size_t wrong) {
  std::sort(samples_ns.begin(), samples_ns.end());
  const auto at = [&](double share) {
    return samples_ns[std::min(samples_ns.size() - 1,
                               static_cast<size_t>(share * static_cast<double>(samples_ns.size())))] /
           1e3;
  };
  return {{"size", bytes},
          {"place", kPlaceNames[static_cast<int>(place)]},
          {"samples", samples_ns.size()},
          {"time_us_min", at(0)},
          {"time_us_median", at(0.5)},
          {"time_us_p99", at(0.99)},
          {"wrong", wrong}};
}

// Runs every size; `call(buffers)` is one collective call. Returns the exit code.
template <class Call>
int run(Ranks& ranks, const Options& options, Call&& call) {
  nlohmann::json rows = nlohmann::json::array();
  size_t all_wrong = 0;
  for (const size_t bytes : options.sizes) {
    Buffers buffers(options.collective, bytes / sizeof(float), ranks);
    const int warmups = bytes <= (1u << 20) ? 20 : 2;
    for (int i = 0; i < warmups; ++i) {
      ranks.barrier();
      call(buffers);
    }
    const size_t wrong = buffers.wrong();
    all_wrong += wrong;
    const auto samples = measure(ranks, options, [&] { call(buffers); });
    for (int place = 0; place < kPlaces; ++place) {
      if (!samples[static_cast<size_t>(place)].empty())
        rows.push_back(row(bytes, static_cast<Place>(place), samples[static_cast<size_t>(place)], wrong));
    }
  }
  if (ranks.rank() == 0) std::ofstream(options.json) << rows.dump(1) << '\n';
  if (all_wrong != 0) std::cerr << "rank " << ranks.rank() << ": " << all_wrong << " wrong elements\n";
  return all_wrong == 0 ? 0 : 1;
}

}  // namespace peers
