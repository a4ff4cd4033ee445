// What is told: the table, as nccl-tests prints it, and files in JSON and CSV. Rank 0 only.
#pragma once

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "measure.hpp"

namespace perf {

/// A process of the run.
struct Participant {
  int pid = 0;
  char host[60] = {};
};

struct Row {
  std::size_t bytes = 0, count = 0;
  std::string_view type, op;  // op: "none" where nothing is reduced
  int root = -1;              // -1: the collective has none
  Outcome out_of_place;
  std::optional<Outcome> in_place;
};

class Report {
 public:
  /// Opens the files: throws std::runtime_error if one cannot be written.
  Report(const Options& options, int ranks);

  void head(const std::vector<Participant>& participants);
  /// Shows, on a terminal, what is being measured.
  void progress(std::size_t done, std::size_t rows, std::size_t bytes) const;
  void row(const Row& row);
  void foot();
  /// All results were right.
  [[nodiscard]] bool right() const noexcept { return wrong_ == 0 && out_of_bounds_ == 0; }

 private:
  void account(const Row& row, const Outcome& outcome);
  [[nodiscard]] double bus_bandwidth(const Row& row, const Outcome& outcome) const;
  [[nodiscard]] nlohmann::json outcome_json(const Row& row, const Outcome& outcome) const;
  void csv_row(const Row& row, const char* placement, const Outcome& outcome);

  const Options& options_;
  int ranks_;
  bool terminal_;
  std::ofstream json_file_, csv_file_;
  nlohmann::json json_;
  double bandwidth_sum_ = 0;
  int bandwidths_ = 0;
  std::size_t wrong_ = 0, out_of_bounds_ = 0;
};

}  // namespace perf
