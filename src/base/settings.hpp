// Settings: what shapes a communicator. Each is declared once, in the table of settings.cpp (name, bounds,
// help); from it come the TUTTI_* environment variables, the configuration file, tuttiConfig_t's `settings`
// string and the reference page. A Settings is a plain value: every communicator has its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tutti {

struct Settings {
  // Choice: empty or 0 leaves it to the selector.
  std::string transport;        // TUTTI_TRANSPORT: "shm", "tcp", "verbs" or "loop"
  std::string algorithm;        // TUTTI_ALGORITHM: a name of schedule/algorithms
  int lanes = 0;                // TUTTI_LANES
  std::size_t chunk_bytes = 0;  // TUTTI_CHUNK
  bool reproducible = false;    // TUTTI_REPRODUCIBLE
  // Time.
  int timeout_ms = 600'000;  // TUTTI_TIMEOUT_MS: a collective that moves nothing for so long fails; 0: never
  int init_timeout_ms = 60'000;  // TUTTI_INIT_TIMEOUT_MS: joining, connecting, splitting
  int heartbeat_ms = 500;        // TUTTI_HEARTBEAT_MS: control plane
  int control_timeout_ms =
      30'000;         // TUTTI_CONTROL_TIMEOUT_MS: a rank silent for so long counts as lost; 0: never
  int spin_us = 100;  // TUTTI_SPIN_US: spin so long before sleeping, where every rank has a core
  // Identity and start-up.
  std::string host_id;          // TUTTI_HOSTID: another host identity for this process
  std::string comm_name;        // TUTTI_COMM_NAME: what messages call the communicator
  std::string rendezvous_file;  // TUTTI_RENDEZVOUS_FILE: shared file for start-up from the environment
  std::string secret;           // TUTTI_SECRET: shared secret for start-up from the environment
  std::string cache_dir;        // TUTTI_CACHE_DIR: machine measurements; default ~/.cache/tutti
  // TCP.
  std::string socket_interfaces;  // TUTTI_SOCKET_INTERFACES: "eth", "=eth0", "^docker,lo"
  std::string socket_family;      // TUTTI_SOCKET_FAMILY: "", "ipv4" or "ipv6"
  std::string port_range;         // TUTTI_PORT_RANGE: "20000-20100"; empty: any
  int sockets = 0;                // TUTTI_SOCKETS: per connection; 0: chosen
  std::string
      congestion_control;  // TUTTI_TCP_CONGESTION: "" leaves tutti to choose, "system" the kernel's own
  // Shared memory.
  std::size_t slot_bytes = 64 << 10;  // TUTTI_SHM_SLOT
  int slots = 32;                     // TUTTI_SHM_SLOTS: per connection
  // One-sided.
  std::size_t put_direct_bytes = 32 << 10;  // TUTTI_PUT_DIRECT: above it, straight into the window; 0: never
  // RDMA.
  std::string verbs_devices;                    // TUTTI_VERBS_DEVICES: "mlx5_0:1", "=rxe0", "^mlx4"
  int verbs_gid_index = -1;                     // TUTTI_VERBS_GID_INDEX; -1: chosen
  int verbs_service_level = 0;                  // TUTTI_VERBS_SERVICE_LEVEL
  int verbs_traffic_class = 0;                  // TUTTI_VERBS_TRAFFIC_CLASS
  int verbs_pkey_index = 0;                     // TUTTI_VERBS_PKEY_INDEX
  int verbs_timeout = 17;                       // TUTTI_VERBS_TIMEOUT: 4.096 us * 2^n
  int verbs_retries = 6;                        // TUTTI_VERBS_RETRIES
  int verbs_rnr_retries = 7;                    // TUTTI_VERBS_RNR_RETRIES; 7: for ever
  int verbs_rnr_timer = 12;                     // TUTTI_VERBS_RNR_TIMER: the device's code for a time
  int verbs_queue_pairs = 1;                    // TUTTI_VERBS_QUEUE_PAIRS: per connection
  std::size_t verbs_inline_bytes = 220;         // TUTTI_VERBS_INLINE
  std::size_t verbs_slot_bytes = 64 << 10;      // TUTTI_VERBS_SLOT
  int verbs_slots = 8;                          // TUTTI_VERBS_SLOTS: per connection
  bool verbs_zero_copy = true;                  // TUTTI_VERBS_ZERO_COPY
  bool verbs_failover = true;                   // TUTTI_VERBS_FAILOVER
  std::string verbs_relaxed_ordering = "auto";  // TUTTI_VERBS_RELAXED_ORDERING: "auto", "on" or "off"

  /// Defaults, then the configuration file (TUTTI_CONFIG_FILE or ~/.config/tutti.conf, lines NAME=VALUE with
  /// # comments), then TUTTI_* of the environment. Throws invalid_argument naming the variable, its value and
  /// what is allowed. An unknown TUTTI_* variable is warned of once, with the nearest name.
  [[nodiscard]] static Settings from_environment();

  /// Sets one by its name without the prefix ("LANES"), any case. Throws invalid_argument as above.
  void set(std::string_view name, std::string_view value);
  /// "NAME=VALUE;NAME=VALUE", as tuttiConfig_t carries it.
  void set_all(std::string_view assignments);
};

/// One row of the table: for the reference page, --settings and the tests.
struct SettingInfo {
  std::string_view name;  // without TUTTI_
  std::variant<bool Settings::*, int Settings::*, std::size_t Settings::*, std::string Settings::*> member;
  long long minimum = 0, maximum = 0;       // of int and size_t
  std::vector<std::string_view> allowed{};  // of strings; empty: any
  std::string_view help;
};
[[nodiscard]] const std::vector<SettingInfo>& setting_table();
/// Its value as text, as `set` takes it.
[[nodiscard]] std::string text_of(const Settings& settings, const SettingInfo& info);

/// "64K", "1M", "4GiB", "12345" as bytes; throws invalid_argument with `what` in the sentence.
[[nodiscard]] std::size_t parse_bytes(std::string_view text, std::string_view what);

/// The environment variable, or empty. The only getenv of the library.
[[nodiscard]] std::string environment(const char* variable);

}  // namespace tutti
