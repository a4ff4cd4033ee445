// Liveness of results, to know where a fused pass need not write memory at all.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "execute/plan.hpp"

namespace tutti {

/// Who wrote which block, who read it, and whether it was overwritten later; of one lane.
class History {
 public:
  void clear() { written_.clear(); }
  void wrote(std::uint32_t step, Block block) { written_[step].alive.push_back(block); }
  void read(std::uint32_t writer, std::uint32_t reader) { written_[writer].readers.push_back(reader); }
  void overwritten(std::uint32_t writer, Block block);

  struct Written {
    std::vector<Block> alive;            // blocks that still hold what the step wrote
    std::vector<std::uint32_t> readers;  // steps that read it
  };
  [[nodiscard]] const std::map<std::uint32_t, Written>& steps() const { return written_; }

 private:
  std::map<std::uint32_t, Written> written_;
};

/// Marks the steps whose result is read by their fused send alone: the result then goes into the outgoing
/// slot and nowhere else. `is_output(b)`: the user wants block b on this rank.
void mark_dead_targets(Plan& plan, const History& history, const std::function<bool(Block)>& is_output);

}  // namespace tutti
