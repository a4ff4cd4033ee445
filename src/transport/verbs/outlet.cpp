#include "transport/verbs/outlet.hpp"

#include <cstring>
#include <random>

#include <sys/socket.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::verbs {
namespace {

// As many requests as parcels can be on their way, twice: those that the reader has given back stay in the
// queue until a completion is looked at. The reader's words: a credit for each parcel at worst, and adverts.
constexpr QueuePair::Depth kRingDepth{2 * kParcels, kParcels + 4 * kAdverts};
constexpr QueuePair::Depth kOtherDepth{kParcels, 1};

std::uint64_t random_number() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

VerbsOutlet::VerbsOutlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline, int lane,
                         const Address& peer, std::span<const RailPair> rails)
    : Outlet(station->world().settings.verbs_slot_bytes, station->world().settings.verbs_zero_copy),
      End(std::move(station), std::move(link), std::move(lifeline)),
      peer_(peer),
      slot_bytes_(slot_bytes()),
      staging_(*station_->rails()[rails.front().own].device,
               ring_bytes(slot_bytes_, station_->world().settings.verbs_slots), IBV_ACCESS_LOCAL_WRITE,
               "the slots towards " + link_.peer_text()),
      adverts_(*station_->rails()[rails.front().own].device, kAdverts * sizeof(Advert),
               IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, "the adverts of " + link_.peer_text()),
      walk_(ring_bytes(slot_bytes_, station_->world().settings.verbs_slots)) {
  const World& world = station_->world();
  offer_.communicator = world.communicator;
  offer_.nonce = random_number();
  offer_.writer = world.rank;
  offer_.reader = link_.peer();
  offer_.lane = lane;
  offer_.pairs = static_cast<std::uint32_t>(world.settings.verbs_queue_pairs);
  offer_.memory = reinterpret_cast<std::uintptr_t>(adverts_.data());
  offer_.memory_bytes = adverts_.bytes();
  offer_.memory_key = adverts_.remote_key();
  for (unsigned i = 0; i < offer_.pairs; ++i) {
    const RailPair& rail = rails[i % rails.size()];
    add_pair(station_->rails()[rail.own], i == 0 ? kRingDepth : kOtherDepth);
    offer_.pair[i] = {pair(i).address(), static_cast<std::uint16_t>(rail.own),
                      static_cast<std::uint16_t>(rail.peers)};
  }
  station_->start(*this);
}

VerbsOutlet::~VerbsOutlet() {
  linger();
  close();
}

std::string VerbsOutlet::path() const {
  const auto& rails = station_->rails();
  return fmt::format("{} to {}", rails[offer_.pair[0].own_rail].name(),
                     peer_.rails[offer_.pair[0].peers_rail].name);
}

// Setting up.

void VerbsOutlet::hear() noexcept {
  if (connected_) {  // the reader says nothing more: this is its end
    char byte = 0;
    if (const tcp::Moved moved = tcp::read_some(lifeline_.get(), &byte, 1); moved.broken()) leave();
    return;
  }
  if (!usable()) return;
  switch (answer_.read(lifeline_.get())) {
    case EndReader::Verdict::wait: return;
    case EndReader::Verdict::closed: return leave();
    case EndReader::Verdict::complete: break;
  }
  const auto answer = parse(answer_.bytes(), station_->world());
  if (!answer || answer->answer == 0 || answer->nonce != offer_.nonce || answer->pairs != offer_.pairs ||
      answer->memory_bytes < walk_.capacity())
    return link_.set_up_failed(
        "its answer is not that of a member of this communicator with the same settings");
  try {
    finish_set_up(*answer);
  } catch (const std::exception& error) {
    link_.set_up_failed(error.what());
  }
}

void VerbsOutlet::finish_set_up(const EndDescription& answer) {
  for (unsigned i = 0; i < pairs(); ++i)
    pair(i).connect(answer.pair[i].address, peer_.rails[offer_.pair[i].peers_rail].port, link_.peer_text(),
                    station_->world().settings);
  ring_address_ = answer.memory;
  ring_key_ = answer.memory_key;
  connected_ = true;
  const std::byte ready{1};  // the reader's adverts may come
  if (tcp::write_some(lifeline_.get(), &ready, 1).broken()) leave();
}

// The ring.

bool VerbsOutlet::fits(const RingWalk::Place& place, unsigned requests) noexcept {
  const std::uint64_t tail = released_ == 0 ? 0 : ends_[(released_ - 1) % kParcels];
  const bool room = parcels_ - released_ < kParcels && place.end - tail <= walk_.capacity();
  if (room && pair(0).room(requests)) return true;
  refused_ = true;
  return false;
}

