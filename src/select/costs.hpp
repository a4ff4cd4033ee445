// What this machine's parts cost: the parameters of the cost model. Measured once a machine and cached; rank
// 0's are used by every rank of a communicator, so that all choose alike.
#pragma once

#include <string>

#include "base/settings.hpp"

namespace tutti {

/// A wire between two ranks.
struct WireCost {
  double latency_ns;   // from the sender's last instruction until the receiver sees the message
  double overhead_ns;  // processor time of either end for a message, whatever its length
  double ns_per_byte;  // processor time for a byte: the sender's, and a reader's that has to fetch it
};

struct Costs {
  WireCost shared_memory{100, 100, 0.025};
  WireCost tcp{4'000, 1'500, 0.16};
  WireCost rdma{2'000, 400, 0.08};    // set by rdma_cost()
  double reduce_ns_per_byte = 0.03;   // two inputs in the cache, per byte of result
  double wake_ns = 5'000;             // where ranks outnumber cores: until a sleeper runs
  double memory_ns_per_byte = 0.06;   // more, per byte, once the data leave the cache
  double cached_bytes = 8 << 20;      // more than this leaves the cache
  double core_cache_bytes = 1 << 20;  // the second level
};

/// From the cache file of this machine, else by measuring (a fraction of a second) and writing the file.
/// Never throws: a cache that cannot be written is only said in the log.
[[nodiscard]] Costs machine_costs(const Settings& settings);
/// Measures now: two threads exchange cache lines, bytes over loopback TCP, and copies.
[[nodiscard]] Costs measure_costs();

/// What RDMA costs on this machine. `bytes_per_ns`: of the link that one connection uses, 0: unknown.
/// `software`: the devices are made of the kernel's network stack, and cost what TCP costs.
[[nodiscard]] WireCost rdma_cost(const Costs& costs, double bytes_per_ns, bool software);

[[nodiscard]] std::string to_text(const Costs& costs);
/// Throws internal_error for a text that to_text() did not make.
[[nodiscard]] Costs costs_from_text(const std::string& text);

}  // namespace tutti
