// A collective as a small sequential program over blocks; see docs/design.md. A Program is one rank's part.
//
// Blocks are the units that operations name; their number and meaning come from the collective
// (collective.hpp). An operation's blocks travel as one message, concatenated in the order given. Operations
// between the same ordered pair of ranks match first-in first-out, whether a send names one peer or several.
//
// Rounds: both ends of a message give it the same round; along a rank's program rounds never decrease; a send
// that carries what a receive or reduce of round j left behind has a round greater than j. So messages
// ordered by round (and within pipelines by round and chunk) can be executed in that order by everyone, with
// a single slot a connection.
//
// A Program is a plain value, built once and then only read. Building trusts its caller: what a program says
// is proved or refused by the verifier (verify.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tutti {

using Rank = int;
using Block = int;

/// The block numbers first, first + 1, …, as many as count.
[[nodiscard]] std::vector<Block> block_run(Block first, int count);

enum class Action : std::uint8_t { send, receive, reduce };

/// "send", "receive", "reduce".
[[nodiscard]] const char* name_of(Action action) noexcept;

struct Operation {
  Action action;
  bool completes =
      false;  // reduce: afterwards the blocks hold every rank's contribution (an average is taken here)
  int round = 0;
  std::vector<Rank> peers;    // ascending. send: one or more; receive: one; reduce: one or more
  std::vector<Block> blocks;  // in message order

  /// "round 2  reduce  1,3 -> blocks 4-7  completes".
  [[nodiscard]] std::string print() const;
};

class Program {
 public:
  /// `blocks`: how many the collective has (the same on every rank). `rounds`: upper bound of round + 1, the
  /// same on every rank, so that programs can follow one another.
  Program(int blocks, int rounds) : blocks_(blocks), rounds_(rounds) {}

  /// Round of the operations that follow.
  Program& round(int round);

  // An operation without peers or without blocks is none, and is left out: so one rank alone needs no special
  // case.

  /// One message to each peer; a wire that can multicast writes it once.
  void send(std::vector<Block> blocks, std::vector<Rank> peers);
  void send(Block block, Rank peer) { send(std::vector{block}, std::vector{peer}); }
  /// Overwrites the blocks with a message.
  void receive(Rank peer, std::vector<Block> blocks);
  void receive(Rank peer, Block block) { receive(peer, std::vector{block}); }
  /// Combines what is there with one message of each peer, all in one pass. Operands are folded in ascending
  /// order of rank, this rank's own value at its own rank's place: so two ranks that combine the same values
  /// get the same bits.
  void reduce(std::vector<Rank> peers, std::vector<Block> blocks, bool completes = false);
  void reduce(Rank peer, Block block, bool completes = false) {
    reduce(std::vector{peer}, std::vector{block}, completes);
  }

  /// Appends this rank's program of a sub-group: the part's rank i is ranks[i] here, its block b is
  /// blocks_of(b) (one or several blocks here), its round r is first_round + r. Keeps `completes` only if
  /// keep_completes.
  void append(const Program& part, const std::vector<Rank>& ranks,
              const std::function<std::vector<Block>(Block)>& blocks_of, int first_round,
              bool keep_completes);

  [[nodiscard]] const std::vector<Operation>& operations() const noexcept { return operations_; }
  [[nodiscard]] int blocks() const noexcept { return blocks_; }
  [[nodiscard]] int rounds() const noexcept { return rounds_; }

  /// One operation a line, as Operation::print says it.
  [[nodiscard]] std::string print() const;

 private:
  void add(Action action, std::vector<Rank> peers, std::vector<Block> blocks, bool completes);

  int blocks_;
  int rounds_;
  int round_ = 0;
  std::vector<Operation> operations_;
};

}  // namespace tutti
