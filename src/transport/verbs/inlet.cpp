#include "transport/verbs/inlet.hpp"

#include <cstring>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::verbs {
namespace {

// Receives for all parcels that can be on their way and as many stripes; should more come, the device lets
// them wait. Any queue pair may become the carrier.
constexpr unsigned kReserve = QueuePair::kReserve;
constexpr QueuePair::Depth kDepth{kParcels + kReserve, 2 * kParcels + kReserve};

std::vector<std::shared_ptr<Device>> devices_of(const Station& station, const EndDescription& offer) {
  std::vector<std::shared_ptr<Device>> devices;
  for (unsigned i = 0; i < offer.pairs; ++i)
    devices.push_back(station.rails()[offer.pair[i].peers_rail].device);
  return unique(std::move(devices));
}

/// Credits are given in quarters of the ring; where it holds fewer slots the writer might then wait in vain.
std::size_t batch_of(std::size_t ring, int slots) {
  constexpr int kQuarters = 4;
  return slots < kQuarters ? 1 : ring / kQuarters;
}

}  // namespace

VerbsInlet::VerbsInlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline,
                       const EndDescription& offer, const Address& peer)
    : Inlet(false),
      End(std::move(station), std::move(link), std::move(lifeline)),
      slot_bytes_(station_->world().settings.verbs_slot_bytes),
      walk_(ring_bytes(slot_bytes_, station_->world().settings.verbs_slots)),
      ring_(devices_of(*station_, offer), walk_.capacity(), Use::ring, "the ring of " + link_.peer_text()),
      outbox_(devices_of(*station_, offer), kAdverts * sizeof(Advert), Use::source,
              "adverts to " + link_.peer_text()),
      adverts_address_(offer.memory),
      adverts_keys_(offer.memory_keys),
      return_bytes_(batch_of(walk_.capacity(), station_->world().settings.verbs_slots)) {
  for (unsigned i = 0; i < offer.pairs; ++i) add_pair(station_->rails()[offer.pair[i].peers_rail], kDepth);
  for (unsigned i = 0; i < offer.pairs; ++i)
    if (is_missing(offer.pair[i]))
      leave_out(i, fmt::format("{} has no queue pair on {}", link_.peer_text(),
                               peer.rails[offer.pair[i].own_rail].name));
  leave_out_without(ring_);
  leave_out_without(outbox_);
  leave_out_inactive();
  for (unsigned i = 0; i < offer.pairs; ++i)
    connect_pair(i, offer.pair[i].address, peer.rails[offer.pair[i].own_rail].port);
  need_one();
  outbox_keys_ = local_keys(outbox_.registration());
  peers_memory_ = {adverts_address_, &adverts_keys_};
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
  own.memory_keys = remote_keys(ring_.registration());
  for (unsigned i = 0; i < offer.pairs; ++i) own.pair[i].address = address_of(i);
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
  rescue();
  if (owed_ && flowing()) give_back();
  if (!writer_ready_ && usable()) hear();
  place_expected();
  advertise();
  look_for_peer();
  return !link_.broken() && (gone() || owed_ || needs_rescue() || flushing_ || advertised_ != expected_);
}

std::optional<std::string> VerbsInlet::due() const noexcept {
  if (placed_ != expected_) return fmt::format("{} messages were due", expected_ - placed_);
  if (asked_ && !given_ && taken_ == arrived_)
    return fmt::format("a message of {} bytes was due", asked_bytes_);
  return std::nullopt;
}

// Parcels.

void VerbsInlet::received(std::uint32_t immediate) noexcept {
  if (word_of(immediate) == Word::stripe) {
    const std::uint32_t which = ahead_of(messages_, immediate);
    if (which >= expected_ - placed_) return link_.out_of_order(immediate);
    ++expected(placed_ + which).stripes;
  } else {
    if (word_of(immediate) > Word::placed || ahead_of(arrived_, immediate) != 0)
      return link_.out_of_order(immediate);
    TUTTI_ASSERT(arrived_ - taken_ < kParcels, arrived_, taken_);
    kinds_[arrived_++ % kParcels] = word_of(immediate);
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
  owed_ = !flowing() || !pair(carrier()).room(1);
  if (owed_) return station_->start(*this);
  returned_ = taken_;
  returned_position_ = walk_.position();
  pair(carrier()).write_and_tell({}, peers_memory_, immediate_of(Word::credit, returned_));
  post(carrier());
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
    if (next_kind() != Word::whole || !matches(place, bytes, tag)) return mismatch(bytes, tag), nullptr;
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
