#include "transport/shm/inlet.hpp"

#include "transport/mismatch.hpp"

namespace tutti::shm {

ShmInlet::ShmInlet(std::shared_ptr<Station> station, Segment segment, int writer, std::uint32_t index)
    : Inlet(false),
      fenced_(station->neighbours.fenced()),
      walk_(segment.geometry().ring_bytes()),
      small_(segment.small()),
      own_(&segment.readers()[index]),
      waits_(&segment.waits()),
      headers_(segment.headers()),
      slots_(segment.slots()),
      writer_(writer),
      index_(index),
      station_(std::move(station)),
      segment_(std::move(segment)) {
  static_assert(sizeof(ShmInlet) <= 4 * kLine, "what every message touches is its first half");
  station_->sleeper.enroll(*this);
}

ShmInlet::~ShmInlet() {
  // relaxed: only that the writer begins nothing new there, if this is left in the middle of a call.
  if (segment_.geometry().readers == 1) segment_.offer().first.store(0, std::memory_order_relaxed);
  station_->sleeper.dismiss(*this);
}

void ShmInlet::release() noexcept {
  // release: this rank's reads of the payload come before the writer's next write into it.
  if (borrowed_small_) {
    own_->small_released.store(++small_taken_, std::memory_order_release);
  } else {
    if (borrowed_bytes_ != 0) walk_.advance(borrowed_bytes_);
    own_->large_released.store(++large_taken_, std::memory_order_release);
  }
  publisher_barrier(fenced_);
  // relaxed: only whether to ring; the barrier above orders it after the release (fence.hpp).
  if (waits_->writer.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    // acq_rel: after the release; before it, the writer armed its bell.
    if (waits_->writer.exchange(0, std::memory_order_acq_rel) != 0) station_->neighbours.ring(writer_);
  }
}

void ShmInlet::offer(std::uint64_t ahead, std::byte* target, std::size_t bytes) noexcept {
  const LentPlace place = station_->lent.find(target, bytes);
  if (place.memory == 0 || segment_.geometry().readers != 1) return;  // one line is for one reader
  if (!station_->lent.show(target, {&writer_, 1})) return;
  OfferLine& line = segment_.offer();
  line.memory = place.memory;
  line.offset = place.offset;
  line.bytes = bytes;
  // release: the rest is there before, and what this rank did with the memory.
  line.first.store(taken() + ahead + 1, std::memory_order_release);
}

const std::byte* ShmInlet::borrow_elsewhere(const LargeHeader& line, std::size_t bytes) noexcept {
  borrowed_bytes_ = 0;
  if (line.lent_memory == kInPlace) return in_place();
  return station_->peers.find(writer_, {line.lent_memory, line.lent_offset}, bytes);
}

const std::byte* ShmInlet::refuse_small(std::uint64_t header, std::size_t bytes, Tag tag) noexcept {
  note_refusal(bytes, tag);
  if (same_small_number(header, small_header(small_taken_ + 1, 0, 0))) [[unlikely]]
    report_mismatch((header >> 32) & 0xff, ordered(static_cast<Tag>(header), large_taken_));
  return look_again_if_armed();
}

const std::byte* ShmInlet::refuse_large(std::uint64_t header, std::size_t bytes, Tag tag) noexcept {
  note_refusal(bytes, tag);
  if (same_large_number(header, large_header(large_taken_ + 1, 0))) [[unlikely]]
    report_mismatch(headers_[large_taken_ % kHeaders].bytes, ordered(static_cast<Tag>(header), small_taken_));
  return look_again_if_armed();
}

void ShmInlet::note_refusal(std::size_t bytes, Tag tag) noexcept {
  refused_at_ = taken();
  refused_bytes_ = bytes;
  refused_tag_ = tag;
}

const std::byte* ShmInlet::look_again_if_armed() noexcept {
  if (!station_->sleeper.armed() || marked_) return nullptr;
  // The rank is about to sleep, and did not know until now that it waits for this: look once more.
  mark();
  station_->sleeper.barrier();
  return borrow(refused_bytes_, refused_tag_);
}

void ShmInlet::report_mismatch(std::uint64_t sent_bytes, Tag sent_tag) noexcept {
  if (broken_) return;
  broken_ = true;
  const auto& neighbours = station_->neighbours;
  const World& world = station_->world;
  neighbours.report(Code::invalid_usage, writer_,
                    mismatch_sentence(neighbours.name_of(writer_), {sent_bytes, sent_tag}, world.rank,
                                      {refused_bytes_, refused_tag_}, world.describe_tag));
}

void ShmInlet::mark() noexcept {
  if (refused_at_ != taken()) return;
  marked_ = true;
  // release: the bell was armed before; the caller's barrier orders the polls that follow.
  waits_->readers[index_ / 64].fetch_or(std::uint64_t{1} << (index_ % 64), std::memory_order_release);
}

void ShmInlet::unmark() noexcept {
  if (!marked_) return;
  marked_ = false;
  const std::uint64_t bit = std::uint64_t{1} << (index_ % 64);
  auto& word = waits_->readers[index_ / 64];
  // relaxed: a writer that rings all the same does no harm.
  if ((word.load(std::memory_order_relaxed) & bit) != 0) word.fetch_and(~bit, std::memory_order_relaxed);
}

// A message of the other ring is here while the awaited one is not: since the writer publishes in order, the
// next message is that one, and the writer thinks of another length.
void ShmInlet::inspect() noexcept {
  if (refused_at_ != taken()) return;
  const std::uint64_t small_awaited = small_header(small_taken_ + 1, 0, 0);
  const std::uint64_t large_awaited = large_header(large_taken_ + 1, 0);
  const SmallLine& small = small_[small_taken_ % kSmallLines];
  const LargeHeader& large = headers_[large_taken_ % kHeaders];
  // acquire, and the other ring first: what it shows was published after all that came before.
  if (refused_bytes_ > kSmallBytes) {
    const std::uint64_t header = small.header.load(std::memory_order_acquire);
    if (same_small_number(header, small_awaited) &&
        !same_large_number(large.header.load(std::memory_order_acquire), large_awaited))
      report_mismatch((header >> 32) & 0xff, ordered(static_cast<Tag>(header), large_taken_));
  } else {
    const std::uint64_t header = large.header.load(std::memory_order_acquire);
    if (same_large_number(header, large_awaited) &&
        !same_small_number(small.header.load(std::memory_order_acquire), small_awaited))
      report_mismatch(large.bytes, ordered(static_cast<Tag>(header), small_taken_));
  }
}

}  // namespace tutti::shm
