#include "select/costs.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti {
namespace {

constexpr int kFileVersion = 7;

/// One file a machine: a shared home directory serves many.
std::filesystem::path cache_file(const Settings& settings) {
  std::filesystem::path folder = settings.cache_dir;
  if (folder.empty()) {
    const std::string xdg = environment("XDG_CACHE_HOME");
    const std::string home = environment("HOME");
    if (xdg.empty() && home.empty()) return {};
    folder = (xdg.empty() ? std::filesystem::path(home) / ".cache" : std::filesystem::path(xdg)) / "tutti";
  }
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  return folder / fmt::format("costs-{}-{}cpu.json", host, std::thread::hardware_concurrency());
}

nlohmann::json to_json(const WireCost& wire) {
  return {
      {"latency_ns", wire.latency_ns}, {"overhead_ns", wire.overhead_ns}, {"ns_per_byte", wire.ns_per_byte}};
}

WireCost wire_from_json(const nlohmann::json& json) {
  return {json.at("latency_ns").get<double>(), json.at("overhead_ns").get<double>(),
          json.at("ns_per_byte").get<double>()};
}

void write_cache(const std::filesystem::path& file, const std::string& text) {
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const std::filesystem::path fresh = fmt::format("{}.{}", file.string(), ::getpid());
  {
    std::ofstream stream(fresh);
    stream << text << '\n';
    if (!stream.flush()) {
      TUTTI_LOG(info, "measured costs are not kept: {} cannot be written; set TUTTI_CACHE_DIR",
                file.string());
      std::filesystem::remove(fresh, ignored);
      return;
    }
  }
  std::filesystem::rename(fresh, file, ignored);  // atomic: others see the old file or all of the new one
}

}  // namespace

// Latency and overhead of today's devices differ little. A byte takes the copy into the slot and its time on
// the link, which go on at the same time: the slower one counts.
WireCost rdma_cost(const Costs& costs, double bytes_per_ns, bool software) {
  if (software) return costs.tcp;
  WireCost cost = Costs{}.rdma;
  if (bytes_per_ns > 0) cost.ns_per_byte = 1 / bytes_per_ns;
  cost.ns_per_byte = std::max(cost.ns_per_byte, costs.shared_memory.ns_per_byte);
  return cost;
}

std::string to_text(const Costs& costs) {
  return nlohmann::json{{"version", kFileVersion},
                        {"shared_memory", to_json(costs.shared_memory)},
                        {"tcp", to_json(costs.tcp)},
                        {"rdma", to_json(costs.rdma)},
                        {"reduce_ns_per_byte", costs.reduce_ns_per_byte},
                        {"wake_ns", costs.wake_ns},
                        {"memory_ns_per_byte", costs.memory_ns_per_byte},
                        {"cached_bytes", costs.cached_bytes},
                        {"core_cache_bytes", costs.core_cache_bytes}}
      .dump();
}

Costs costs_from_text(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("version").get<int>() != kFileVersion) fail(Code::internal_error, "costs of another version");
    Costs costs;
    costs.shared_memory = wire_from_json(json.at("shared_memory"));
    costs.tcp = wire_from_json(json.at("tcp"));
    costs.rdma = wire_from_json(json.at("rdma"));
    costs.reduce_ns_per_byte = json.at("reduce_ns_per_byte").get<double>();
    costs.wake_ns = json.at("wake_ns").get<double>();
    costs.memory_ns_per_byte = json.at("memory_ns_per_byte").get<double>();
    costs.cached_bytes = json.at("cached_bytes").get<double>();
    costs.core_cache_bytes = json.at("core_cache_bytes").get<double>();
    return costs;
  } catch (const nlohmann::json::exception& error) {
    fail(Code::internal_error, "machine costs cannot be read: {}", error.what());
  }
}

Costs machine_costs(const Settings& settings) {
  try {
    const std::filesystem::path file = cache_file(settings);
    std::ifstream stream(file);
    std::string text;
    if (stream && std::getline(stream, text)) {
      try {
        return costs_from_text(text);
      } catch (const Error& error) {
        TUTTI_LOG(info, "{}: {}; measuring again", file.string(), error.what());
      }
    }
    const Costs costs = measure_costs();
    if (!file.empty()) write_cache(file, to_text(costs));
    return costs;
  } catch (const std::exception& error) {
    TUTTI_LOG(warn, "the machine's costs could not be measured, typical ones are used: {}", error.what());
    return {};
  }
}

}  // namespace tutti
