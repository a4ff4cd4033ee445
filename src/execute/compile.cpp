#include <algorithm>
#include <functional>

#include "base/assert.hpp"
#include "execute/direct.hpp"
#include "execute/fuse.hpp"
#include "execute/order.hpp"
#include "execute/plan.hpp"

namespace tutti {
namespace {

/// Where a block's value is read or written: the step, and the block's offset in that step's message.
struct Access {
  std::uint32_t step;
  std::size_t offset;
};

/// A block's history within one lane, as far as the next operations need it.
struct BlockState {
  bool written = false;
  Access writer{};              // of the present value, if written
  std::vector<Access> readers;  // of the present value
};

class Compiler {
 public:
  Compiler(const Call& call, const std::function<Program(Rank)>& programs, const Parameters& parameters,
           Connections& connections)
      : call_(call), programs_(programs), parameters_(parameters), connections_(connections) {}

  std::unique_ptr<Plan> run() {
    const Program program = programs_(connections_.rank());
    places_ = layout(call_, connections_.rank(), connections_.size(), program.blocks());
    prepare_plan();
    place_scratch(program);
    for (int lane = 0; lane < parameters_.lanes; ++lane) compile_lane(program, lane);
    // A point-to-point group has no proof behind its order, so it never runs in order.
    plan_->straight = parameters_.lanes == 1 && call_.collective != Collective::send_receive &&
                      all_are_single_copies(*plan_);
    mark_direct(*plan_, rounds_, store_ == reduce::Store::streaming);
    if (plan_->straight) keep_order_of_fusions();
    arrange_queues(*plan_, rounds_, parameters_.lag);
    if (store_ == reduce::Store::streaming) choose_offers(*plan_);
    for (const Queue& queue : plan_->queues) {
      if (queue.out != nullptr && queue.out->outlet->zero_copy()) plan_->unslotted.push_back(queue.out);
    }
    return std::move(plan_);
  }

 private:
  void prepare_plan() {
    plan_->call = call_;
    plan_->tag = call_.signature();
    plan_->chunk_bytes = parameters_.chunk_bytes;
    plan_->element_bytes = size_of(call_.type);
    plan_->kernel = reduces(call_.collective) ? reduce::kernel(call_.type, call_.op) : nullptr;
    plan_->buffers = static_cast<std::uint32_t>(
        1 + (call_.transfers.empty() ? 2 * std::max<std::size_t>(1, call_.fused_counts.size())
                                     : call_.transfers.size()));
    if (exceeds_cache()) store_ = reduce::Store::streaming;
  }

  /// Results that stay in the cache are worth it as long as they do not push out what is yet to be read. The
  /// rest of its part is for the slots, and for what others on the processor take. Measured: an all-to-all of
  /// 6 MiB between two ranks under 32 MiB takes 0.85 ms, and 1.36 through the cache; on a newer processor the
  /// cache pays up to twelve sixteenths where ranks only copy, but there no more than 14 %.
  [[nodiscard]] bool exceeds_cache() const {
    std::size_t bytes = 0;
    for (const BlockPlace& place : places_) {
      if (place.has_input) bytes += place.bytes;
      if (place.has_output) bytes += place.bytes;
    }
    return bytes > parameters_.cache_share / 16 * 9;
  }

  /// Blocks that are written here but have no place in the user's buffers live in scratch memory.
  void place_scratch(const Program& program) {
    std::size_t end = 0;
    for (const Operation& operation : program.operations()) {
      if (operation.action == Action::send) continue;
      for (const Block b : operation.blocks) {
        BlockPlace& place = places_[static_cast<std::size_t>(b)];
        if (place.has_output || !place.output.empty() || place.bytes == 0) continue;
        place.output = {{kScratchBuffer, end, place.bytes}};
        end += (place.bytes + 63) / 64 * 64;
      }
    }
    plan_->scratch_bytes = end;
  }

