// One execution of a plan: state, and the poll that moves it on. Never blocks, allocates, locks or throws on
// the way; whoever waits (wait.hpp) polls until it is done, and looks at the communicator's Failure.
//
// A straight plan is a list of calls in the program's order. Any other runs as an out-of-order processor
// does: each connection has its own order (Queue), and the head of each goes as soon as what it needs is done
// and the wire has room.
#pragma once

#include <span>
#include <vector>

#include "execute/plan.hpp"

namespace tutti {

enum class Progress { pending, moved, done };

class Run {
 public:
  /// Makes room for the plan's state, so that start() does not allocate. What runs is not disturbed.
  void reserve(const Plan& plan);
  /// `scratch`: plan.scratch_bytes of memory; `buffers`: the user's, as the call counts them. After
  /// reserve(plan).
  void start(Plan& plan, std::byte* scratch, std::span<std::byte* const> buffers) noexcept;
  /// Moves what can be moved now.
  [[nodiscard]] Progress poll() noexcept;
  [[nodiscard]] const Plan& plan() const noexcept { return *plan_; }
  /// "it waits for messages of ranks 1 and 3": for error texts; allocates.
  [[nodiscard]] std::string waiting_for() const;

 private:
  struct Chunk {
    std::size_t offset, bytes;
  };
  struct QueueState {
    std::size_t issued = 0;          // turns begun
    std::size_t completed = 0;       // of zero-copy outlets and expected messages: turns known to be over
    std::uint64_t base = 0;          // the endpoint's count of messages when the run began
    std::uint64_t acknowledged = 0;  // expected messages seen to be placed
  };

  void look_at_memory() noexcept;
  void offer(const Step& step) noexcept;
  /// This step's messages go from where they lie, or to where they go.
  [[nodiscard]] bool is_direct(std::uint32_t step) const noexcept { return any_direct_ && direct_[step]; }
  /// The outlet says when it no longer needs our memory; else a message is over once it is sent.
  [[nodiscard]] bool counts(const Outgoing& out) const noexcept {
    return out.outlet->zero_copy() || (any_direct_ && (out.takes_added || out.lends));
  }
  [[nodiscard]] bool is_expected(std::uint32_t step) const noexcept;
  Progress poll_straight() noexcept;
  Progress poll_queues() noexcept;
  [[nodiscard]] bool flushed() const noexcept;

  bool advance_outlet(std::uint32_t q) noexcept;
  bool advance_inlet(std::uint32_t q) noexcept;
  bool advance_copies(std::uint32_t q) noexcept;
  bool count_placed(std::uint32_t q) noexcept;
  bool expect(std::uint32_t q, const Step& step, std::uint32_t chunk) noexcept;
  [[nodiscard]] bool at_head(std::uint32_t q, std::uint32_t step, std::uint32_t chunk) const noexcept;
  [[nodiscard]] bool ready(const Step& step, std::uint32_t chunk) const noexcept;
  void finish(std::uint32_t step) noexcept;

  // One chunk of a step each; false: not now.
  bool send(std::uint32_t index, std::uint32_t chunk) noexcept;
  bool receive(std::uint32_t index, std::uint32_t chunk) noexcept;
  bool reduce(std::uint32_t index, std::uint32_t chunk) noexcept;
  void copy(const Step& step, std::uint32_t chunk) noexcept;

  /// The outgoing slot that a pass writes too.
  struct Fused {
    std::byte* slot = nullptr;  // nullptr: none, the pass writes memory only
    tutti::reduce::Store store = tutti::reduce::Store::plain;
    bool alone = false;    // the slot is all that has to be written
    bool offered = false;  // it is in the reader's memory
  };
  Fused lease_fused(const Step& step, std::uint32_t chunk) noexcept;
  [[nodiscard]] static tutti::reduce::Output output_of(const Step& step, const Fused& fused,
                                                       std::byte* target, std::size_t offset) noexcept;
  void commit_fused(const Step& step, const Fused& fused, std::size_t bytes) noexcept;
  [[nodiscard]] Chunk chunk_of(const Step& step, std::uint32_t chunk) const noexcept;
  [[nodiscard]] std::byte* at(const Pieces& pieces, std::size_t offset) const noexcept;
  template <typename Body>
  void for_each_stretch(const Step& step, Chunk chunk, const Body& body) const noexcept;

  Plan* plan_ = nullptr;
  bool straight_ = false;     // as a list of calls
  bool any_direct_ = false;   // of the steps
  std::vector<bool> direct_;  // per step, if the plan looks at memory
  std::uint64_t turns_left_ = 0;
  std::uint32_t next_ = 0;           // straight: the step to go on with
  std::vector<std::byte*> buffers_;  // base pointers by buffer number
  std::vector<std::uint32_t> done_;  // per step: chunks done
  std::vector<QueueState> queues_;
  std::vector<const std::byte*> operands_;  // of the reduction at hand
};

}  // namespace tutti
