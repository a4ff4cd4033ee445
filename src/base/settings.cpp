#include "base/settings.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti {
namespace {

constexpr std::string_view kPrefix = "TUTTI_";
constexpr long long kMiB = 1 << 20;

/// TUTTI_* variables that are no settings: they are read where they are used, before any communicator exists.
/// The log's, the instruction set's, and what a launcher tells each process about itself.
constexpr std::array<std::string_view, 10> kOtherVariables = {
    "LOG_LEVEL", "LOG_FILE", "DEBUG",      "CONFIG_FILE", "CPU",
    "RANK",      "SIZE",     "LOCAL_RANK", "LOCAL_SIZE",  "JOB"};
/// What begins so belongs to the tests.
constexpr std::string_view kTestPrefix = "TEST_";

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& letter : result) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// "LANES" of "tutti_lanes" or "Lanes".
std::string bare_name(std::string_view name) {
  std::string bare = upper(trimmed(name));
  if (bare.compare(0, kPrefix.size(), kPrefix) == 0) bare.erase(0, kPrefix.size());
  return bare;
}

/// Levenshtein's distance: insertions, deletions and substitutions from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t column = 0; column <= to.size(); ++column) row[column] = column;
  for (std::size_t line = 1; line <= from.size(); ++line) {
    std::size_t diagonal = std::exchange(row[0], line);
    for (std::size_t column = 1; column <= to.size(); ++column) {
      const std::size_t substituted = diagonal + (from[line - 1] == to[column - 1] ? 0 : 1);
      diagonal = row[column];
      row[column] = std::min({row[column] + 1, row[column - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string_view nearest_name(std::string_view unknown) {
  std::string_view nearest;
  std::size_t least = SIZE_MAX;
  const auto consider = [&](std::string_view name) {
    const std::size_t distance = edit_distance(unknown, name);
    if (distance < least) least = distance, nearest = name;
  };
  for (const SettingInfo& info : setting_table()) consider(info.name);
  for (const std::string_view name : kOtherVariables) consider(name);
  return nearest;
}

const SettingInfo* find_setting(std::string_view bare) {
  for (const SettingInfo& info : setting_table()) {
    if (info.name == bare) return &info;
  }
  return nullptr;
}

[[noreturn]] void refuse(const SettingInfo& info, std::string_view value, const std::string& allowed) {
  fail(Code::invalid_argument, "{}{}={}: allowed is {}", kPrefix, info.name, value, allowed);
}

std::optional<long long> parse_integer(std::string_view text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The number of bytes, or nothing where the text is none or does not fit.
std::optional<std::size_t> bytes_of(std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string unit = upper(trimmed({end, static_cast<std::size_t>(text.data() + text.size() - end)}));
  if (unit.size() > 2 && unit.compare(unit.size() - 2, 2, "IB") == 0) unit.resize(unit.size() - 2);
  if (!unit.empty() && unit.back() == 'B') unit.pop_back();
  if (unit.empty()) return number;
  constexpr std::string_view units = "KMGT";
  const auto power = units.find(unit[0]);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  const auto shift = 10 * (power + 1);
  if (number > (SIZE_MAX >> shift)) return std::nullopt;
  return number << shift;
}

/// 65536 as "64K"; what is no whole number of units as it is.
std::string bytes_text(std::size_t bytes) {
  std::size_t power = 0;
  while (power < 4 && bytes != 0 && bytes % 1024 == 0) bytes /= 1024, ++power;
  return fmt::format("{}{}", bytes, std::string_view("KMGT").substr(power == 0 ? 4 : power - 1, 1));
}

void assign(bool& member, const SettingInfo& info, std::string_view value) {
  const std::string word = upper(value);
  const auto is = [&](std::string_view name) { return word == name; };
  if (is("1") || is("TRUE") || is("YES") || is("ON")) {
    member = true;
  } else if (is("0") || is("FALSE") || is("NO") || is("OFF")) {
    member = false;
  } else {
    refuse(info, value, "1, true, yes, on, 0, false, no or off");
  }
}

void assign(int& member, const SettingInfo& info, std::string_view value) {
  const auto number = parse_integer(value);
  if (!number || *number < info.minimum || *number > info.maximum) {
    refuse(info, value, fmt::format("a whole number from {} to {}", info.minimum, info.maximum));
  }
  member = static_cast<int>(*number);
}

void assign(std::size_t& member, const SettingInfo& info, std::string_view value) {
  const auto minimum = static_cast<std::size_t>(info.minimum);
  const auto maximum = static_cast<std::size_t>(info.maximum);
  const auto bytes = bytes_of(value);
  if (!bytes || *bytes < minimum || *bytes > maximum) {
    refuse(info, value,
           fmt::format("a number of bytes from {} to {}, such as 4096, 64K or 1M", bytes_text(minimum),
                       bytes_text(maximum)));
  }
  member = *bytes;
}

void assign(std::string& member, const SettingInfo& info, std::string_view value) {
  if (!info.allowed.empty() && !value.empty() &&
      std::find(info.allowed.begin(), info.allowed.end(), value) == info.allowed.end()) {
    refuse(info, value, fmt::format("{}, or empty", fmt::join(info.allowed, ", ")));
  }
  member = value;
}

/// Calls `body(name, value)` for every TUTTI_* variable of the environment, the name without the prefix.
template <typename Body>
void for_each_variable(const Body& body) {
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view assignment(*entry);
    const auto equals = assignment.find('=');
    if (equals == std::string_view::npos || assignment.substr(0, kPrefix.size()) != kPrefix) continue;
    body(assignment.substr(kPrefix.size(), equals - kPrefix.size()), assignment.substr(equals + 1));
  }
}

void warn_of_unknown(std::string_view name) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> warned;  // guarded by mutex
  {
    const std::lock_guard lock(mutex);
    if (!warned.emplace(name).second) return;
  }
  TUTTI_LOG(warn, "{}{} is no variable that tutti knows and has no effect; is {}{} meant?", kPrefix, name,
            kPrefix, nearest_name(name));
}

void read_environment(Settings& settings) {
  for_each_variable([&](std::string_view name, std::string_view value) {
    if (find_setting(name) != nullptr) {
      if (!value.empty()) settings.set(name, value);  // set to nothing is not set
    } else if (std::find(kOtherVariables.begin(), kOtherVariables.end(), name) == kOtherVariables.end() &&
               name.substr(0, kTestPrefix.size()) != kTestPrefix) {
      warn_of_unknown(name);
    }
  });
}

void read_line(Settings& settings, std::string_view line, const std::string& path, int number) {
  line = trimmed(line.substr(0, line.find('#')));
  if (line.empty()) return;
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    fail(Code::invalid_argument, "{} line {}: \"{}\" is not NAME=VALUE", path, number, line);
  }
  try {
    settings.set(line.substr(0, equals), line.substr(equals + 1));
  } catch (const Error& error) {
    fail(error.code(), "{} line {}: {}", path, number, error.what());
  }
}

/// The file named by TUTTI_CONFIG_FILE must be there; the one in the home directory need not.
void read_config_file(Settings& settings) {
  std::string path = environment("TUTTI_CONFIG_FILE");
  const bool demanded = !path.empty();
  if (!demanded) {
    const std::string home = environment("HOME");
    if (home.empty()) return;
    path = home + "/.config/tutti.conf";
  }
  std::ifstream file(path);
  if (!file) {
    if (demanded) {
      fail(Code::invalid_argument, "TUTTI_CONFIG_FILE={}: cannot be read: {}", path, errno_text(errno));
    }
    return;
  }
  int number = 0;
  for (std::string line; std::getline(file, line);) read_line(settings, line, path, ++number);
}

}  // namespace

const std::vector<SettingInfo>& setting_table() {
  using S = Settings;
  // clang-format off
  static const std::vector<SettingInfo> table = {
      {"TRANSPORT", &S::transport, 0, 0, {"shm", "tcp", "verbs", "loop"},
       "Carry everything over this transport; empty: chosen for each pair of ranks."},
      {"ALGORITHM", &S::algorithm, 0, 0, {},
       "Use this algorithm (ring, one_shot, ...) where it fits the collective; empty: the cheapest."},
      {"LANES", &S::lanes, 0, 64, {}, "Copies of the program that share the data; 0: chosen."},
      {"CHUNK", &S::chunk_bytes, 0, 1024 * kMiB, {}, "Bytes a block is cut into for pipelining; 0: chosen."},
      {"REPRODUCIBLE", &S::reproducible, 0, 0, {},
       "Results depend only on the inputs in rank order, not on size, position, algorithm or layout; slower."},
      {"TIMEOUT_MS", &S::timeout_ms, 0, INT_MAX, {},
       "A collective that moves nothing for so many milliseconds fails; 0: never."},
      {"INIT_TIMEOUT_MS", &S::init_timeout_ms, 1, INT_MAX, {},
       "Milliseconds that joining, connecting and splitting may take."},
      {"HEARTBEAT_MS", &S::heartbeat_ms, 10, 60'000, {}, "Milliseconds between heartbeats of the control plane."},
      {"CONTROL_TIMEOUT_MS", &S::control_timeout_ms, 0, 86'400'000, {},
       "A rank whose control thread is silent for so many milliseconds counts as lost; 0: never."},
      {"SPIN_US", &S::spin_us, 0, 1'000'000, {},
       "Microseconds a waiting thread spins before it sleeps, where every rank has a core of its own; up to ten times that "
       "while sleeps turn out short."},
      {"HOSTID", &S::host_id, 0, 0, {},
       "Another host identity for this process: lets one machine play several; empty: the machine's own."},
      {"COMM_NAME", &S::comm_name, 0, 0, {}, "What the log and error sentences call the communicator."},
      {"RENDEZVOUS_FILE", &S::rendezvous_file, 0, 0, {},
       "A path all ranks see, through which they find each other when started from the environment."},
      {"SECRET", &S::secret, 0, 0, {},
       "A secret all ranks share, with which they prove themselves when started from the environment."},
      {"CACHE_DIR", &S::cache_dir, 0, 0, {},
       "Where measurements of this machine are kept; empty: ~/.cache/tutti."},
      {"SOCKET_INTERFACES", &S::socket_interfaces, 0, 0, {},
       "Network interfaces for TCP: prefixes (eth), =exact names (=eth0) or ^exclusions (^docker,lo)."},
      {"SOCKET_FAMILY", &S::socket_family, 0, 0, {"ipv4", "ipv6"}, "Address family for TCP; empty: either."},
      {"PORT_RANGE", &S::port_range, 0, 0, {},
       "Ports to listen on, such as 20000-20100; empty: any that is free."},
      {"SOCKETS", &S::sockets, 0, 64, {}, "TCP sockets of one connection, the first for messages under 2 KiB; 0: chosen."},
      {"TCP_CONGESTION", &S::congestion_control, 0, 0, {},
       "TCP congestion control (cubic, bbr, ...); system: what the kernel is set to; empty: chosen."},
      {"SHM_SLOT", &S::slot_bytes, 64, 64 * kMiB, {}, "Bytes of one slot of a shared-memory connection."},
      {"SHM_SLOTS", &S::slots, 1, 1024, {}, "Slots of one shared-memory connection; 32: 8 between two of more than two ranks of a host."},
      {"PUT_DIRECT", &S::put_direct_bytes, 0, 1024 * kMiB, {},
       "Puts of more bytes are written into the window without the target's help where that is possible; 0: none are."},
      {"VERBS_DEVICES", &S::verbs_devices, 0, 0, {},
       "RDMA devices: prefixes (mlx5), =exact names (=mlx5_0) or ^exclusions (^mlx4); each may name a port (mlx5_0:1)."},
      {"VERBS_GID_INDEX", &S::verbs_gid_index, -1, 255, {},
       "Entry of the GID table to use on every port; -1: chosen (RoCE v2 before v1, IPv4 before IPv6, not link-local)."},
      {"VERBS_SERVICE_LEVEL", &S::verbs_service_level, 0, 15, {}, "InfiniBand service level (priority on RoCE)."},
      {"VERBS_TRAFFIC_CLASS", &S::verbs_traffic_class, 0, 255, {},
       "Traffic class of RDMA packets: DSCP times 4 on RoCE v2."},
      {"VERBS_PKEY_INDEX", &S::verbs_pkey_index, 0, 65'535, {}, "Entry of the P_Key table to use."},
      {"VERBS_TIMEOUT", &S::verbs_timeout, 1, 31, {},
       "Local ACK timeout of a queue pair, n: a packet is sent again after 4.096 us * 2^n."},
      {"VERBS_RETRIES", &S::verbs_retries, 0, 7, {},
       "How often a packet is sent again before the link counts as cut; some drivers (rxe) take 7 for: for ever."},
      {"VERBS_RNR_RETRIES", &S::verbs_rnr_retries, 0, 7, {},
       "How often a packet is sent again when the receiver was not ready; 7: for ever."},
      {"VERBS_RNR_TIMER", &S::verbs_rnr_timer, 0, 31, {},
       "Pause that a receiver asks for when it is not ready, by InfiniBand's code: 12 is 0.64 ms, 0 is 655 ms."},
      {"VERBS_QUEUE_PAIRS", &S::verbs_queue_pairs, 1, 16, {},
       "Queue pairs of one connection: large messages are spread over them."},
      {"VERBS_INLINE", &S::verbs_inline_bytes, 0, 1024, {},
       "Messages up to so many bytes are handed to the device inside the work request."},
      {"VERBS_SLOT", &S::verbs_slot_bytes, 32 * 1024, 64 * kMiB, {}, "Bytes of one slot of an RDMA connection."},
      {"VERBS_SLOTS", &S::verbs_slots, 2, 1024, {}, "Slots of one RDMA connection."},
      {"VERBS_ZERO_COPY", &S::verbs_zero_copy, 0, 0, {},
       "Move long messages of registered memory over RDMA from where they lie to where they go, without slots."},
      {"VERBS_FAILOVER", &S::verbs_failover, 0, 0, {},
       "Keep a queue pair on a second rail, if there is one, for when the first fails."},
      {"VERBS_RELAXED_ORDERING", &S::verbs_relaxed_ordering, 0, 0, {"auto", "on", "off"},
       "Register memory for data with relaxed ordering: auto: where the device takes it; on: fail where it does not."},
  };
  // clang-format on
  return table;
}

Settings Settings::from_environment() {
  Settings settings;
  read_config_file(settings);
  read_environment(settings);
  return settings;
}

void Settings::set(std::string_view name, std::string_view value) {
  const std::string bare = bare_name(name);
  const SettingInfo* info = find_setting(bare);
  if (info == nullptr) {
    fail(Code::invalid_argument, "{}{}={}: there is no such setting; is {}{} meant?", kPrefix, bare, value,
         kPrefix, nearest_name(bare));
  }
  std::visit([&](auto member) { assign(this->*member, *info, trimmed(value)); }, info->member);
}

void Settings::set_all(std::string_view assignments) {
  Settings changed = *this;  // all or none
  while (!assignments.empty()) {
    const auto end = std::min(assignments.find(';'), assignments.size());
    const std::string_view assignment = trimmed(assignments.substr(0, end));
    assignments.remove_prefix(std::min(end + 1, assignments.size()));
    if (assignment.empty()) continue;
    const auto equals = assignment.find('=');
    if (equals == std::string_view::npos) {
      fail(Code::invalid_argument, "settings: \"{}\" is not NAME=VALUE (several are parted by ;)",
           assignment);
    }
    changed.set(assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  *this = std::move(changed);
}

std::string text_of(const Settings& settings, const SettingInfo& info) {
  struct Text {
    std::string operator()(bool value) const { return value ? "1" : "0"; }
    std::string operator()(int value) const { return std::to_string(value); }
    std::string operator()(std::size_t value) const { return bytes_text(value); }
    std::string operator()(const std::string& value) const { return value; }
  };
  return std::visit([&](auto member) { return Text{}(settings.*member); }, info.member);
}

std::size_t parse_bytes(std::string_view text, std::string_view what) {
  const auto bytes = bytes_of(trimmed(text));
  if (!bytes) {
    fail(Code::invalid_argument, "{} \"{}\": allowed is a number of bytes such as 4096, 64K, 1M or 4GiB",
         what, text);
  }
  return *bytes;
}

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace tutti