  void compile_lane(const Program& program, int lane) {
    lane_ = lane;
    states_.assign(places_.size(), {});
    history_.clear();
    received_.clear();
    const auto first_step = static_cast<std::uint32_t>(plan_->steps.size());
    for (const Operation& operation : program.operations()) {
      round_ = operation.round;
      switch (operation.action) {
        case Action::send: add_sends(operation); break;
        case Action::receive: add_receive(operation); break;
        case Action::reduce: add_reduce(operation); break;
      }
    }
    copy_unwritten(first_step);
    mark_dead_targets(*plan_, history_,
                      [&](Block b) { return places_[static_cast<std::size_t>(b)].has_output; });
  }

  // --- where things lie
  // -------------------------------------------------------------------------------------

  [[nodiscard]] Share lane_share(const BlockPlace& place) const {
    return share_of(place.bytes, lane_, parameters_.lanes, plan_->element_bytes);
  }
  [[nodiscard]] std::size_t lane_bytes(const std::vector<Block>& blocks) const {
    std::size_t bytes = 0;
    for (const Block b : blocks) bytes += lane_share(places_[static_cast<std::size_t>(b)]).bytes;
    return bytes;
  }
  [[nodiscard]] Pieces pieces_of(const std::vector<Block>& blocks, bool to_write) const {
    Pieces pieces;
    for (const Block b : blocks) {
      const auto i = static_cast<std::size_t>(b);
      const Share share = lane_share(places_[i]);
      const bool at_output = to_write || states_[i].written;
      append_slice(pieces, at_output ? places_[i].output : places_[i].input, share.offset, share.bytes);
    }
    return pieces;
  }
  /// Empty messages are not sent, as both ends know that they are empty; but a barrier is made of them.
  [[nodiscard]] bool skipped(std::size_t bytes) const {
    return bytes == 0 && call_.collective != Collective::barrier &&
           call_.collective != Collective::send_receive;
  }

  // --- steps
  // ------------------------------------------------------------------------------------------------

  Step& new_step(StepKind kind, std::size_t bytes) {
    Step& step = plan_->steps.emplace_back();
    rounds_.push_back(round_);
    step.kind = kind;
    step.bytes = bytes;
    step.chunks = static_cast<std::uint32_t>(
        std::max<std::size_t>(1, (bytes + plan_->chunk_bytes - 1) / plan_->chunk_bytes));
    return step;
  }
  [[nodiscard]] std::uint32_t last_step() const {
    return static_cast<std::uint32_t>(plan_->steps.size() - 1);
  }

  void finish(Step& step) { step.contiguous = step.source.size() <= 1 && step.target.size() <= 1; }

  /// `step` (the newest), whose message has a block at `offset`, has to wait for an earlier access to that
  /// block.
  void wait_for(const Access& earlier, std::size_t offset) {
    const auto chunk = static_cast<std::int64_t>(plan_->chunk_bytes);
    const std::int64_t distance =
        static_cast<std::int64_t>(earlier.offset) - static_cast<std::int64_t>(offset);
    const std::int64_t shift = distance > 0 ? (distance + chunk - 1) / chunk : -(-distance / chunk);
    for (Need& need : plan_->steps.back().needs) {
      if (need.step != earlier.step) continue;
      need.shift = std::max(need.shift, shift);
      return;
    }
    plan_->steps.back().needs.push_back({earlier.step, shift});
  }

  void note_reads(const std::vector<Block>& blocks) {
    std::size_t offset = 0;
    for (const Block b : blocks) {
      BlockState& state = states_[static_cast<std::size_t>(b)];
      if (state.written) {
        wait_for(state.writer, offset);
        history_.read(state.writer.step, last_step());
      }
      state.readers.push_back({last_step(), offset});
      offset += lane_share(places_[static_cast<std::size_t>(b)]).bytes;
    }
  }

