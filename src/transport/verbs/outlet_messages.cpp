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

bool VerbsOutlet::takes(const std::byte* data, std::size_t bytes) const noexcept {
  return station_->takes_added() && bytes > kCopied && station_->registrations().find(data, bytes) != nullptr;
}

bool VerbsOutlet::send(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  const bool as_it_lies = takes(data, bytes);
  if (!as_it_lies && bytes <= slot_bytes_ && unposted_ == last_) {
    std::byte* const slot = lease(bytes);
    if (slot == nullptr) return false;
    if (bytes > 0) std::memcpy(slot, data, bytes);
    commit(bytes, tag);
    return true;
  }
  if (!station_->takes_added() || !flowing() || last_ - first_ == kQueued) {
    refused_ = true;
    return false;
  }
  Message& added = message(last_++);
  added = {};
  added.data = data;
  added.bytes = bytes;
  added.tag = tag;
  added.number = sent_++;
  added.registered = as_it_lies;
  if (as_it_lies) added.keys = local_keys(*station_->registrations().find(data, bytes));
  for (unsigned i = 0; i < pairs(); ++i) added.posted[i] = pair(i).reaped();
  push();
  if (unposted_ != last_) station_->start(*this);
  return true;
}

std::uint64_t VerbsOutlet::completed() noexcept {
  return first_ == last_ ? sent_ : message(first_).number;
}

void VerbsOutlet::push() noexcept {
  while (connected_ && unposted_ != last_ && flowing() && advance(message(unposted_))) ++unposted_;
  sent();
}

void VerbsOutlet::sent() noexcept {
  while (first_ != unposted_ && acknowledged(message(first_))) ++first_;
}

/// true: all of it is posted.
bool VerbsOutlet::advance(Message& message) noexcept {
  if (message.moved == 0 && !choose_way(message)) return false;
  return message.advert.address != 0 ? advance_directly(message) : advance_in_ring(message);
}

/// Decides which way it goes: anew until something of it is posted, as an advert may come while it waits for
/// room. false: not yet.
bool VerbsOutlet::choose_way(Message& message) noexcept {
  if (!message.registered) return true;
  const std::size_t place = message.number % kAdverts;
  // A longer one than a slot is sure to have an advert.
  if (adverts_come_[place] != message.number + 1) return message.bytes <= slot_bytes_;
  std::memcpy(&message.advert, adverts_.data() + place * sizeof(Advert), sizeof(Advert));
  if (message.advert.bytes != message.bytes || message.advert.tag != message.tag)
    message.advert.address = 0;  // the reader sees from the header what is wrong
  return true;
}

bool VerbsOutlet::advance_in_ring(Message& message) noexcept {
  const Word kind = message.bytes <= slot_bytes_ ? Word::whole : Word::piece;
  const Header header{message.bytes, message.tag, static_cast<std::uint32_t>(message.number)};
  do {
    const std::size_t payload = std::min(message.bytes - message.moved, slot_bytes_);
    const RingWalk::Place place = walk_.next(payload);
    if (!flowing() || !fits(place, 2)) return false;
    if (!message.registered && payload > 0)
      std::memcpy(staging_.data() + place.offset + payload_offset(payload), message.data + message.moved,
                  payload);
    launch(place, payload, header, kind, message.registered ? &message : nullptr);
    message.moved += payload;
  } while (message.moved < message.bytes);
  if (message.registered) note_posted(message);
  return true;
}

// Rounds over all queue pairs. The last one ends with a parcel that says so, and how many stripes went beside
// the carrier: those tell of themselves, and the reader counts them.
bool VerbsOutlet::advance_directly(Message& message) noexcept {
  const unsigned width = std::min(width_, route_length());
  while (message.moved < message.bytes) {
    const std::size_t bytes = round_bytes(message.bytes, message.moved, width);
    const bool last = message.moved + bytes == message.bytes;
    if (!flowing() || (last && !fits(walk_.next(0), 2))) return false;
    for (unsigned i = 0; i < width; ++i)
      if (!pair(route()[i]).room(1)) return false;
    post_round(message, bytes, width);
    message.moved += bytes;
    refused_ = false;
  }
  note_posted(message);
  ++direct_;
  return true;
}

// The carrier comes last: its parcel knows the number of the other ones. What fails here stays in the logs of
// its queue pair, and the route as it is until everything is repeated.
void VerbsOutlet::post_round(Message& message, std::size_t bytes, unsigned width) noexcept {
  const bool last = message.moved + bytes == message.bytes;
  for (unsigned i = width; i-- > 0;) {
    const Stripe part = stripe(bytes, i, width);
    if (part.bytes == 0 && !(last && i == 0)) continue;
    QueuePair& on = pair(route()[i]);
    const std::size_t offset = message.moved + part.offset;
    const Local from{message.data + offset, &message.keys, static_cast<std::uint32_t>(part.bytes)};
    const Remote to{message.advert.address + offset, &message.advert.keys};
    if (i > 0) {
      ++message.stripes;
      on.write_and_tell(from, to, immediate_of(Word::stripe, message.number));
    } else if (part.bytes > 0) {
      on.write(from, to);
    }
    if (last && i == 0) {
      const RingWalk::Place place = walk_.next(0);
      std::memcpy(staging_.data() + place.offset + kHeaderOffset - sizeof(Stripes), &message.stripes,
                  sizeof(Stripes));
      collect_header(place, 0, {message.bytes, message.tag, static_cast<std::uint32_t>(message.number)},
                     Word::placed, sizeof(Stripes));
    }
    on.signal();
    post(route()[i]);
  }
}

/// It is over when everything posted so far is acknowledged; its last requests have asked for it.
void VerbsOutlet::note_posted(Message& message) noexcept {
  for (unsigned i = 0; i < pairs(); ++i) message.posted[i] = pair(i).signalled();
}

/// Whatever went again went for these.
void VerbsOutlet::moved(unsigned to) noexcept {
  for (std::uint64_t i = first_; i != last_; ++i) message(i).posted[to] = pair(to).signalled();
}

/// What a queue pair owed that is gone, another has taken over.
bool VerbsOutlet::acknowledged(const Message& message) noexcept {
  for (unsigned i = 0; i < pairs(); ++i)
    if (!is_gone(i) && static_cast<std::int32_t>(pair(i).reaped() - message.posted[i]) < 0) return false;
  return true;
}

}  // namespace tutti::verbs
