// Which of a plan's messages go past the slots: from where they lie, or to where they go.
#pragma once

#include "execute/plan.hpp"

namespace tutti {

/// Every message is one chunk, and copied: nobody waits until memory may be written again.
[[nodiscard]] bool all_are_single_copies(const Plan& plan);

/// Marks the messages that go from where they lie, and those that do or go to the user's memory if a run
/// finds that the wire knows it. `rounds`: per step. `exceeds_caches`: lines that a reader's cache holds are
/// written slowly the next time, and those that the writer's cache holds are read slowly by a core that
/// shares none with it. Slots know better; what is lent is what caches do not hold.
void mark_direct(Plan& plan, const std::vector<int>& rounds, bool exceeds_caches);

/// A reduction passes its result on while it writes: straight into the peer's memory, where that can take it
/// from the beginning of the call, which saves the peer from reading it. Chooses for each inlet the message
/// whose target is offered for that. (Any other message is read or written across as well.) After the queues
/// are arranged.
void choose_offers(Plan& plan);

}  // namespace tutti
