// What is done with one chunk of one step: the bytes move here.
#include <algorithm>
#include <cstring>

#include "execute/run.hpp"

namespace tutti {

namespace {

/// Shorter results go through the cache anyway: the fence behind non-temporal stores would show.
constexpr std::size_t kStreamedSlot = 2 << 10;

/// How a pass writes an outgoing slot.
reduce::Store slot_store(const Outlet& outlet, std::size_t bytes) noexcept {
  return outlet.prefers_streaming() && bytes >= kStreamedSlot ? reduce::Store::streaming
                                                              : reduce::Store::plain;
}

}  // namespace

Run::Chunk Run::chunk_of(const Step& step, std::uint32_t chunk) const noexcept {
  const std::size_t offset = chunk * plan_->chunk_bytes;
  return {offset, std::min(plan_->chunk_bytes, step.bytes - offset)};
}

/// Byte `offset` of pieces that are one stretch.
std::byte* Run::at(const Pieces& pieces, std::size_t offset) const noexcept {
  if (pieces.empty()) return nullptr;
  return buffers_[pieces.front().buffer] + pieces.front().offset + offset;
}

/// Cuts the chunk where the source's or the target's pieces end: body(source, target, offset in the chunk,
/// bytes).
template <typename Body>
void Run::for_each_stretch(const Step& step, Chunk chunk, const Body& body) const noexcept {
  struct Cursor {
    const Pieces& pieces;
    std::size_t index = 0;
    std::size_t offset;
    void settle() {
      while (index < pieces.size() && offset >= pieces[index].bytes) offset -= pieces[index++].bytes;
    }
    [[nodiscard]] std::size_t left() const {
      return pieces.empty() ? ~std::size_t{0} : pieces[index].bytes - offset;
    }
  };
  Cursor source{step.source, 0, chunk.offset};
  Cursor target{step.target, 0, chunk.offset};
  for (std::size_t passed = 0; passed < chunk.bytes;) {
    source.settle();
    target.settle();
    const std::size_t bytes = std::min({chunk.bytes - passed, source.left(), target.left()});
    const auto pointer = [&](const Cursor& cursor) {
      if (cursor.pieces.empty()) return static_cast<std::byte*>(nullptr);
      const Piece& piece = cursor.pieces[cursor.index];
      return buffers_[piece.buffer] + piece.offset + cursor.offset;
    };
    body(pointer(source), pointer(target), passed, bytes);
    passed += bytes;
    source.offset += bytes;
    target.offset += bytes;
  }
}

bool Run::send(std::uint32_t index, std::uint32_t chunk) noexcept {
  const Step& step = plan_->steps[index];
  const Chunk part = chunk_of(step, chunk);
  Outlet& outlet = *step.out->outlet;
  // A wire with slots of its own copies by itself, unless it knows the memory.
  const bool copies = !outlet.zero_copy() && !step.out->takes_added;
  const bool as_it_lies = step.zero_copy || copies || is_direct(index);
  if (step.contiguous && as_it_lies) {
    const std::byte* source = at(step.source, part.offset);
    const bool lends = step.out->lends && is_direct(index);
    const bool taken =
        lends ? outlet.lend(source, part.bytes, plan_->tag) : outlet.send(source, part.bytes, plan_->tag);
    if (!taken) return false;
    // Kept, too: the source has just come into the cache.
    if (!step.target.empty())
      reduce::copy({at(step.target, part.offset), nullptr, step.store}, source, part.bytes);
  } else {
    std::byte* slot = outlet.lease(part.bytes);
    if (slot == nullptr) return false;
    const reduce::Store store = slot_store(outlet, part.bytes);
    for_each_stretch(step, part,
                     [&](const std::byte* source, std::byte* kept, std::size_t offset, std::size_t bytes) {
                       reduce::copy({slot + offset, kept, store, step.store}, source, bytes);
                     });
    outlet.commit(part.bytes, plan_->tag);
  }
  ++step.out->sent;
  return true;
}

/// The outgoing slot for the message that passes this chunk on, if it is the next to go and a slot is free.
Run::Fused Run::lease_fused(const Step& step, std::uint32_t chunk) noexcept {
  if (step.fused_send == Step::kNone) return {};
  const Step& send = plan_->steps[step.fused_send];
  if (!straight_ && !at_head(send.queue, step.fused_send, chunk)) return {};
  if (!straight_ && send.out->lends && step.store == reduce::Store::streaming) {
    // Memory that the reader has offered, if it has.
    const Chunk part = chunk_of(send, chunk);
    std::byte* const slot =
        send.out->outlet->lease_offered(queues_[send.queue].base + send.first_turn, part.offset, part.bytes);
    if (slot != nullptr) return {slot, step.store, step.target_is_dead, true};
  }
  if (is_direct(step.fused_send)) return {};
  Outlet& outlet = *send.out->outlet;
  const std::size_t bytes = chunk_of(step, chunk).bytes;
  std::byte* slot = outlet.lease(bytes);
  return {slot, slot == nullptr ? reduce::Store::plain : slot_store(outlet, bytes),
          slot != nullptr && step.target_is_dead};
}

/// Where a pass writes: memory, the slot, or both.
reduce::Output Run::output_of(const Step& step, const Fused& fused, std::byte* target,
                              std::size_t offset) noexcept {
  return {fused.alone ? nullptr : target, fused.slot == nullptr ? nullptr : fused.slot + offset, step.store,
          fused.store};
}

void Run::commit_fused(const Step& step, const Fused& fused, std::size_t bytes) noexcept {
  const Step& send = plan_->steps[step.fused_send];
  Outlet& outlet = *send.out->outlet;
  if (fused.offered)
    outlet.commit_offered(bytes, plan_->tag);
  else
    outlet.commit(bytes, plan_->tag);
  ++send.out->sent;
  if (straight_) {
    done_[step.fused_send] = 1;
    return;
  }
  ++queues_[send.queue].issued;
  if (!counts(*send.out)) finish(step.fused_send);
}

bool Run::receive(std::uint32_t index, std::uint32_t chunk) noexcept {
  const Step& step = plan_->steps[index];
  const Chunk part = chunk_of(step, chunk);
  Inlet& inlet = *step.in.front()->inlet;
  const std::byte* message = inlet.borrow(part.bytes, plan_->tag);
  if (message == nullptr) return false;
  if (message == Inlet::in_place()) {
    inlet.release();
    return true;
  }
  const Fused fused = lease_fused(step, chunk);
  for_each_stretch(step, part,
                   [&](const std::byte*, std::byte* target, std::size_t offset, std::size_t bytes) {
                     reduce::copy(output_of(step, fused, target, offset), message + offset, bytes);
                   });
  if (fused.slot != nullptr) commit_fused(step, fused, part.bytes);
  inlet.release();
  return true;
}

bool Run::reduce(std::uint32_t index, std::uint32_t chunk) noexcept {
  const Step& step = plan_->steps[index];
  const Chunk part = chunk_of(step, chunk);
  const std::size_t peers = step.in.size();
  if (!straight_) {
    for (const std::uint32_t q : step.in_queues) {
      if (!at_head(q, index, chunk)) return false;
    }
  }
  for (std::size_t i = 0; i < peers; ++i) {
    const std::byte* message = step.in[i]->inlet->borrow(part.bytes, plan_->tag);
    if (message == nullptr) return false;
    operands_[i < step.own_operand ? i : i + 1] = message;
  }
  const Fused fused = lease_fused(step, chunk);
  const auto operand_count = static_cast<int>(peers + 1);
  std::size_t passed = 0;
  for_each_stretch(step, part,
                   [&](const std::byte* own, std::byte* target, std::size_t offset, std::size_t bytes) {
                     for (std::size_t i = 0; i <= peers && offset != passed; ++i)
                       operands_[i] += offset - passed;
                     passed = offset;
                     operands_[step.own_operand] = own;
                     plan_->kernel(output_of(step, fused, target, offset), operands_.data(), operand_count,
                                   bytes / plan_->element_bytes, step.divisor);
                   });
  if (fused.slot != nullptr) commit_fused(step, fused, part.bytes);
  for (Incoming* in : step.in) in->inlet->release();
  if (straight_) return true;
  for (const std::uint32_t q : step.in_queues) ++queues_[q].issued;
  finish(index);
  return true;
}

void Run::copy(const Step& step, std::uint32_t chunk) noexcept {
  for_each_stretch(step, chunk_of(step, chunk),
                   [&](const std::byte* source, std::byte* target, std::size_t, std::size_t bytes) {
                     reduce::copy({target, nullptr, step.store}, source, bytes);
                   });
}

}  // namespace tutti
