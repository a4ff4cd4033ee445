#include "comm/rank_info.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {
namespace {

/// Settings that decide what goes over the wire: they must be the same everywhere.
constexpr std::string_view kAgreed[] = {
    "TRANSPORT", "ALGORITHM", "LANES",      "CHUNK",       "REPRODUCIBLE",      "SOCKETS",
    "SHM_SLOT",  "SHM_SLOTS", "VERBS_SLOT", "VERBS_SLOTS", "VERBS_QUEUE_PAIRS", "VERBS_ZERO_COPY"};

/// A boot of a machine, and the network namespace, which abstract Unix sockets do not leave.
std::string host_identity(const Settings& settings) {
  if (!settings.host_id.empty()) return settings.host_id;
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  if (boot.empty()) {
    char name[256] = "localhost";
    ::gethostname(name, sizeof name - 1);
    boot = name;
  }
  struct stat network {};
  if (::stat("/proc/self/ns/net", &network) == 0) boot += fmt::format("/{}", network.st_ino);
  return boot;
}

std::vector<int> allowed_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

void pack(Packer& packer, const std::map<std::string, std::string>& map) {
  packer.number(static_cast<std::uint32_t>(map.size()));
  for (const auto& [key, value] : map) packer.text(key).text(value);
}

std::map<std::string, std::string> unpack_map(Unpacker& unpacker) {
  std::map<std::string, std::string> map;
  for (auto left = unpacker.number<std::uint32_t>(); left > 0 && unpacker.ok(); --left) {
    const std::string key(unpacker.text());
    map[key] = unpacker.text();
  }
  return map;
}

}  // namespace

RankInfo describe_this_process(const Settings& settings) {
  RankInfo info;
  info.host = host_identity(settings);
  info.cores = allowed_cores();
  info.pid = ::getpid();
  for (const SettingInfo& row : setting_table()) {
    if (std::find(std::begin(kAgreed), std::end(kAgreed), row.name) == std::end(kAgreed)) continue;
    info.settings[std::string(row.name)] = text_of(settings, row);
  }
  return info;
}

std::string to_text(const RankInfo& info) {
  Packer packer;
  packer.text(info.host).number(info.pid).text(info.control_address).text(info.costs);
  packer.number(static_cast<std::uint32_t>(info.cores.size()));
  for (const int core : info.cores) packer.number(core);
  pack(packer, info.addresses);
  pack(packer, info.settings);
  return packer.take();
}

RankInfo rank_info_from_text(const std::string& text) {
  Unpacker unpacker(text);
  RankInfo info;
  info.host = unpacker.text();
  info.pid = unpacker.number<int>();
  info.control_address = unpacker.text();
  info.costs = unpacker.text();
  for (auto left = unpacker.number<std::uint32_t>(); left > 0 && unpacker.ok(); --left) {
    info.cores.push_back(unpacker.number<int>());
  }
  info.addresses = unpack_map(unpacker);
  info.settings = unpack_map(unpacker);
  if (!unpacker.ok())
    fail(Code::internal_error, "a rank's description is cut short: do all ranks run one version of tutti?");
  return info;
}

void agree(Settings& settings, const std::map<std::string, std::string>& agreed) {
  for (const SettingInfo& row : setting_table()) {
    const auto entry = agreed.find(std::string(row.name));
    if (entry == agreed.end() || text_of(settings, row) == entry->second) continue;
    TUTTI_LOG(warn, "TUTTI_{} is \"{}\" here and \"{}\" at rank 0: rank 0's is used", row.name,
              text_of(settings, row), entry->second);
    settings.set(row.name, entry->second);
  }
}

std::vector<int> hosts_of(const std::vector<RankInfo>& infos) {
  std::map<std::string, int> known;
  std::vector<int> host_of;
  for (const RankInfo& info : infos) {
    host_of.push_back(known.try_emplace(info.host, static_cast<int>(known.size())).first->second);
  }
  return host_of;
}

double ranks_per_core(const std::vector<RankInfo>& infos, const std::vector<int>& host_of, int host) {
  std::set<int> cores;
  int ranks = 0;
  for (std::size_t r = 0; r < infos.size(); ++r) {
    if (host_of[r] != host) continue;
    ++ranks;
    cores.insert(infos[r].cores.begin(), infos[r].cores.end());
  }
  return cores.empty() ? 1 : static_cast<double>(ranks) / static_cast<double>(cores.size());
}

}  // namespace tutti
