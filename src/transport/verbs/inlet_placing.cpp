// Expected messages: copied out of the ring, or written to their targets by the peer.
#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "transport/verbs/inlet.hpp"
#include "transport/verbs/stripe.hpp"

namespace tutti::verbs {
namespace {

/// Below, a copy out of the ring costs less than to tell the writer where to write.
constexpr std::size_t kAdvertised = 8 << 10;

}  // namespace

bool VerbsInlet::places_at(const std::byte* target, std::size_t bytes) const noexcept {
  if (!station_->takes_added() || (bytes <= kAdvertised && !station_->flushes().needed())) return false;
  const Registration* const memory = station_->registrations().find(target, bytes);
  return memory != nullptr && (bytes > kAdvertised || memory->is_of_gpu());
}

bool VerbsInlet::expect(std::byte* target, std::size_t bytes, Tag tag) noexcept {
  TUTTI_ASSERT(!asked_, bytes, tag);
  if (link_.broken() || expected_ - placed_ == kQueued) return false;
  expected(expected_++) = {target, bytes, tag, 0, false, 0, {}};
  place_expected();
  advertise();
  if (advertised_ != expected_ || gone()) station_->start(*this);
  return true;
}

void VerbsInlet::place_expected() noexcept {
  while (placed_ != expected_ && taken_ != arrived_ && !link_.broken()) {
    Expected& front = expected(placed_);
    if (!place_parcel(front)) return;
    if (front.moved < front.bytes) continue;
    ++messages_;
    ++placed_;
    advertised_ = std::max(advertised_, placed_);
  }
}

/// false: not all of it is here.
bool VerbsInlet::place_parcel(Expected& front) noexcept {
  const Word kind = next_kind();
  if (kind == Word::placed && !stripes_are_here(front)) return false;
  const bool long_one = front.bytes > slot_bytes_;
  const std::size_t payload = kind == Word::placed ? 0 : std::min(front.bytes - front.moved, slot_bytes_);
  const RingWalk::Place place = walk_.next(payload);
  const bool possible = kind == Word::placed ? front.advertised : (kind == Word::piece) == long_one;
  if (!possible || !matches(place, front.bytes, front.tag)) {
    mismatch(front.bytes, front.tag);
    return false;
  }
  if (const Registration* const memory = gpu_memory(front)) {
    if (kind != Word::placed) return link_.out_of_reach(front.bytes), false;
    if (!is_visible(*memory, front)) return false;
  }
  if (payload > 0)
    std::memcpy(front.target + front.moved, ring_.data() + place.offset + payload_offset(payload), payload);
  front.moved = kind == Word::placed ? front.bytes : front.moved + payload;
  take(place);
  return true;
}

/// Those that went beside the carrier; the parcel says how many.
bool VerbsInlet::stripes_are_here(const Expected& front) const noexcept {
  Stripes stripes = 0;
  std::memcpy(&stripes, ring_.data() + walk_.next(0).offset + kHeaderOffset - sizeof stripes, sizeof stripes);
  return front.stripes >= stripes;
}

/// What a device has written to a GPU's memory is there behind a flush, which begins now.
bool VerbsInlet::is_visible(const Registration& memory, Expected& front) noexcept {
  if (!front.flush) front.flush = station_->flushes().begin(memory, front.target);
  flushing_ = !front.flush || !station_->flushes().over(*front.flush);
  if (flushing_) station_->start(*this);
  return !flushing_;
}

/// nullptr: it goes to the host's.
const Registration* VerbsInlet::gpu_memory(const Expected& message) const noexcept {
  if (!station_->flushes().needed()) return nullptr;
  const Registration* const memory = station_->registrations().find(message.target, message.bytes);
  return memory != nullptr && memory->is_of_gpu() ? memory : nullptr;
}

bool VerbsInlet::wants_advert(const Expected& message) const noexcept {
  return message.bytes > slot_bytes_ || places_at(message.target, message.bytes);
}

void VerbsInlet::advertise() noexcept {
  if (!flowing()) return;
  for (; advertised_ != expected_; ++advertised_) {
    if (!wants_advert(expected(advertised_))) continue;
    if (!writer_ready_ || !send_advert(advertised_)) return;
  }
}

bool VerbsInlet::send_advert(std::uint64_t index) noexcept {
  if (index - placed_ >= kAdverts || !flowing() || !pair(carrier()).room(1)) return false;
  Expected& message = expected(index);
  Advert advert;
  advert.number = messages_ + (index - placed_);
  advert.bytes = message.bytes;
  advert.tag = message.tag;
  if (const Registration* const memory = station_->registrations().find(message.target, message.bytes)) {
    advert.address = reinterpret_cast<std::uintptr_t>(message.target);
    advert.keys = remote_keys(*memory);
  }
  message.advertised = true;
  const std::size_t offset = advert.number % kAdverts * sizeof advert;
  std::memcpy(outbox_.data() + offset, &advert, sizeof advert);
  pair(carrier()).write_and_tell({outbox_.data() + offset, &outbox_keys_, sizeof advert},
                                 {adverts_address_ + offset, &adverts_keys_},
                                 immediate_of(Word::advert, advert.number));
  post(carrier());
  return true;
}

}  // namespace tutti::verbs