  /// `reads_too`: a reduction, whose own read was noted before.
  void note_writes(const std::vector<Block>& blocks) {
    std::size_t offset = 0;
    for (const Block b : blocks) {
      BlockState& state = states_[static_cast<std::size_t>(b)];
      // The first write goes elsewhere than the input, which may still be read, unless both are one buffer.
      if (state.written || call_.in_place) {
        for (const Access& reader : state.readers) {
          if (reader.step != last_step()) wait_for(reader, offset);
        }
      }
      if (state.written) {
        wait_for(state.writer, offset);
        history_.overwritten(state.writer.step, b);
      }
      history_.wrote(last_step(), b);
      state = {true, {last_step(), offset}, {}};
      offset += lane_share(places_[static_cast<std::size_t>(b)]).bytes;
    }
  }

  void add_sends(const Operation& operation) {
    const std::size_t bytes = lane_bytes(operation.blocks);
    for (const std::vector<int>& readers : connections_.groups_of(connections_.rank(), operation.peers)) {
      if (skipped(bytes)) continue;
      Outgoing& out = connections_.outgoing(readers, parameters_.first_lane + lane_);
      Step& step = new_step(StepKind::send, bytes);
      step.out = &out;
      step.source = pieces_of(operation.blocks, false);
      finish(step);
      fuse_with_writer(operation.blocks);
      note_reads(operation.blocks);
      sent_blocks_.resize(plan_->steps.size());
      sent_blocks_.back() = operation.blocks;
    }
  }

  /// The step that wrote just this message passes it on while it writes, where the wire has slots of its own.
  void fuse_with_writer(const std::vector<Block>& blocks) {
    const Step& send = plan_->steps.back();
    if (send.out->outlet->zero_copy() || blocks.empty()) return;
    std::size_t offset = 0;
    const BlockState& first = states_[static_cast<std::size_t>(blocks.front())];
    for (const Block b : blocks) {
      const BlockState& state = states_[static_cast<std::size_t>(b)];
      if (!state.written || state.writer.step != first.writer.step || state.writer.offset != offset) return;
      offset += lane_share(places_[static_cast<std::size_t>(b)]).bytes;
    }
    Step& writer = plan_->steps[first.writer.step];
    if (writer.bytes == send.bytes && writer.fused_send == Step::kNone) writer.fused_send = last_step();
  }

  Incoming& next_message_from(Rank peer) {
    const auto count = received_[peer]++;
    auto& groups = groups_to_us(peer);
    TUTTI_ASSERT(count < groups.size(), peer, count, groups.size());
    return connections_.incoming(peer, groups[count], parameters_.first_lane + lane_);
  }

  /// The reader sets of the peer's messages to this rank, in order: read off the peer's own program.
  const std::vector<std::vector<int>>& groups_to_us(Rank peer) {
    const auto [entry, is_new] = groups_to_us_.try_emplace(peer);
    if (is_new) {
      const Program program = programs_(peer);
      for (const Operation& operation : program.operations()) {
        if (operation.action != Action::send) continue;
        for (auto& group : connections_.groups_of(peer, operation.peers)) {
          if (std::find(group.begin(), group.end(), connections_.rank()) != group.end())
            entry->second.push_back(group);
        }
      }
    }
    return entry->second;
  }

  void add_receive(const Operation& operation) {
    const std::size_t bytes = lane_bytes(operation.blocks);
    Incoming* in = nullptr;
    if (skipped(bytes)) {
      ++received_[operation.peers.front()];
      return;
    }
    in = &next_message_from(operation.peers.front());
    Step& step = new_step(StepKind::receive, bytes);
    step.in = {in};
    step.target = pieces_of(operation.blocks, true);
    step.store = store_;
    finish(step);
    note_writes(operation.blocks);
  }

  void add_reduce(const Operation& operation) {
    const std::size_t bytes = lane_bytes(operation.blocks);
    if (skipped(bytes)) {
      for (const Rank peer : operation.peers) ++received_[peer];
      return;
    }
    std::vector<Rank> peers = operation.peers;
    std::sort(peers.begin(), peers.end());
    std::vector<Incoming*> in;
    for (const Rank peer : peers) in.push_back(&next_message_from(peer));
    Step& step = new_step(StepKind::reduce, bytes);
    step.in = std::move(in);
    step.own_operand = static_cast<std::uint32_t>(
        std::lower_bound(peers.begin(), peers.end(), connections_.rank()) - peers.begin());
    step.divisor = call_.op == Operator::avg && operation.completes ? connections_.size() : 1;
    step.source = pieces_of(operation.blocks, false);
    step.target = pieces_of(operation.blocks, true);
    step.store = store_;
    finish(step);
    note_reads(operation.blocks);
    note_writes(operation.blocks);
  }