std::byte* VerbsOutlet::lease(std::size_t bytes) noexcept {
  TUTTI_ASSERT(bytes <= slot_bytes_, bytes);
  if (!connected_ || !usable() || unposted_ != last_) {
    refused_ = true;
    return nullptr;
  }
  leased_ = walk_.next(bytes);
  if (!fits(leased_, 1)) return nullptr;
  return staging_.data() + leased_.offset + payload_offset(bytes);
}

void VerbsOutlet::commit(std::size_t bytes, Tag tag) noexcept {
  if (link_.broken()) return;
  launch(leased_, bytes, {bytes, tag, static_cast<std::uint32_t>(sent_)}, Parcel::whole, nullptr);
  ++sent_;
}

/// `from`: a registered message whose next bytes the device takes from where they lie; else the payload is in
/// the staging memory.
void VerbsOutlet::launch(const RingWalk::Place& place, std::size_t payload, const Header& header, Parcel kind,
                         const Message* from) noexcept {
  std::size_t before =
      payload > kSmallBytes ? 0 : (payload + 7) / 8 * 8;  // of the write, in front of the header
  if (from != nullptr && payload > 0) {
    const ibv_mr* const region = from->memory->region(*pair(0).rail().device);
    pair(0).write({from->data + from->moved, region->lkey, static_cast<std::uint32_t>(payload)},
                  {ring_address_ + place.offset + payload_offset(payload), ring_key_});
    before = 0;
    payload = 0;
  }
  collect_header(place, payload, header, kind, before);
  if (from != nullptr) pair(0).signal();
  refused_ = false;
  post(0);
}

/// The write of a header and the payload beside it, as the next parcel.
void VerbsOutlet::collect_header(const RingWalk::Place& place, std::size_t payload, const Header& header,
                                 Parcel kind, std::size_t before) noexcept {
  const std::size_t begin = place.offset + kHeaderOffset - before;
  std::memcpy(staging_.data() + place.offset + kHeaderOffset, &header, sizeof header);
  const std::size_t behind = payload > kSmallBytes ? payload : 0;
  pair(0).write_and_tell({staging_.data() + begin, staging_.local_key(),
                          static_cast<std::uint32_t>(before + sizeof header + behind)},
                         {ring_address_ + begin, ring_key_}, immediate_of(kind, parcels_));
  walk_.pass(place);
  ends_[parcels_++ % kParcels] = place.end;
}

void VerbsOutlet::received(unsigned, std::uint32_t immediate) noexcept {
  if ((immediate & kAdvertBit) != 0)
    ++adverts_come_;
  else
    released_ += (immediate - static_cast<std::uint32_t>(released_)) & ~kAdvertBit;
  refused_ = false;
  constexpr unsigned kBatch = 16;
  if (++heard_ == kBatch) {
    receive(0, kBatch);
    heard_ = 0;
  }
}

// What is under way.

bool VerbsOutlet::pump() noexcept {
  if (!connected_ && usable()) hear();
  if (connected_ && usable()) push();
  look_for_peer();
  return !link_.broken() && (!connected_ || gone() || unposted_ != last_);
}

std::optional<std::string> VerbsOutlet::due() const noexcept {
  if (last_ != first_) return fmt::format("{} messages to it were under way", last_ - first_);
  if (refused_) return std::string("a message to it waited for room");
  return std::nullopt;
}

// What was copied into the ring needs nobody here any more, but the queue pair to be there until the reader's
// device has it.
void VerbsOutlet::linger() noexcept {
  constexpr int kPatience_ms = 2000;
  constexpr int kSpins = 1000;
  constexpr int kNap_ms = 10;
  const auto over = [&] {
    for (unsigned i = 0; i < pairs(); ++i)
      if (pair(i).reaped() != pair(i).posted()) return false;
    return true;
  };
  if (!connected_ || !usable() || link_.failure().failed()) return;
  station_->progress();
  for (unsigned i = 0; i < pairs() && !over(); ++i) {
    if (!pair(i).room(1)) continue;
    pair(i).write({}, {ring_address_, ring_key_});  // nothing, but after everything
    pair(i).signal();
    post(i);
  }
  const Deadline deadline = after_ms(kPatience_ms);
  for (int spins = 0; !over() && usable() && !link_.failure().failed() && !passed(deadline); ++spins) {
    if (spins > kSpins) {
      station_->arm();
      station_->progress();
      if (!over()) station_->sleep(kNap_ms);
      station_->disarm();
    }
    station_->progress();
  }
}

}  // namespace tutti::verbs
