#include "transport/verbs/inlet.hpp"

#include <cstring>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::verbs {
namespace {

// A receive for each parcel that can be on its way, anew before the parcel is given back.
constexpr QueuePair::Depth kRingDepth{kParcels, 2 * kParcels};
constexpr QueuePair::Depth kOtherDepth{1, kParcels};
constexpr unsigned kOtherBatch = 16;  // receives posted anew at once, of the other queue pairs

/// Credits are given in quarters of the ring; where it holds fewer slots the writer might then wait in vain.
std::size_t batch_of(std::size_t ring, int slots) {
  constexpr int kQuarters = 4;
  return slots < kQuarters ? 1 : ring / kQuarters;
}

}  // namespace

VerbsInlet::VerbsInlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline,
                       const EndDescription& offer, const Address& peer)
    : Inlet(station->world().settings.verbs_zero_copy),
      End(std::move(station), std::move(link), std::move(lifeline)),
      slot_bytes_(station_->world().settings.verbs_slot_bytes),
      walk_(ring_bytes(slot_bytes_, station_->world().settings.verbs_slots)),
      ring_(*station_->rails()[offer.pair[0].peers_rail].device, walk_.capacity(),
            IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, "the ring of " + link_.peer_text()),
      outbox_(*station_->rails()[offer.pair[0].peers_rail].device, kAdverts * sizeof(Advert),
              IBV_ACCESS_LOCAL_WRITE, "adverts to " + link_.peer_text()),
      adverts_address_(offer.memory),
      adverts_key_(offer.memory_key),
      return_bytes_(batch_of(walk_.capacity(), station_->world().settings.verbs_slots)) {
  for (unsigned i = 0; i < offer.pairs; ++i) {
    add_pair(station_->rails()[offer.pair[i].peers_rail], i == 0 ? kRingDepth : kOtherDepth);
    pair(i).connect(offer.pair[i].address, peer.rails[offer.pair[i].own_rail].port, link_.peer_text(),
                    station_->world().settings);
  }
  answer(offer);
}

VerbsInlet::~VerbsInlet() {
  close();
}

// The buffer of a socket that has carried nothing takes it whole.
void VerbsInlet::answer(const EndDescription& offer) {
  EndDescription own = offer;
  own.answer = 1;
  own.memory = reinterpret_cast<std::uintptr_t>(ring_.data());
  own.memory_bytes = walk_.capacity();
  own.memory_key = ring_.remote_key();
  for (unsigned i = 0; i < offer.pairs; ++i) own.pair[i].address = pair(i).address();
  const EndBytes bytes = encode(own, station_->world().sign);
  if (tcp::write_some(lifeline_.get(), bytes.data(), bytes.size()).broken()) leave();
}

void VerbsInlet::hear() noexcept {
  std::byte ready{};
  const tcp::Moved moved = tcp::read_some(lifeline_.get(), &ready, 1);
  if (moved.bytes > 0) {
    writer_ready_ = true;
    advertise();
  }
  if (moved.broken()) leave();
}

bool VerbsInlet::pump() noexcept {
  if (owed_ && usable()) give_back();
  if (!writer_ready_ && usable()) hear();
  place_expected();
  advertise();
  look_for_peer();
  return !link_.broken() && (gone() || owed_ || advertised_ != expected_);
}

std::optional<std::string> VerbsInlet::due() const noexcept {
  if (placed_ != expected_) return fmt::format("{} messages were due", expected_ - placed_);
  if (asked_ && !given_ && taken_ == arrived_)
    return fmt::format("a message of {} bytes was due", asked_bytes_);
  return std::nullopt;
}

// Parcels.

void VerbsInlet::received(unsigned index, std::uint32_t immediate) noexcept {
  if (index == 0) {
    TUTTI_ASSERT(arrived_ - taken_ < kParcels, arrived_, taken_);
    kinds_[arrived_++ % kParcels] = kind_of(immediate);
  } else if (++pieces_come_[index] % kOtherBatch == 0) {
    receive(index, kOtherBatch);
  }
  if (placed_ != expected_) place_expected();
}

const Header* VerbsInlet::header_at(std::size_t offset) const noexcept {
  return reinterpret_cast<const Header*>(ring_.data() + offset + kHeaderOffset);
}

bool VerbsInlet::matches(const RingWalk::Place& place, std::size_t bytes, Tag tag) const noexcept {
  const Header& header = *header_at(place.offset);
  return header.number == static_cast<std::uint32_t>(messages_) && header.bytes == bytes && header.tag == tag;
}

// What came is of another length, so that it may lie elsewhere: where it would be if it fitted before the
// end, or at the beginning.
void VerbsInlet::mismatch(std::size_t bytes, Tag tag) noexcept {
  for (const std::size_t offset : {walk_.offset(), std::size_t{0}}) {
    if (offset + kLine > walk_.capacity()) continue;
    const Header* const header = header_at(offset);
    if (header->number == static_cast<std::uint32_t>(messages_) &&
        (header->bytes != bytes || header->tag != tag))
      return link_.mismatched(header, bytes, tag);
  }
  link_.mismatched(nullptr, bytes, tag);
}

void VerbsInlet::take(const RingWalk::Place& place) noexcept {
  walk_.pass(place);
  ++taken_;
  const bool many = taken_ - returned_ >= kParcels / 4;
  if (many || walk_.position() - returned_position_ >= return_bytes_) give_back();
}

void VerbsInlet::give_back() noexcept {
  owed_ = !pair(0).room(1);
  if (!usable() || owed_) return station_->start(*this);
  receive(0, static_cast<unsigned>(taken_ - returned_));
  returned_ = taken_;
  returned_position_ = walk_.position();
  pair(0).write_and_tell({}, {adverts_address_, adverts_key_},
                         static_cast<std::uint32_t>(returned_) & ~kAdvertBit);
  post(0);
}

// Borrowing.

const std::byte* VerbsInlet::borrow(std::size_t bytes, Tag tag) noexcept {
  TUTTI_ASSERT(bytes <= slot_bytes_, bytes, slot_bytes_);
  if (link_.broken()) return nullptr;
  const RingWalk::Place place = walk_.next(bytes);
  if (!given_) {
    asked_ = true;
    asked_bytes_ = bytes;
    asked_tag_ = tag;
    if (placed_ != expected_ || taken_ == arrived_) return nullptr;
    if (next_kind() != Parcel::whole || !matches(place, bytes, tag)) return mismatch(bytes, tag), nullptr;
    given_ = true;
  }
  return ring_.data() + place.offset + payload_offset(bytes);
}

void VerbsInlet::release() noexcept {
  if (!given_) return;
  given_ = asked_ = false;
  ++messages_;
  take(walk_.next(asked_bytes_));
}

}  // namespace tutti::verbs
