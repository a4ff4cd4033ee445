// The messages that send() takes, and how they go.
#include <algorithm>
#include <cstring>

#include "transport/verbs/outlet.hpp"
#include "transport/verbs/stripe.hpp"

namespace tutti::verbs {
namespace {

/// Up to here a copy into the ring costs less than to wait for the device's acknowledgement.
constexpr std::size_t kCopied = 8 << 10;

}  // namespace

bool VerbsOutlet::send(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  const bool copied = !zero_copy() || bytes <= kCopied;
  if (copied && unposted_ == last_) {
    std::byte* const slot = lease(bytes);
    if (slot == nullptr) return false;
    if (bytes > 0) std::memcpy(slot, data, bytes);
    commit(bytes, tag);
    return true;
  }
  if (!zero_copy() || !usable() || last_ - first_ == kQueued) {
    refused_ = true;
    return false;
  }
  Message& added = message(last_++);
  added = {};
  added.data = data;
  added.bytes = bytes;
  added.tag = tag;
  added.number = sent_++;
  push();
  if (unposted_ != last_) station_->start(*this);
  return true;
}

std::uint64_t VerbsOutlet::completed() noexcept {
  return first_ == last_ ? sent_ : message(first_).number;
}

void VerbsOutlet::push() noexcept {
  while (connected_ && unposted_ != last_ && !link_.broken() && advance(message(unposted_))) ++unposted_;
  sent();
}

void VerbsOutlet::sent() noexcept {
  while (first_ != unposted_ && acknowledged(message(first_))) ++first_;
}

/// true: all of it is posted.
bool VerbsOutlet::advance(Message& message) noexcept {
  if (!message.begun && !begin(message)) return false;
  return message.advert.address != 0 ? advance_directly(message) : advance_in_ring(message);
}

/// Decides which way it goes. false: not yet.
bool VerbsOutlet::begin(Message& message) noexcept {
  while (adverts_used_ != adverts_come_) {
    Advert advert;
    std::memcpy(&advert, adverts_.data() + adverts_used_ % kAdverts * sizeof advert, sizeof advert);
    if (advert.number > message.number) break;
    ++adverts_used_;  // older: that message has gone into the ring before it came
    if (advert.number == message.number) {
      message.advert = advert;
      message.begun = true;
      break;
    }
  }
  message.memory =
      message.bytes > kCopied ? station_->registrations().find(message.data, message.bytes) : nullptr;
  if (message.memory == nullptr || message.advert.bytes != message.bytes || message.advert.tag != message.tag)
    message.advert.address = 0;  // the reader sees from the header what is wrong
  // A longer one than a slot is sure to have an advert.
  message.begun = message.begun || message.memory == nullptr || message.bytes <= slot_bytes_;
  for (unsigned i = 0; i < pairs(); ++i) message.posted[i] = pair(i).reaped();
  return message.begun;
}

bool VerbsOutlet::advance_in_ring(Message& message) noexcept {
  const Parcel kind = message.bytes <= slot_bytes_ ? Parcel::whole : Parcel::piece;
  const Header header{message.bytes, message.tag, static_cast<std::uint32_t>(message.number)};
  do {
    const std::size_t payload = std::min(message.bytes - message.moved, slot_bytes_);
    const RingWalk::Place place = walk_.next(payload);
    if (!fits(place, 2)) return false;
    if (message.memory == nullptr && payload > 0)
      std::memcpy(staging_.data() + place.offset + payload_offset(payload), message.data + message.moved,
                  payload);
    launch(place, payload, header, kind, message.memory == nullptr ? nullptr : &message);
    message.moved += payload;
  } while (message.moved < message.bytes && !link_.broken());
  if (message.memory != nullptr) note_posted(message);
  return true;
}

// Rounds over all queue pairs. The last one ends with a parcel that says so; pieces on other pairs than the
// ring's are counted by the reader.
bool VerbsOutlet::advance_directly(Message& message) noexcept {
  while (message.moved < message.bytes) {
    const std::size_t round = round_bytes(message.bytes, message.moved, pairs());
    const bool last = message.moved + round == message.bytes;
    const RingWalk::Place place = walk_.next(0);
    if (last && !fits(place, 2)) return false;
    for (unsigned i = 0; i < pairs(); ++i)
      if (!pair(i).room(1)) return false;
    for (unsigned i = 0; i < pairs(); ++i) {
      const Stripe part = stripe(round, i, pairs());
      const ibv_mr* const region = message.memory->region(*pair(i).rail().device);
      const std::size_t offset = message.moved + part.offset;
      const Local from{message.data + offset, region->lkey, static_cast<std::uint32_t>(part.bytes)};
      const Remote to{message.advert.address + offset, message.advert.keys[i]};
      if (part.bytes > 0 && i == 0) pair(i).write(from, to);
      if (part.bytes > 0 && i > 0)
        pair(i).write_and_tell(from, to, static_cast<std::uint32_t>(message.number));
      if (last && i == 0)
        collect_header(place, 0, {message.bytes, message.tag, static_cast<std::uint32_t>(message.number)},
                       Parcel::placed, 0);
      if (part.bytes > 0 || (last && i == 0)) pair(i).signal();
      post(i);
    }
    message.moved += round;
    refused_ = false;
  }
  note_posted(message);
  return true;
}

/// It is over when everything posted so far is acknowledged; the requests have asked for it.
void VerbsOutlet::note_posted(Message& message) noexcept {
  for (unsigned i = 0; i < pairs(); ++i) message.posted[i] = pair(i).posted();
}

bool VerbsOutlet::acknowledged(const Message& message) noexcept {
  for (unsigned i = 0; i < pairs(); ++i)
    if (static_cast<std::int32_t>(pair(i).reaped() - message.posted[i]) < 0) return false;
  return true;
}

}  // namespace tutti::verbs
