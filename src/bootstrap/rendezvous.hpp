// The rendezvous: every rank of a communicator comes to the process that made the unique id, says who it is,
// and learns what every other rank gave.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "bootstrap/secret.hpp"
#include "bootstrap/unique_id.hpp"

namespace tutti {

/// What a rank knows once all have joined.
struct Membership {
  int rank = 0;
  int size = 1;
  std::uint64_t communicator = 0;  // fresh, the same on all ranks
  Secret secret{};                 // fresh, the same on all ranks; never sent
  std::vector<std::string> infos;  // per rank, what it gave
};

/// The largest `info` that a rank can give, in bytes.
inline constexpr std::size_t kLargestInfo = 64 << 10;

/// Joins as `rank` of `size` and waits for the others, settings.init_timeout_ms at most. Throws
/// - timeout, naming the ranks that have not come;
/// - invalid_usage, naming the processes, when two claim one rank or ranks give different sizes;
/// - invalid_argument for an id that is none, or a rank out of range;
/// - system_error when nobody can be reached at the id's addresses, remote_error when the root or a rank dies
/// meanwhile.
[[nodiscard]] Membership join(const UniqueId& id, int rank, int size, std::string info,
                              const Settings& settings);

/// The signer that transports use to recognise the ranks of this communicator.
[[nodiscard]] Signer make_signer(const Membership& membership);

}  // namespace tutti