  // --- what nobody wrote
  // --------------------------------------------------------------------------------------

  /// Blocks whose result is this rank's own input: copied while they are sent, where one pass can do both,
  /// else last.
  void copy_unwritten(std::uint32_t first_step) {
    if (call_.in_place) return;
    Pieces from, to;
    std::size_t bytes = 0;
    for (std::size_t b = 0; b < places_.size(); ++b) {
      const BlockPlace& place = places_[b];
      const Share share = lane_share(place);
      if (!place.has_input || !place.has_output || states_[b].written || share.bytes == 0) continue;
      if (keep_while_sending(first_step, static_cast<Block>(b), share)) continue;
      append_slice(from, place.input, share.offset, share.bytes);
      append_slice(to, place.output, share.offset, share.bytes);
      bytes += share.bytes;
    }
    if (bytes == 0) return;
    Step& step = new_step(StepKind::copy, bytes);
    step.source = std::move(from);
    step.target = std::move(to);
    step.store = store_;
    finish(step);
  }

  bool keep_while_sending(std::uint32_t first_step, Block block, const Share& share) {
    for (std::size_t s = first_step; s < plan_->steps.size(); ++s) {
      Step& step = plan_->steps[s];
      if (step.kind != StepKind::send || !step.target.empty() || step.out->outlet->zero_copy()) continue;
      if (s >= sent_blocks_.size() || sent_blocks_[s] != std::vector<Block>{block}) continue;
      append_slice(step.target, places_[static_cast<std::size_t>(block)].output, share.offset, share.bytes);
      step.store = store_;
      finish(step);
      return true;
    }
    return false;
  }

  // --- how it runs
  // --------------------------------------------------------------------------------------------

  /// In a list of calls nobody asks whose turn it is: a fused send may not overtake another on its
  /// connection.
  void keep_order_of_fusions() {
    for (std::size_t w = 0; w < plan_->steps.size(); ++w) {
      Step& writer = plan_->steps[w];
      if (writer.fused_send == Step::kNone) continue;
      const Outgoing* out = plan_->steps[writer.fused_send].out;
      const bool overtakes = std::any_of(plan_->steps.begin() + static_cast<std::ptrdiff_t>(w),
                                         plan_->steps.begin() + writer.fused_send,
                                         [&](const Step& step) { return step.out == out; });
      if (!overtakes) continue;
      writer.fused_send = Step::kNone;
      writer.target_is_dead = false;
    }
  }

  const Call& call_;
  const std::function<Program(Rank)>& programs_;
  const Parameters& parameters_;
  Connections& connections_;
  std::unique_ptr<Plan> plan_ = std::make_unique<Plan>();
  std::vector<BlockPlace> places_;
  reduce::Store store_ = reduce::Store::plain;

  int lane_ = 0;
  int round_ = 0;
  std::vector<int> rounds_;                      // per step
  std::vector<BlockState> states_;               // per block
  std::vector<std::vector<Block>> sent_blocks_;  // per step, of sends
  History history_;
  std::map<Rank, std::size_t> received_;  // messages of this lane matched so far
  std::map<Rank, std::vector<std::vector<int>>> groups_to_us_;
};

}  // namespace

std::unique_ptr<Plan> compile(const Call& call, const std::function<Program(Rank)>& programs,
                              const Parameters& parameters, Connections& connections) {
  TUTTI_ASSERT(parameters.chunk_bytes % 64 == 0 && parameters.chunk_bytes > 0, parameters.chunk_bytes);
  return Compiler(call, programs, parameters, connections).run();
}

}  // namespace tutti
