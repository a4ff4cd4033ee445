#include "execute/fuse.hpp"

#include <algorithm>

namespace tutti {

void History::overwritten(std::uint32_t writer, Block block) {
  auto& alive = written_[writer].alive;
  alive.erase(std::remove(alive.begin(), alive.end(), block), alive.end());
}

void mark_dead_targets(Plan& plan, const History& history, const std::function<bool(Block)>& is_output) {
  for (const auto& [index, written] : history.steps()) {
    Step& step = plan.steps[index];
    if (step.fused_send == Step::kNone) continue;
    const bool only_sent = std::all_of(written.readers.begin(), written.readers.end(),
                                       [&](std::uint32_t reader) { return reader == step.fused_send; });
    step.target_is_dead = only_sent && std::none_of(written.alive.begin(), written.alive.end(), is_output);
  }
}

}  // namespace tutti
