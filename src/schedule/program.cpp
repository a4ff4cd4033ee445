#include "schedule/program.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"

namespace tutti {

namespace {

/// "0-3,7": runs of successive numbers are said as one.
std::string print_numbers(const std::vector<int>& numbers) {
  std::string text;
  for (std::size_t first = 0; first < numbers.size();) {
    std::size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    const std::string_view comma = first == 0 ? "" : ",";
    if (first == last) {
      text += fmt::format("{}{}", comma, numbers[first]);
    } else {
      text += fmt::format("{}{}-{}", comma, numbers[first], numbers[last]);
    }
    first = last + 1;
  }
  return text;
}

}  // namespace

std::vector<Block> block_run(Block first, int count) {
  std::vector<Block> blocks(static_cast<std::size_t>(std::max(count, 0)));
  std::iota(blocks.begin(), blocks.end(), first);
  return blocks;
}

const char* name_of(Action action) noexcept {
  switch (action) {
    case Action::send: return "send";
    case Action::receive: return "receive";
    case Action::reduce: return "reduce";
  }
  return "unknown action";
}

std::string Operation::print() const {
  const std::string block_text =
      fmt::format("{} {}", blocks.size() == 1 ? "block" : "blocks", print_numbers(blocks));
  const std::string peer_text = print_numbers(peers);
  const bool sends = action == Action::send;
  return fmt::format("round {}  {:<7}  {} -> {}{}", round, name_of(action), sends ? block_text : peer_text,
                     sends ? peer_text : block_text, completes ? "  completes" : "");
}

Program& Program::round(int round) {
  round_ = round;
  return *this;
}

void Program::send(std::vector<Block> blocks, std::vector<Rank> peers) {
  add(Action::send, std::move(peers), std::move(blocks), false);
}

void Program::receive(Rank peer, std::vector<Block> blocks) {
  add(Action::receive, std::vector{peer}, std::move(blocks), false);
}

void Program::reduce(std::vector<Rank> peers, std::vector<Block> blocks, bool completes) {
  add(Action::reduce, std::move(peers), std::move(blocks), completes);
}

void Program::append(const Program& part, const std::vector<Rank>& ranks,
                     const std::function<std::vector<Block>(Block)>& blocks_of, int first_round,
                     bool keep_completes) {
  TUTTI_ASSERT(first_round + part.rounds() <= rounds_, first_round, part.rounds(), rounds_);
  for (const Operation& operation : part.operations()) {
    std::vector<Rank> peers;
    for (const Rank peer : operation.peers) peers.push_back(ranks.at(static_cast<std::size_t>(peer)));
    std::vector<Block> blocks;
    for (const Block block : operation.blocks) {
      const std::vector<Block> here = blocks_of(block);
      blocks.insert(blocks.end(), here.begin(), here.end());
    }
    round(first_round + operation.round);
    add(operation.action, std::move(peers), std::move(blocks), operation.completes && keep_completes);
  }
}

std::string Program::print() const {
  std::string text;
  for (const Operation& operation : operations_) text += operation.print() + '\n';
  return text;
}

void Program::add(Action action, std::vector<Rank> peers, std::vector<Block> blocks, bool completes) {
  if (peers.empty() || blocks.empty()) return;
  std::sort(peers.begin(), peers.end());
  operations_.push_back({action, completes, round_, std::move(peers), std::move(blocks)});
}

}  // namespace tutti
