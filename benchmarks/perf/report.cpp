#include "report.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <unistd.h>

namespace perf {
namespace {

/// Bytes per microsecond are MB/s.
double algorithm_bandwidth(const Row& row, const Outcome& outcome) {
  return outcome.timing.median > 0 ? static_cast<double>(row.bytes) / outcome.timing.median * 1e-3 : 0;
}

/// In seven characters.
std::string time_text(double microseconds) {
  if (microseconds < 10'000) return fmt::format("{:7.2f}", microseconds);
  if (microseconds < 100'000) return fmt::format("{:7.1f}", microseconds);
  if (microseconds < 10'000'000) return fmt::format("{:7.0f}", microseconds);
  return fmt::format("{:7.1e}", microseconds);
}

std::string wrong_text(const Outcome& outcome) {
  return outcome.wrong ? fmt::format("{}", *outcome.wrong) : "N/A";
}

std::string size_text(std::size_t bytes) {
  constexpr std::string_view kUnits = "KMG";
  auto value = static_cast<double>(bytes);
  int unit = -1;
  while (value >= 1024 && unit < 2) value /= 1024, ++unit;
  return unit < 0 ? fmt::format("{} B", bytes)
                  : fmt::format("{:.4g} {}iB", value, kUnits[static_cast<std::size_t>(unit)]);
}

std::ofstream open(const std::string& name, const char* option) {
  std::ofstream file;
  if (name.empty()) return file;
  file.open(name);
  if (!file) throw std::runtime_error(fmt::format("{} {}: the file cannot be written.", option, name));
  return file;
}

/// Once all is written: a full disk shows only here.
void close(std::ofstream& file, const std::string& name, const char* option) {
  if (!file.is_open()) return;
  file.close();
  if (!file)
    throw std::runtime_error(
        fmt::format("{} {}: the file could not be written to its end; is the disk full?", option, name));
}

}  // namespace

Report::Report(const Options& options, int ranks)
    : options_(options),
      ranks_(ranks),
      terminal_(isatty(STDERR_FILENO) != 0),
      json_file_(open(options.json_file, "--json")),
      csv_file_(open(options.csv_file, "--csv")) {
  int version = 0;
  tuttiGetVersion(&version);
  json_ = {{"version", TUTTI_VERSION_CODE},          {"library", version}, {"command", options.command_line},
           {"collective", options.collective->name}, {"ranks", ranks},     {"rows", nlohmann::json::array()}};
}

void Report::head(const std::vector<Participant>& participants) {
  fmt::print("# tutti-perf version {}.{}.{} tutti-headers={} tutti-library={}\n", TUTTI_MAJOR, TUTTI_MINOR,
             TUTTI_PATCH, TUTTI_VERSION_CODE, json_["library"].get<int>());
  fmt::print("# Collective test starting: {}_perf\n", options_.collective->name);
  fmt::print("# ranks {} sizes {} to {} warmup iters: {} iters: {} agg iters: {} checks: {}\n#\n", ranks_,
             size_text(options_.sizes.front()), size_text(options_.sizes.back()), options_.warm_up,
             options_.iterations > 0 ? fmt::format("{}", options_.iterations) : "auto", options_.aggregate,
             options_.checks);
  fmt::print("# Using ranks\n");
  for (std::size_t rank = 0; rank < participants.size(); ++rank) {
    fmt::print("#  Rank {:2} Pid {:6} on {}\n", rank, participants[rank].pid, participants[rank].host);
    json_["participants"].push_back({{"pid", participants[rank].pid}, {"host", participants[rank].host}});
  }
  fmt::print("#\n# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}  {:^30}  {:^30}  | {:^16}  | {:^16}\n", "", "", "", "",
             "", "out-of-place", "in-place", "out-of-place", "in-place");
  fmt::print("# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}", "size", "count", "type", "redop", "root");
  for (int side = 0; side < 2; ++side)
    fmt::print("  {:>7}  {:>6}  {:>6}  {:>5}", "time", "algbw", "busbw", "#wrong");
  for (int side = 0; side < 2; ++side) fmt::print("  | {:>7}  {:>7}", "min", "p99");
  fmt::print("\n# {:>10}  {:>12}  {:>8}  {:>6}  {:>6}", "(B)", "(elements)", "", "", "");
  for (int side = 0; side < 2; ++side)
    fmt::print("  {:>7}  {:>6}  {:>6}  {:>6}", "(us)", "(GB/s)", "(GB/s)", "");
  for (int side = 0; side < 2; ++side) fmt::print("  | {:>7}  {:>7}", "(us)", "(us)");
  fmt::print("\n");
  std::fflush(stdout);
  if (csv_file_.is_open())
    csv_file_ << "size,count,type,redop,root,placement,iterations,time_us,min_us,p99_us,algbw,busbw,wrong\n";
}

void Report::progress(std::size_t done, std::size_t rows, std::size_t bytes) const {
  if (!terminal_) return;
  fmt::print(stderr, "\r\033[K{} of {}: {} …", done + 1, rows, size_text(bytes));
  std::fflush(stderr);
}

double Report::bus_bandwidth(const Row& row, const Outcome& outcome) const {
  return algorithm_bandwidth(row, outcome) * options_.collective->bus_factor(ranks_);
}

void Report::account(const Row& row, const Outcome& outcome) {
  bandwidth_sum_ += bus_bandwidth(row, outcome);
  ++bandwidths_;
  wrong_ += outcome.wrong.value_or(0);
  out_of_bounds_ += outcome.out_of_bounds;
}

nlohmann::json Report::outcome_json(const Row& row, const Outcome& outcome) const {
  nlohmann::json json{{"iterations", outcome.timing.iterations},
                      {"time_us", outcome.timing.median},
                      {"min_us", outcome.timing.minimum},
                      {"median_us", outcome.timing.median},
                      {"p99_us", outcome.timing.p99},
                      {"algbw", algorithm_bandwidth(row, outcome)},
                      {"busbw", bus_bandwidth(row, outcome)},
                      {"out_of_bounds", outcome.out_of_bounds}};
  json["wrong"] = outcome.wrong ? nlohmann::json(*outcome.wrong) : nlohmann::json();
  return json;
}

void Report::csv_row(const Row& row, const char* placement, const Outcome& outcome) {
  csv_file_ << fmt::format("{},{},{},{},{},{},{},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{}\n", row.bytes,
                           row.count, row.type, row.op, row.root, placement, outcome.timing.iterations,
                           outcome.timing.median, outcome.timing.minimum, outcome.timing.p99,
                           algorithm_bandwidth(row, outcome), bus_bandwidth(row, outcome),
                           wrong_text(outcome))
            << std::flush;
}

void Report::row(const Row& row) {
  if (terminal_) fmt::print(stderr, "\r\033[K");
  const auto side = [&](const Outcome& outcome) {
    fmt::print("  {}  {:6.2f}  {:6.2f}  {:>6}", time_text(outcome.timing.median),
               algorithm_bandwidth(row, outcome), bus_bandwidth(row, outcome), wrong_text(outcome));
  };
  const auto spread = [](const Outcome& outcome) {
    fmt::print("  | {}  {}", time_text(outcome.timing.minimum), time_text(outcome.timing.p99));
  };
  fmt::print("{:12}  {:12}  {:>8}  {:>6}  {:6}", row.bytes, row.count, row.type, row.op, row.root);
  side(row.out_of_place);
  if (row.in_place)
    side(*row.in_place);
  else
    fmt::print("  {:>7}  {:>6}  {:>6}  {:>6}", "N/A", "N/A", "N/A", "N/A");
  spread(row.out_of_place);
  if (row.in_place) spread(*row.in_place);
  fmt::print("\n");
  std::fflush(stdout);

  nlohmann::json json{{"size", row.bytes}, {"count", row.count},
                      {"type", row.type},  {"redop", row.op},
                      {"root", row.root},  {"out_of_place", outcome_json(row, row.out_of_place)}};
  account(row, row.out_of_place);
  if (csv_file_.is_open()) csv_row(row, "out", row.out_of_place);
  if (row.in_place) {
    account(row, *row.in_place);
    json["in_place"] = outcome_json(row, *row.in_place);
    if (csv_file_.is_open()) csv_row(row, "in", *row.in_place);
  }
  if (json_file_.is_open()) json_["rows"].push_back(std::move(json));
}

void Report::foot() {
  const double average = bandwidths_ > 0 ? bandwidth_sum_ / bandwidths_ : 0;
  fmt::print("# Out of bounds values : {} {}\n", wrong_ + out_of_bounds_, right() ? "OK" : "FAILED");
  if (out_of_bounds_ > 0) fmt::print("# Bytes changed outside of the buffers : {}\n", out_of_bounds_);
  fmt::print("# Avg bus bandwidth    : {:.6g}\n#\n", average);
  std::fflush(stdout);
  if (json_file_.is_open()) {
    json_["average_busbw"] = average;
    json_["wrong"] = wrong_;
    json_["out_of_bounds"] = out_of_bounds_;
    json_["ok"] = right();
    json_file_ << json_.dump(2) << '\n';
  }
  close(csv_file_, options_.csv_file, "--csv");
  close(json_file_, options_.json_file, "--json");
}

}  // namespace perf
