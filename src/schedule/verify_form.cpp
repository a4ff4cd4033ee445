#include "schedule/verify_form.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace tutti {

namespace {

constexpr int kMostBlocks = 1 << 24;  // more can only be a mistake in a file, and would exhaust memory

std::string check_shape(Collective collective, const std::vector<Program>& programs, Rank root) {
  const int size = static_cast<int>(programs.size());
  if (size == 0) return "there are no programs: at least one rank is needed";
  if (has_root(collective) && (root < 0 || root >= size)) {
    return fmt::format("root {} is not a rank of 0 to {}", root, size - 1);
  }
  const int blocks = programs.front().blocks();
  const int wanted = blocks_of(collective, size);
  if (wanted != 0 && blocks != wanted) {
    return fmt::format("{} of {} ranks has {} blocks, the program says {}", name_of(collective), size, wanted,
                       blocks);
  }
  if (blocks < 1 || blocks > kMostBlocks) {
    return fmt::format("{} blocks are not within 1 to {}", blocks, kMostBlocks);
  }
  for (Rank rank = 0; rank < size; ++rank) {
    const Program& program = programs[static_cast<std::size_t>(rank)];
    if (program.blocks() != blocks || program.rounds() != programs.front().rounds()) {
      return fmt::format("rank {} has {} blocks and {} rounds, rank 0 has {} and {}", rank, program.blocks(),
                         program.rounds(), blocks, programs.front().rounds());
    }
  }
  return {};
}

std::string check_peers(const Operation& operation, Rank rank, int size) {
  if (operation.action == Action::receive && operation.peers.size() != 1) {
    return "a receive names one peer";
  }
  for (std::size_t i = 0; i < operation.peers.size(); ++i) {
    const Rank peer = operation.peers[i];
    if (peer < 0 || peer >= size) return fmt::format("peer {} is not a rank of 0 to {}", peer, size - 1);
    if (peer == rank) return "a rank cannot be its own peer";
    if (i > 0 && peer == operation.peers[i - 1]) return fmt::format("peer {} is named twice", peer);
  }
  return {};
}

std::string check_blocks(const Operation& operation, int blocks) {
  std::vector<Block> sorted = operation.blocks;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.front() < 0 || sorted.back() >= blocks) {
    return fmt::format("block {} is not within 0 to {}", sorted.front() < 0 ? sorted.front() : sorted.back(),
                       blocks - 1);
  }
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) return fmt::format("block {} is named twice", *twice);
  return {};
}

std::string check_operation(Collective collective, const Operation& operation, int previous_round,
                            const Program& program) {
  if (operation.round < previous_round) {
    return fmt::format("its round is before round {} of the operation before", previous_round);
  }
  if (operation.round < 0 || operation.round >= program.rounds()) {
    return fmt::format("round {} is not within the program's 0 to {}", operation.round, program.rounds() - 1);
  }
  if (operation.action == Action::reduce && !reduces(collective)) {
    return fmt::format("{} does not reduce", name_of(collective));
  }
  return check_blocks(operation, program.blocks());
}

}  // namespace

std::string place_of(Rank rank, std::size_t index, const Operation& operation) {
  return fmt::format("rank {}, operation {} ({})", rank, index, operation.print());
}

std::string check_form(Collective collective, const std::vector<Program>& programs, Rank root) {
  std::string wrong = check_shape(collective, programs, root);
  const int size = static_cast<int>(programs.size());
  for (Rank rank = 0; wrong.empty() && rank < size; ++rank) {
    const Program& program = programs[static_cast<std::size_t>(rank)];
    int round = 0;
    for (std::size_t index = 0; wrong.empty() && index < program.operations().size(); ++index) {
      const Operation& operation = program.operations()[index];
      wrong = check_peers(operation, rank, size);
      if (wrong.empty()) wrong = check_operation(collective, operation, round, program);
      if (!wrong.empty()) wrong = place_of(rank, index, operation) + ": " + wrong;
      round = operation.round;
    }
  }
  return wrong;
}

bool cut_alike(const Program& program) {
  std::unordered_map<Block, const std::vector<Block>*> list_of;  // the first list that carried the block
  for (const Operation& operation : program.operations()) {
    const std::vector<Block>* list =
        list_of.try_emplace(operation.blocks.front(), &operation.blocks).first->second;
    if (*list != operation.blocks) return false;
    for (const Block block : operation.blocks) {
      if (list_of.try_emplace(block, list).first->second != list) return false;
    }
  }
  return true;
}

}  // namespace tutti
