#include "transport/shm/outlet.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "transport/shm/claim.hpp"
#include "transport/shm/direct.hpp"
#include "transport/shm/small_copy.hpp"

namespace tutti::shm {
namespace {

/// An empty ring begins anew only after such a part of it: lines that are written again at once would be
/// taken back from a reader on another core.
constexpr std::uint64_t kRestartPart = 4;

/// The place of the next message is claimed if it is as short as the last one: more lines than these would be
/// on their way at once anyhow, and might push out what is needed sooner.
constexpr std::size_t kClaimed = 4 << 10;

/// Shorter messages come sooner through slots than the writer hears that they were read.
constexpr std::size_t kLeastLent = 32 << 10;

}  // namespace

ShmOutlet::ShmOutlet(std::shared_ptr<Station> station, Segment segment, std::vector<int> readers)
    : Outlet(segment.geometry().slot_bytes, false),
      small_(segment.small()),
      small_limit_(kSmallLines),
      large_limit_(kHeaders),
      byte_limit_(segment.geometry().ring_bytes()),
      walk_(segment.geometry().ring_bytes()),
      slots_(segment.slots()),
      headers_(segment.headers()),
      waits_(&segment.waits()),
      wait_words_(static_cast<std::uint16_t>((readers.size() + 63) / 64)),
      fenced_(station->neighbours.fenced()),
      restarts_(station->world.oversubscribed),
      station_(std::move(station)),
      segment_(std::move(segment)),
      readers_(std::move(readers)) {
  prefer_streaming(stores_.streaming());
  static_assert(sizeof(ShmOutlet) <= 5 * kLine + sizeof(ends_) + sizeof(lent_) + kLine,
                "what every message touches is its first half");
  station_->sleeper.enroll(*this);
}

ShmOutlet::~ShmOutlet() {
  station_->sleeper.dismiss(*this);
}

void ShmOutlet::commit(std::size_t bytes, Tag tag) noexcept {
  if (bytes <= kSmallBytes) {
    SmallLine& line = small_[small_sent_ % kSmallLines];
    // release: the payload is there before its header.
    line.header.store(small_header(++small_sent_, bytes, ordered(tag, large_sent_)),
                      std::memory_order_release);
    claim(&small_[small_sent_ % kSmallLines], kLine);
  } else {
    headers_[large_sent_ % kHeaders].restarts = std::exchange(restarted_, false) ? 1 : 0;
    walk_.advance(bytes);
    publish_large(bytes, {}, tag);
    if (bytes <= kClaimed && !restarts_) claim_next(bytes);
  }
  look_for_sleepers();
}

void ShmOutlet::claim_next(std::size_t bytes) noexcept {
  claim(&headers_[large_sent_ % kHeaders], kLine);
  if (stores_.of(bytes) == reduce::Store::plain) claim(slots_ + walk_.offset(), bytes);
}

void ShmOutlet::publish_large(std::size_t bytes, LentPlace lent, Tag tag) noexcept {
  LargeHeader& header = headers_[large_sent_ % kHeaders];
  header.bytes = bytes;
  header.lent_memory = lent.memory;
  header.lent_offset = lent.offset;
  ends_[large_sent_ % kHeaders] = walk_.position();
  // release: all of this, and the payload, are there before the header.
  header.header.store(large_header(++large_sent_, ordered(tag, small_sent_)), std::memory_order_release);
  if (restarts_) large_limit_ = large_sent_;  // so that the next one looks whether the ring is empty
}

void ShmOutlet::look_for_sleepers() noexcept {
  publisher_barrier(fenced_);
  // relaxed: only whether to ring; the barrier above orders it after the publication (fence.hpp).
  for (std::size_t word = 0; word < wait_words_; ++word)
    if (waits_->readers[word].load(std::memory_order_relaxed) != 0) [[unlikely]]
      ring(word);
}

bool ShmOutlet::send(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  std::byte* slot = lease(bytes);
  if (slot == nullptr) return false;
  if (bytes <= kSmallBytes) {
    copy_small(slot, data, bytes);
  } else {
    TUTTI_ASSERT(bytes <= slot_bytes(), bytes, slot_bytes());
    fill(slot, data, bytes);
  }
  commit(bytes, tag);
  return true;
}

bool ShmOutlet::takes(const std::byte* data, std::size_t bytes) const noexcept {
  return bytes >= kLeastLent && station_->lent.find(data, bytes).memory != 0 &&
         station_->lent.show(data, readers_);
}

bool ShmOutlet::lend(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  if (bytes <= kSmallBytes) return send(data, bytes, tag);  // the last piece of something longer
  if (large_sent_ == large_limit_ && !find_header()) return false;
  if (last_lent_ - first_lent_ == kHeaders) ++first_lent_;  // that one is read, since its header is free
  lent_[last_lent_++ % kHeaders] = {large_sent_ + 1, sent()};
  publish_elsewhere(bytes, station_->lent.find(data, bytes), tag);
  return true;
}

std::byte* ShmOutlet::lease_offered(std::uint64_t first, std::size_t offset, std::size_t bytes) noexcept {
  // acquire: what it says of the memory was written before. Each time, as a reader that leaves takes it back.
  if (segment_.offer().first.load(std::memory_order_acquire) != first + 1) return nullptr;
  if (offered_first_ != first) find_offer(first);
  const bool fits = offset <= offered_bytes_ && bytes <= offered_bytes_ - offset;
  if (!fits || bytes <= kSmallBytes) return nullptr;
  if (large_sent_ == large_limit_ && !find_header()) return nullptr;
  return offered_ + offset;
}

void ShmOutlet::find_offer(std::uint64_t first) noexcept {
  const OfferLine& line = segment_.offer();
  const std::size_t bytes = line.bytes;
  offered_ = station_->peers.find(readers_.front(), {line.memory, line.offset}, bytes);
  offered_bytes_ = offered_ == nullptr ? 0 : bytes;
  offered_first_ = first;
}

void ShmOutlet::commit_offered(std::size_t bytes, Tag tag) noexcept {
  publish_elsewhere(bytes, {kInPlace, 0}, tag);
}

void ShmOutlet::publish_elsewhere(std::size_t bytes, LentPlace place, Tag tag) noexcept {
  headers_[large_sent_ % kHeaders].restarts = 0;
  publish_large(bytes, place, tag);
  look_for_sleepers();
}

std::uint64_t ShmOutlet::completed_before_lent() noexcept {
  do {
    const std::uint64_t released = large_released();
    while (first_lent_ != last_lent_ && lent_[first_lent_ % kHeaders].number <= released) ++first_lent_;
    if (first_lent_ == last_lent_) return sent();
  } while (refuse());
  return lent_[first_lent_ % kHeaders].before;
}

void ShmOutlet::fill(std::byte* slot, const std::byte* data, std::size_t bytes) noexcept {
  std::size_t probed = 0;
  if (stores_.probes(bytes)) {
    probed = StoreChoice::kProbeBytes;
    // seq_cst, twice: without draining the store buffer a probe measures nothing but whether it had room.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto start = Clock::now();
    std::memcpy(slot, data, probed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    stores_.probed(Clock::now() - start);
    prefer_streaming(stores_.streaming());
  }
  reduce::copy({.first = slot + probed, .store_first = stores_.of(bytes)}, data + probed, bytes - probed);
}

bool ShmOutlet::find_small_room() noexcept {
  std::uint64_t released = ~std::uint64_t{0};
  // acquire: the readers have done with the lines before we write into them again.
  for (std::uint32_t i = 0; i < segment_.geometry().readers; ++i)
    released = std::min(released, segment_.readers()[i].small_released.load(std::memory_order_acquire));
  small_limit_ = released + kSmallLines;
  return small_sent_ != small_limit_ || (refuse() && find_small_room());
}

bool ShmOutlet::find_large_room(std::size_t bytes) noexcept {
  const std::uint64_t released = large_released();
  large_limit_ = released + kHeaders;
  if (restarts_ && released == large_sent_) restart();
  const std::uint64_t freed = released == 0 ? 0 : ends_[(released - 1) % kHeaders];
  byte_limit_ = freed + segment_.geometry().ring_bytes();
  const bool room = large_sent_ != large_limit_ && walk_.after(bytes) <= byte_limit_;
  return room || (refuse() && find_large_room(bytes));
}

bool ShmOutlet::find_header() noexcept {
  large_limit_ = large_released() + kHeaders;
  return large_sent_ != large_limit_ || (refuse() && find_header());
}

std::uint64_t ShmOutlet::large_released() const noexcept {
  std::uint64_t released = ~std::uint64_t{0};
  // acquire: the readers have done with the slots before we write into them again.
  for (std::uint32_t i = 0; i < segment_.geometry().readers; ++i)
    released = std::min(released, segment_.readers()[i].large_released.load(std::memory_order_acquire));
  return released;
}

void ShmOutlet::restart() noexcept {
  if (walk_.offset() < segment_.geometry().ring_bytes() / kRestartPart) return;
  walk_.restart();
  restarted_ = true;
  ends_[(large_sent_ - 1) % kHeaders] = walk_.position();  // what is skipped is free
}

std::unique_ptr<Reach> ShmOutlet::reach(const std::string& exposed) {
  return readers_.size() == 1 ? reach_directly(station_, readers_.front(), exposed) : nullptr;
}

// Whether to look once more: the rank is about to sleep, and did not know until now that it waits for this.
bool ShmOutlet::refuse() noexcept {
  refused_at_ = sent();
  if (!station_->sleeper.armed() || marked_) return false;
  mark();
  station_->sleeper.barrier();
  return true;
}

void ShmOutlet::mark() noexcept {
  if (refused_at_ != sent()) return;
  marked_ = true;
  // release: the bell was armed before; the caller's barrier orders the polls that follow.
  waits_->writer.store(1, std::memory_order_release);
}

void ShmOutlet::unmark() noexcept {
  if (!marked_) return;
  marked_ = false;
  waits_->writer.store(0, std::memory_order_relaxed);  // a reader that rings all the same does no harm
}

void ShmOutlet::ring(std::size_t word) noexcept {
  // acq_rel: after the publication; before it, whoever set the bits armed its bell.
  auto bits = waits_->readers[word].exchange(0, std::memory_order_acq_rel);
  for (; bits != 0; bits &= bits - 1) {
    const auto reader = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    if (reader < readers_.size()) station_->neighbours.ring(readers_[reader]);
  }
}

}  // namespace tutti::shm
