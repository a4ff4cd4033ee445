// What a rank tells the others when it joins: where it runs, how to reach it, and what it would like to be
// set.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/settings.hpp"

namespace tutti {

struct RankInfo {
  std::string host;        // equal on ranks that share memory
  std::vector<int> cores;  // that this process may run on
  int pid = 0;
  std::string control_address;
  std::map<std::string, std::string> addresses;  // of each transport, by its name
  std::map<std::string, std::string> settings;   // those that all ranks must share; rank 0's count
  std::string costs;                             // rank 0's machine costs
};

/// This process's host, cores and pid, and the settings to agree on.
[[nodiscard]] RankInfo describe_this_process(const Settings& settings);

[[nodiscard]] std::string to_text(const RankInfo& info);
/// Throws internal_error for what to_text() did not make.
[[nodiscard]] RankInfo rank_info_from_text(const std::string& text);

/// Takes over the settings of `agreed` (rank 0's); a different choice of one's own is warned of.
void agree(Settings& settings, const std::map<std::string, std::string>& agreed);

/// Per rank the index of its host, in order of first appearance.
[[nodiscard]] std::vector<int> hosts_of(const std::vector<RankInfo>& infos);
/// Ranks on `host` divided by the cores they may use together: above 1 they outnumber them.
[[nodiscard]] double ranks_per_core(const std::vector<RankInfo>& infos, const std::vector<int>& host_of,
                                    int host);

}  // namespace tutti
