// What every driver does: set up buffers, check results, and measure calls in the way that
// benchmarks/peers/README.md describes. A driver adds only the call itself. Header-only, since each library's
// own compiler builds it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "buffers.hpp"
#include "ranks.hpp"

namespace peers {

struct Options {
  std::string shared;  // the file that the ranks map
  std::string json;    // where rank 0 writes the rows
  Collective collective = Collective::all_reduce;
  std::vector<size_t> sizes{8};  // bytes of the whole buffer: all-gather's output, the others' input
  double seconds = 0.2;          // for each size, all slices together
  size_t slices = 4;             // goes through all sizes so often: each meets several places of the cores
  size_t min_samples = 5, max_samples = 5000;
  bool places = true;                   // two ranks: tag samples with where the cores are
  int ranks = 2;                        // only where the driver starts its ranks itself
  std::vector<std::string> namespaces;  // likewise: rank r enters the network namespace r
};

inline void declare(CLI::App& app, Options& options) {
  app.add_option("--shared", options.shared, "a fresh file in a memory file system")->required();
  app.add_option("--json", options.json, "where to write the rows")->required();
  app.add_option("--collective", options.collective)->transform(CLI::CheckedTransformer(kCollectives));
  app.add_option("--sizes", options.sizes, "bytes, separated by commas")->delimiter(',');
  app.add_option("--seconds", options.seconds, "time for each size");
  app.add_option("--slices", options.slices, "parts that this time is taken in")->check(CLI::PositiveNumber);
  app.add_option("--min-samples", options.min_samples);
  app.add_option("--max-samples", options.max_samples);
  app.add_option("--places", options.places, "0: do not ask where the cores are");
  app.add_option("-n,--ranks", options.ranks);
  app.add_option("--namespaces", options.namespaces, "network namespaces")->delimiter(',');
}

// The times of one size, in ns, by place.
using Samples = std::vector<std::vector<double>>;

struct SizeResult {
  Samples samples = Samples(kPlaces);
  size_t calls = 1;  // a sample
  size_t wrong = 0;  // elements, on this rank
};

struct Slice {
  double seconds;
  size_t fewest, most;
};

// Ranks that share a core leave a barrier one after the other, as they are woken: 15 µs, more than a short
// call takes. There a sample is several calls, back to back, and lasts at least this long.
constexpr double kCrowdedSampleNs = 300e3;

// Calls until the slice is over. Each sample: place, barrier, calls, place; a call's time is its share of the
// slowest rank's. A sample whose place changed is dropped. The times are rank 0's to keep. `calls` of a
// sample are doubled until they last long enough.
template <class Call>
void sample(Ranks& ranks, bool places, const Slice& slice, size_t& calls, Samples& samples, Call&& call) {
  const auto place = [&] { return places ? ranks.place() : Place::any; };
  size_t taken = 0;
  const double deadline_ns = now_ns() + slice.seconds * 1e9;
  if (ranks.rank() == 0) ranks.say_stop(false);
  while (true) {
    const Place before = place();
    ranks.barrier();
    if (ranks.stop()) break;
    const double start_ns = now_ns();
    for (size_t i = 0; i < calls; ++i) call();
    const double time_ns = ranks.slowest(now_ns() - start_ns);
    const Place after = place();
    const auto called = static_cast<double>(calls);
    if (ranks.share_cores() && time_ns < kCrowdedSampleNs) calls *= 2;  // every rank has the same time
    if (ranks.rank() != 0) continue;
    if (before == after) samples[static_cast<size_t>(before)].push_back(time_ns / called);
    ++taken;
    ranks.say_stop(taken >= slice.most || (taken >= slice.fewest && now_ns() > deadline_ns));
  }
  ranks.barrier();  // everybody has read the word before rank 0 writes it again
}

inline nlohmann::json row(size_t bytes, Place place, std::vector<double> samples_ns, size_t wrong) {
  std::sort(samples_ns.begin(), samples_ns.end());
  const auto at = [&](double share) {
    const auto index = static_cast<size_t>(share * static_cast<double>(samples_ns.size()));
    return samples_ns[std::min(samples_ns.size() - 1, index)] / 1e3;
  };
  return {{"size", bytes},
          {"place", kPlaceNames[static_cast<int>(place)]},
          {"samples", samples_ns.size()},
          {"time_us_min", at(0)},
          {"time_us_median", at(0.5)},
          {"time_us_p99", at(0.99)},
          {"wrong", wrong}};
}

// Everything so far, in one step: who ends this process early finds it whole.
inline void write(const Options& options, const std::vector<SizeResult>& all) {
  nlohmann::json rows = nlohmann::json::array();
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t place = 0; place < kPlaces; ++place) {
      const std::vector<double>& samples = all[i].samples[place];
      if (!samples.empty())
        rows.push_back(row(options.sizes[i], static_cast<Place>(place), samples, all[i].wrong));
    }
  }
  const std::string draft = options.json + ".draft";
  std::ofstream(draft) << rows.dump(1) << '\n';
  if (std::rename(draft.c_str(), options.json.c_str()) != 0)
    throw std::runtime_error("cannot write " + options.json);
}

// Measures `call()` at every size: `prepare(bytes)` before the calls of a size, `wrong()` afterwards says how
// many elements are not what they should be. Returns how many were wrong on this rank.
template <class Prepare, class Call, class Wrong>
size_t measure(Ranks& ranks, const Options& options, Prepare&& prepare, Call&& call, Wrong&& wrong) {
  std::vector<SizeResult> all(options.sizes.size());
  const auto share = [&](size_t whole) { return (whole + options.slices - 1) / options.slices; };
  for (size_t slice = 0; slice < options.slices; ++slice) {
    const bool checks = slice == 0 || slice + 1 == options.slices;
    for (size_t i = 0; i < all.size(); ++i) {
      prepare(options.sizes[i], checks);
      Samples warm_up(kPlaces);
      sample(ranks, false, {.seconds = 0.002, .fewest = 1, .most = slice == 0 ? 20u : 5u}, all[i].calls,
             warm_up, call);
      sample(ranks, options.places,
             {options.seconds / static_cast<double>(options.slices), share(options.min_samples),
              share(options.max_samples)},
             all[i].calls, all[i].samples, call);
      if (checks) all[i].wrong += wrong();
      if (ranks.rank() == 0 && (slice == 0 || slice + 1 == options.slices)) write(options, all);
    }
  }
  size_t sum = 0;
  for (const SizeResult& one : all) sum += one.wrong;
  return sum;
}

// Runs every size; `call(buffers)` is one collective call. Returns the exit code.
template <class Call>
int run(Ranks& ranks, const Options& options, Call&& call, const Source& source = {}) {
  const size_t largest = *std::max_element(options.sizes.begin(), options.sizes.end());
  Buffers buffers(options.collective, largest, ranks, source);
  const auto prepare = [&](size_t bytes, bool checks) {
    buffers.resize(bytes);
    if (checks) buffers.spoil();
  };
  const size_t wrong = measure(
      ranks, options, prepare, [&] { call(buffers); }, [&] { return buffers.wrong(); });
  if (wrong != 0) std::cerr << "rank " << ranks.rank() << ": " << wrong << " wrong elements\n";
  return wrong == 0 ? 0 : 1;
}

}  // namespace peers
