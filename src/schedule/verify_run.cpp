#include "schedule/verify_run.hpp"

#include <fmt/format.h>

#include "schedule/verify_form.hpp"

namespace tutti {

SymbolicRun::SymbolicRun(Collective collective, const std::vector<Program>& programs, Rank root)
    : collective_(collective),
      programs_(programs),
      root_(root),
      size_(static_cast<int>(programs.size())),
      values_(size_),
      states_(programs.size()),
      slots_(programs.size() * programs.size(), kNothing) {}

std::string SymbolicRun::run() {
  for (Rank rank = 0; rank < size_; ++rank) runnable_.push_back(rank);
  while (!runnable_.empty() && wrong_.empty()) {
    const Rank rank = runnable_.front();
    runnable_.pop_front();
    while (step(rank)) continue;
  }
  return wrong_.empty() ? describe_stop() : wrong_;
}

SymbolicRun::Cell& SymbolicRun::cell(Rank rank, Block block) {
  const auto [place, fresh] = state(rank).cells.try_emplace(block, Cell{SymbolicValues::kNone, kNothing});
  if (fresh && is_input(collective_, size_, root_, rank, block))
    place->second.value = values_.contribution(rank);
  return place->second;
}

int& SymbolicRun::slot(Rank writer, Rank reader) {
  return slots_[static_cast<std::size_t>(writer) * programs_.size() + static_cast<std::size_t>(reader)];
}

bool SymbolicRun::ended(Rank rank) {
  return state(rank).next == program(rank).operations().size();
}

bool SymbolicRun::step(Rank rank) {
  if (ended(rank)) return false;
  const Operation& operation = program(rank).operations()[state(rank).next];
  if (!(operation.action == Action::send ? send(rank, operation) : take(rank, operation))) return false;
  ++state(rank).next;
  state(rank).arrived = 0;
  return true;
}

bool SymbolicRun::send(Rank rank, const Operation& operation) {
  for (const Rank peer : operation.peers) {
    if (slot(rank, peer) != kNothing) return wait_for(rank, peer);
  }
  const std::size_t first_value = sent_values_.size();
  for (const Block block : operation.blocks) {
    const Cell& held = cell(rank, block);
    if (held.value == SymbolicValues::kNone) {
      return refuse(rank, fmt::format("it does not have block {}", block));
    }
    if (held.round >= operation.round) {
      return refuse(rank, fmt::format("block {} came in round {}: it may be sent in a later round only",
                                      block, held.round));
    }
    sent_values_.push_back(held.value);
  }
  for (const Rank peer : operation.peers) {
    slot(rank, peer) = static_cast<int>(messages_.size());
    wake(peer, rank);
  }
  messages_.push_back({rank, state(rank).next, &operation, first_value});
  return true;
}

bool SymbolicRun::take(Rank rank, const Operation& operation) {
  for (std::size_t& arrived = state(rank).arrived; arrived < operation.peers.size(); ++arrived) {
    const int message = slot(operation.peers[arrived], rank);
    if (message == kNothing) return wait_for(rank, operation.peers[arrived]);
    if (!match(rank, operation, messages_[static_cast<std::size_t>(message)])) return false;
  }
  if (operation.action == Action::receive) {
    receive(rank, operation);
  } else if (!reduce(rank, operation)) {
    return false;
  }
  for (const Rank peer : operation.peers) {
    slot(peer, rank) = kNothing;
    wake(peer, rank);
  }
  return true;
}

bool SymbolicRun::match(Rank rank, const Operation& operation, const Message& message) {
  const Operation& sent = *message.operation;
  const auto differ = [&](const char* what) {
    return refuse(rank, fmt::format("the {} differ from those of its message, {}", what,
                                    place_of(message.from, message.index, sent)));
  };
  if (sent.round != operation.round) return differ("rounds");
  const bool own_numbers = collective_ == Collective::send_receive;
  if (own_numbers ? sent.blocks.size() != operation.blocks.size() : sent.blocks != operation.blocks) {
    return differ("blocks");
  }
  return true;
}

void SymbolicRun::receive(Rank rank, const Operation& operation) {
  const Message& message = messages_[static_cast<std::size_t>(slot(operation.peers.front(), rank))];
  for (std::size_t i = 0; i < operation.blocks.size(); ++i) {
    Cell& target = cell(rank, operation.blocks[i]);
    const Id received = sent_values_[message.first_value + i];
    target.value = collective_ == Collective::barrier ? values_.unite(target.value, received) : received;
    target.round = operation.round;
  }
}

bool SymbolicRun::reduce(Rank rank, const Operation& operation) {
  std::vector<Id> operands;
  for (std::size_t i = 0; i < operation.blocks.size(); ++i) {
    const Block block = operation.blocks[i];
    Cell& target = cell(rank, block);
    operands.clear();
    bool own_placed = false;
    for (const Rank peer : operation.peers) {
      if (peer > rank && !own_placed) {
        operands.push_back(target.value);
        own_placed = true;
      }
      operands.push_back(sent_values_[messages_[static_cast<std::size_t>(slot(peer, rank))].first_value + i]);
    }
    if (!own_placed) operands.push_back(target.value);

    target = {values_.fold(operands), operation.round};
    if (target.value == SymbolicValues::kNone) {
      return refuse(rank, fmt::format("the contribution of rank {} to block {} is reduced twice",
                                      values_.doubled(), block));
    }
    const Rank missing = values_.first_missing(target.value);
    if (operation.completes && missing >= 0) {
      return refuse(
          rank, fmt::format("it says that it completes block {}, but the contribution of rank {} is missing",
                            block, missing));
    }
    if (!operation.completes && missing < 0) {
      return refuse(rank, fmt::format("it completes block {} and does not say so", block));
    }
  }
  return true;
}

bool SymbolicRun::wait_for(Rank rank, Rank peer) {
  state(rank).waits_for = peer;
  return false;
}

void SymbolicRun::wake(Rank rank, Rank waited_for) {
  if (state(rank).waits_for != waited_for) return;
  state(rank).waits_for = kNothing;
  runnable_.push_back(rank);
}

bool SymbolicRun::refuse(Rank rank, const std::string& sentence) {
  const std::size_t index = state(rank).next;
  wrong_ = place_of(rank, index, program(rank).operations()[index]) + ": " + sentence;
  return false;
}

std::string SymbolicRun::describe_stop() {
  for (Rank rank = 0; rank < size_; ++rank) {
    if (!ended(rank)) return describe_waits(rank);
  }
  for (Rank writer = 0; writer < size_; ++writer) {
    for (Rank reader = 0; reader < size_; ++reader) {
      if (slot(writer, reader) == kNothing) continue;
      const Message& message = messages_[static_cast<std::size_t>(slot(writer, reader))];
      return fmt::format("{}: rank {} never takes the message",
                         place_of(writer, message.index, *message.operation), reader);
    }
  }
  return {};
}

std::string SymbolicRun::describe_waits(Rank first) {
  std::vector<bool> seen(programs_.size(), false);
  std::string text;
  Rank rank = first;
  while (!ended(rank) && !seen[static_cast<std::size_t>(rank)]) {
    seen[static_cast<std::size_t>(rank)] = true;
    const Operation& operation = program(rank).operations()[state(rank).next];
    const char* what = operation.action == Action::send ? "to take its last message" : "to send";
    text += fmt::format("{}{} waits for rank {} {}", text.empty() ? "" : "; ",
                        place_of(rank, state(rank).next, operation), state(rank).waits_for, what);
    rank = state(rank).waits_for;
  }
  if (ended(rank)) return fmt::format("{}; but the program of rank {} has ended", text, rank);
  return fmt::format("deadlock: {}", text);
}

}  // namespace tutti
