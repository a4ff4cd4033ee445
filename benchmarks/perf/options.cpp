#include "options.hpp"

#include <charconv>
#include <cmath>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nearest.hpp"

namespace perf {
namespace {

/// What CLI11 fills; Options are made from it once everything is known.
struct Arguments {
  std::string collective, begin = "8", end, step, factor, type = "float", op = "sum", root = "0";
  std::string chunk, memory = "private";
  std::vector<std::string> settings;
  bool blocking = true;
};

[[noreturn]] void refuse(const std::string& sentence) {
  throw std::invalid_argument(sentence);
}

std::vector<std::string_view> collective_names() {
  std::vector<std::string_view> names;
  for (const Collective& collective : collectives()) names.push_back(collective.name);
  return names;
}

[[noreturn]] void refuse_name(std::string_view what, std::string_view name,
                              const std::vector<std::string_view>& known) {
  refuse(fmt::format("There is no {} \"{}\". Did you mean \"{}\"? There are: {}.", what, name,
                     nearest(name, known), fmt::join(known, ", ")));
}

const Collective* find_collective(std::string_view name) {
  if (name.size() > 5 && name.ends_with("_perf")) name.remove_suffix(5);  // all_reduce_perf
  for (const Collective& collective : collectives())
    if (collective.name == name) return &collective;
  refuse_name("collective", name, collective_names());
}

/// "all", or names with commas between.
std::vector<const Collective*> find_collectives(std::string_view names) {
  std::vector<const Collective*> found;
  if (names == "all") {
    for (const Collective& collective : collectives()) found.push_back(&collective);
    return found;
  }
  for (;;) {
    const std::size_t comma = names.find(',');
    found.push_back(find_collective(names.substr(0, comma)));
    if (comma == std::string_view::npos) return found;
    names.remove_prefix(comma + 1);
  }
}

std::vector<tuttiDataType_t> find_types(const std::string& name) {
  if (name == "all") return all_types();
  if (const auto type = type_named(name)) return {*type};
  refuse_name("element type", name, type_names());
}

std::vector<Operator> find_operators(const std::string& name) {
  if (name == "all") return all_operators();
  if (const auto op = operator_named(name)) return {*op};
  refuse_name("operator", name, operator_names());
}

int find_root(const std::string& text) {
  if (text == "all" || text == "-1") return -1;
  int root = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), root);
  if (error != std::errc{} || end != text.data() + text.size() || root < 0)
    refuse(fmt::format("The root (-r) is a rank or \"all\", not \"{}\".", text));
  return root;
}

double parse_factor(const std::string& text) {
  std::size_t used = 0;
  double factor = 0;
  try {
    factor = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || !(factor > 1))
    refuse(fmt::format("The factor (-f) must be above 1, not \"{}\".", text));
  return factor;
}

std::vector<std::size_t> sweep(const Arguments& arguments) {
  const std::size_t first = parse_bytes(arguments.begin);
  const std::size_t last =
      arguments.end.empty() ? std::max<std::size_t>(first, 64 << 20) : parse_bytes(arguments.end);
  if (first > last)
    refuse(fmt::format("The smallest size (-b {}) is above the largest (-e {}).", arguments.begin,
                       arguments.end));
  std::vector<std::size_t> sizes;
  if (!arguments.step.empty()) {
    const std::size_t step = parse_bytes(arguments.step);
    if (step == 0) refuse("The step (-i) must be above 0.");
    for (std::size_t size = first; size <= last; size += step) sizes.push_back(size);
    return sizes;
  }
  const double factor = arguments.factor.empty() ? 2 : parse_factor(arguments.factor);
  for (std::size_t size = first; size <= last;) {
    sizes.push_back(size);
    size = std::max(size + 1, static_cast<std::size_t>(std::llround(static_cast<double>(size) * factor)));
  }
  return sizes;
}

void complete(Options& options, const Arguments& arguments, const Collective& collective) {
  options.collective = &collective;
  options.sizes = options.collective->name == "barrier" ? std::vector<std::size_t>{0} : sweep(arguments);
  options.types = find_types(arguments.type);
  options.operators = options.collective->reduces ? find_operators(arguments.op) : std::vector{Operator::sum};
  options.root = options.collective->rooted ? find_root(arguments.root) : 0;
  options.blocking = arguments.blocking;
  options.tutti_memory = arguments.memory == "tutti";
  if (!arguments.chunk.empty()) options.chunk_bytes = parse_bytes(arguments.chunk);
  options.settings = fmt::format("{}", fmt::join(arguments.settings, ";"));
  const int ranks = options.processes * options.threads;
  if (ranks > 0 && options.root >= ranks)
    refuse(fmt::format("The root (-r {}) is outside 0 to {}.", options.root, ranks - 1));
}

