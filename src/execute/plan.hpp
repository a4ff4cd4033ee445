// A plan: a program with its parameters, connections and places in memory, ready to be run again and again.
//
// Every operation of the program became one or more Steps (a send to several peers over wires that cannot
// multicast is a step a wire). A step moves one message, cut into chunks. It carries what must have happened
// before (Need), so that chunks can run out of order across connections; on one connection they go in the
// wavefront order that both ends compute.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "execute/call.hpp"
#include "execute/connections.hpp"
#include "execute/layout.hpp"
#include "reduce/reduce.hpp"

namespace tutti {

/// How a program is to be executed: chosen by the selector, the same on every rank.
struct Parameters {
  int lanes = 1;
  int first_lane =
      0;  // point-to-point calls have lanes of their own: they never stand between a collective's messages
  std::size_t chunk_bytes = 64 << 10;  // a multiple of 64
  /// Wavefront: chunk c of round k goes at step c + lag * k. 0: round after round.
  int lag = 1;
  /// This rank's part of the last-level cache. Where a call's data is too much for it, results leave by
  /// non-temporal stores.
  std::size_t cache_share = 16 << 20;
};

enum class StepKind : std::uint8_t { send, receive, reduce, copy };

/// Chunk c may start once `step` has done min(chunks, c + 1 + shift) chunks.
struct Need {
  std::uint32_t step;
  std::int64_t shift;
};

struct Step {
  StepKind kind;
  bool contiguous;              // one piece each of source and target
  bool zero_copy = false;       // send: the message goes from where it lies
  bool may_go_direct = false;   // send, receive: from or to the user's memory, if the wire knows that
  bool target_is_dead = false;  // reduce, receive: once fused with the send, nobody reads the target
  reduce::Store store = reduce::Store::plain;
  std::uint32_t own_operand = 0;  // reduce: this rank's place among the operands
  std::int64_t divisor = 1;
  std::size_t bytes = 0;
  std::uint32_t chunks = 1;
  std::uint32_t fused_send = kNone;  // the send that passes this step's result on
  Outgoing* out = nullptr;
  std::uint32_t queue = kNone;  // the queue of its outlet or (first) inlet
  std::size_t first_turn = 0;   // of its chunks' turns there
  std::vector<Incoming*> in;    // one an operand; receive: one
  std::vector<std::uint32_t> in_queues;
  Pieces source;  // send, copy: what goes; reduce: this rank's own operand
  Pieces target;  // receive, reduce, copy: where the result goes; send: also copied here (if not empty)
  std::vector<Need> needs;

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
};

/// One entry of a connection's order.
struct Turn {
  std::uint32_t step;
  std::uint32_t chunk;
};

/// The order of one outlet, one inlet, or of the local copies.
struct Queue {
  Outgoing* out = nullptr;
  Incoming* in = nullptr;
  std::vector<Turn> turns;
  std::uint32_t offered = Step::kNone;  // the receive whose target the writer may write into by itself
};

struct Plan {
  Call call;
  Tag tag = 0;
  std::size_t chunk_bytes = 0;
  std::size_t element_bytes = 1;
  std::size_t scratch_bytes = 0;
  std::uint32_t buffers = 3;  // how many base pointers a run needs, scratch included
  reduce::Kernel kernel = nullptr;
  std::vector<Step> steps;
  std::vector<Queue> queues;  // outlets and inlets; copies last
  std::uint64_t turns = 0;    // chunks in all: (step, chunk) pairs
  /// Every message fits a slot and the program's own order is safe: steps run as a list of calls.
  bool straight = false;
  /// Some messages go without a copy if the user's memory was added: a run looks at its buffers.
  bool looks_at_memory = false;
  std::vector<Outgoing*>
      unslotted;        // outlets that may still be sending from our memory or theirs after the last step
  std::string summary;  // "ring over tcp, 2 lanes, 512 KiB chunks"
};

/// Compiles one rank's part. `programs(r)`: rank r's program; this rank's peers are asked for too, to find
/// which of their messages are multicast. Opens outlets; inlets must be opened by Connections::open_inlets
/// before the plan runs.
[[nodiscard]] std::unique_ptr<Plan> compile(const Call& call, const std::function<Program(Rank)>& programs,
                                            const Parameters& parameters, Connections& connections);

}  // namespace tutti
