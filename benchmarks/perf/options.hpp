// What the command line asks for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "collectives.hpp"
#include "element.hpp"

namespace perf {

struct Options {
  const Collective* collective = nullptr;
  // Who takes part. 0 processes: the launcher's, or two if there is no launcher.
  int processes = 0;
  int threads = 1;
  int hosts = 1;
  // What is measured.
  std::vector<std::size_t> sizes;  // bytes
  std::vector<tuttiDataType_t> types;
  std::vector<Operator> operators;
  int root = 0;  // -1: all
  // How often.
  int iterations = 0;  // 0: as many as fit a fifth of a second, 5 to 5000
  int warm_up = 5;
  int checks = 1;
  int aggregate = 1;
  int cycles = 1;  // 0: for ever
  bool blocking = true;
  std::size_t misalign = 0;
  bool tutti_memory = false;
  // How tutti is to do it; empty or 0: as it likes.
  std::string transport, algorithm, settings;
  int lanes = 0;
  std::size_t chunk_bytes = 0;
  bool reproducible = false;
  double timeout_s = 0;
  // Reports.
  std::string json_file, csv_file;
  std::string command_line;
};

/// Reads the command line: what to measure one after the other, which differs in the collective. Gives
/// nothing when the program is done (help was asked for, or a mistake was explained), with the exit status in
/// `status`.
[[nodiscard]] std::vector<Options> parse(int argc, char** argv, int& status);

/// "8", "64K", "256M", "1.5G", "4MiB". Throws std::invalid_argument with a sentence.
[[nodiscard]] std::size_t parse_bytes(const std::string& text);

}  // namespace perf