void describe(CLI::App& app, Options& options, Arguments& arguments) {
  app.add_option("collective", arguments.collective,
                 fmt::format("What to measure: {}; several with commas between, or all",
                             fmt::join(collective_names(), ", ")))
      ->required();
  const auto ranks = [&app](const char* name, int& target, const char* help) {
    return app.add_option(name, target, help)->check(CLI::Range(1, 4096))->group("Ranks");
  };
  ranks("-n,--processes", options.processes,
        "Start so many local processes (default 2 when no launcher started this one)");
  ranks("-t,--threads", options.threads, "Ranks in each process, a thread each (default 1)");
  ranks("--hosts", options.hosts,
        "Let the local ranks play so many hosts, which share no memory (default 1)");

  const auto what = [&app](const char* name, auto& target, const char* help) {
    return app.add_option(name, target, help)->group("What");
  };
  what("-b,--minbytes", arguments.begin, "Smallest size: 8, 64K, 1M … (default 8)");
  what("-e,--maxbytes", arguments.end, "Largest size (default 64M)");
  auto* step = what("-i,--stepbytes", arguments.step, "From size to size by adding so much");
  what("-f,--stepfactor", arguments.factor, "From size to size by multiplying (default 2)")->excludes(step);
  what("-d,--datatype", arguments.type, "Element type, or all (default float)");
  what("-o,--op", arguments.op, "Operator: sum, prod, max, min, avg, mulsum, or all (default sum)");
  what("-r,--root", arguments.root, "Root, or all (default 0)");
  what("-u,--misalign", options.misalign, "Begin buffers so many bytes past a page (default 0)");
  what("--memory", arguments.memory,
       "Buffers in the process's own memory, or from tuttiMemAlloc (default private)")
      ->check(CLI::IsMember({"private", "tutti"}));

  const auto how_often = [&app](const char* name, int& target, int least, const char* help) {
    return app.add_option(name, target, help)->check(CLI::Range(least, 1 << 30))->group("How often");
  };
  how_often("-I,--iters", options.iterations, 1,
            "Timed calls a row (default: a fifth of a second's, 5 to 5000). nccl-tests' -n");
  how_often("-w,--warmup_iters", options.warm_up, 0, "Calls before (default 5)");
  how_often("-c,--check", options.checks, 0, "Checked calls a row, 0: none (default 1)");
  how_often("-m,--agg_iters", options.aggregate, 1,
            "Calls in one group, each with buffers of its own (default 1)");
  how_often("-N,--run_cycles", options.cycles, 0, "Run everything so often, 0: for ever (default 1)");
  app.add_option("-z,--blocking", arguments.blocking, "0: issue asynchronously, then wait (default 1)")
      ->group("How often");

  const auto how = [&app](const char* name, auto& target, const char* help) {
    return app.add_option(name, target, help)->group("How (default: as tutti chooses)");
  };
  how("--transport", options.transport, "shm, tcp or verbs");
  how("--algorithm", options.algorithm, "ring, tree, one_shot …; an unknown name lists them");
  how("--lanes", options.lanes, "Parallel copies of each program")->check(CLI::Range(1, 1024));
  how("--chunk", arguments.chunk, "Pipelining unit, in bytes (64K …)");
  how("--setting", arguments.settings, "NAME=VALUE: any setting of tutti; may be repeated")->take_all();
  how("-T,--timeout", options.timeout_s, "Fail if a call makes no progress for so many seconds")
      ->check(CLI::Range(0.001, 1e6));
  app.add_flag("--reproducible", options.reproducible, "Sum in the order of ranks, always")
      ->group("How (default: as tutti chooses)");

  app.add_option("--json", options.json_file, "Write everything, all percentiles included, to this file")
      ->group("Reports");
  app.add_option("--csv", options.csv_file, "Write the rows to this file")->group("Reports");
  app.set_version_flag("--version",
                       fmt::format("tutti-perf {}.{}.{}", TUTTI_MAJOR, TUTTI_MINOR, TUTTI_PATCH));
  app.footer(
      "Under mpirun, srun or torchrun it joins the launched processes instead of starting its own:\n"
      "  tutti-perf all_reduce -n 4 -b 8 -e 256M -f 4\n"
      "  mpirun -np 4 tutti-perf alltoall -d bfloat16\n"
      "The time is the median of the timed calls. Before each call all ranks meet; a call takes as long as "
      "its slowest\n"
      "rank. algbw is size / time, busbw as nccl-tests defines it. Results are compared bit by bit.\n"
      "Exit status: 0 all was right, 1 wrong results, 2 an error.");
}

}  // namespace

std::size_t parse_bytes(const std::string& text) {
  double number = 0;
  std::size_t used = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  std::string unit = text.substr(used);
  for (const char* tail : {"iB", "B", "b"})
    if (unit.ends_with(tail)) {
      unit.resize(unit.size() - std::string_view(tail).size());
      break;
    }
  const std::size_t power = unit.empty() ? 0 : std::string("KMGTkmgt").find(unit) % 4 + 1;
  const bool known =
      unit.empty() || (unit.size() == 1 && std::string("KMGTkmgt").find(unit) != std::string::npos);
  const double bytes = std::ldexp(number, static_cast<int>(10 * power));
  if (used == 0 || !known || !(bytes >= 0) || bytes > 0x1p60)
    refuse(fmt::format("\"{}\" is not a size; sizes look like 8, 64K, 256M or 1.5G.", text));
  return static_cast<std::size_t>(bytes);
}

std::vector<Options> parse(int argc, char** argv, int& status) {
  std::vector<Options> all;
  Options options;
  Arguments arguments;
  CLI::App app("Measures the collectives of tutti, and checks their results.", "tutti-perf");
  try {
    describe(app, options, arguments);
    app.parse(argc, argv);
    options.command_line = fmt::format("{}", fmt::join(argv, argv + argc, " "));
    for (const Collective* collective : find_collectives(arguments.collective))
      complete(all.emplace_back(options), arguments, *collective);
    if (all.size() > 1 && !(options.json_file + options.csv_file).empty())
      refuse("--json and --csv take one collective: each would overwrite the one before.");
  } catch (const CLI::Success& done) {
    status = app.exit(done);
    return {};
  } catch (const std::exception& mistake) {  // CLI::ParseError, and refuse()
    std::cerr << "tutti-perf: " << mistake.what() << "\nRun with --help for the options.\n";
    status = 2;
    return {};
  }
  return all;
}

}  // namespace perf
