// The second part of the verifier: a machine that runs the programs of all ranks on symbolic values, each in
// program order, with one slot a connection. A rank that cannot go on waits for one peer; when nobody can,
// that is the deadlock, and following the waits names it. Which rank is run first makes no difference to the
// outcome: a connection has one writer and one reader, and each does only what its own program says.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/collective.hpp"
#include "schedule/program.hpp"
#include "schedule/symbolic.hpp"

namespace tutti {

class SymbolicRun {
 public:
  using Id = SymbolicValues::Id;

  /// `programs` must have passed check_form, and outlive this.
  SymbolicRun(Collective collective, const std::vector<Program>& programs, Rank root);

  /// Runs everything to the end. The first thing that is wrong, or an empty text.
  [[nodiscard]] std::string run();
  /// What the rank holds in the block after run(); kNone: nothing.
  [[nodiscard]] Id value(Rank rank, Block block) { return cell(rank, block).value; }
  [[nodiscard]] const SymbolicValues& values() const noexcept { return values_; }

 private:
  static constexpr int kNothing = -1;

  struct Cell {
    Id value;
    int round;  // in which a receive or reduce left it; kNothing: it is the rank's input
  };
  struct RankState {
    std::size_t next = 0;  // operation
    Rank waits_for = kNothing;
    std::size_t arrived =
        0;  // of the next operation's peers, in order, so many messages are known to be here
    std::unordered_map<Block, Cell> cells;  // only what was touched
  };
  struct Message {
    Rank from;
    std::size_t index;  // of the send in its program
    const Operation* operation;
    std::size_t first_value;  // in sent_values_
  };

  Cell& cell(Rank rank, Block block);
  [[nodiscard]] int& slot(Rank writer, Rank reader);
  [[nodiscard]] RankState& state(Rank rank) { return states_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] const Program& program(Rank rank) const { return programs_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] bool ended(Rank rank);

  /// Runs one operation; false: the rank has ended, waits or has failed.
  bool step(Rank rank);
  bool send(Rank rank, const Operation& operation);
  bool take(Rank rank, const Operation& operation);
  bool match(Rank rank, const Operation& operation, const Message& message);
  bool reduce(Rank rank, const Operation& operation);
  void receive(Rank rank, const Operation& operation);
  bool wait_for(Rank rank, Rank peer);
  void wake(Rank rank, Rank waited_for);
  /// Records what is wrong with the rank's next operation; always false.
  bool refuse(Rank rank, const std::string& sentence);

  [[nodiscard]] std::string describe_stop();
  [[nodiscard]] std::string describe_waits(Rank first);

  Collective collective_;
  const std::vector<Program>& programs_;
  Rank root_;
  int size_;
  SymbolicValues values_;
  std::vector<RankState> states_;
  std::vector<int> slots_;  // by writer and reader: the message under way, or kNothing
  std::vector<Message> messages_;
  std::vector<Id> sent_values_;  // of all messages, one after another
  std::deque<Rank> runnable_;
  std::string wrong_;
};

}  // namespace tutti
