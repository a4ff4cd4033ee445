#include "transport/verbs/outlet.hpp"

#include <cstring>
#include <random>

#include <sys/socket.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::verbs {
namespace {

// As many requests as parcels can be on their way, twice: those that the reader has given back stay in the
// queue until a completion is looked at. The reader's words: a credit for each parcel at worst, and adverts.
// Any queue pair may become the carrier.
constexpr unsigned kReserve = QueuePair::kReserve;
constexpr QueuePair::Depth kDepth{2 * kParcels + kReserve, kParcels + 4 * kAdverts + kReserve};

/// As many queue pairs as the settings say, and one more where they would all be on one rail though there are
/// others. One after the other.
std::vector<RailPair> spread(std::span<const RailPair> rails, const Settings& settings) {
  auto count = static_cast<std::size_t>(settings.verbs_queue_pairs);
  if (count == 1 && rails.size() > 1 && settings.verbs_failover) count = 2;
  std::vector<RailPair> pairs;
  for (std::size_t i = 0; i < count; ++i) pairs.push_back(rails[i % rails.size()]);
  return pairs;
}

std::vector<std::shared_ptr<Device>> devices_of(const Station& station, std::span<const RailPair> pairs) {
  std::vector<std::shared_ptr<Device>> devices;
  for (const RailPair& pair : pairs) devices.push_back(station.rails()[pair.own].device);
  return unique(std::move(devices));
}

std::uint64_t random_number() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

VerbsOutlet::VerbsOutlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline, int lane,
                         const Address& peer, std::span<const RailPair> rails)
    : Outlet(station->world().settings.verbs_slot_bytes, false),
      End(std::move(station), std::move(link), std::move(lifeline)),
      peer_(peer),
      slot_bytes_(slot_bytes()),
      width_(static_cast<unsigned>(station_->world().settings.verbs_queue_pairs)),
      staging_(devices_of(*station_, spread(rails, station_->world().settings)),
               ring_bytes(slot_bytes_, station_->world().settings.verbs_slots), Use::source,
               "the slots towards " + link_.peer_text()),
      adverts_(devices_of(*station_, spread(rails, station_->world().settings)), kAdverts * sizeof(Advert),
               Use::mailbox, "the adverts of " + link_.peer_text()),
      walk_(ring_bytes(slot_bytes_, station_->world().settings.verbs_slots)) {
  const World& world = station_->world();
  offer_.communicator = world.communicator;
  offer_.nonce = random_number();
  offer_.writer = world.rank;
  offer_.reader = link_.peer();
  offer_.lane = lane;
  const std::vector<RailPair> pairs = spread(rails, world.settings);
  offer_.pairs = static_cast<std::uint32_t>(pairs.size());
  offer_.memory = reinterpret_cast<std::uintptr_t>(adverts_.data());
  offer_.memory_bytes = adverts_.bytes();
  for (unsigned i = 0; i < offer_.pairs; ++i) {
    const RailPair& rail = pairs[i];
    add_pair(station_->rails()[rail.own], kDepth);
    offer_.pair[i] = {{}, static_cast<std::uint16_t>(rail.own), static_cast<std::uint16_t>(rail.peers)};
  }
  leave_out_without(staging_);
  leave_out_without(adverts_);
  leave_out_inactive();
  need_one();
  for (unsigned i = 0; i < offer_.pairs; ++i) offer_.pair[i].address = address_of(i);
  offer_.memory_keys = remote_keys(adverts_.registration());
  staging_keys_ = local_keys(staging_.registration());
  station_->start(*this);
}

VerbsOutlet::~VerbsOutlet() {
  linger();
  TUTTI_LOG(debug, "verbs: {}: {} of {} messages went from registered memory to registered memory",
            link_.text(), direct_, sent_);
  close();
}

std::string VerbsOutlet::path() const {
  const auto& rails = station_->rails();
  const EndDescription::Pair& first = offer_.pair[carrier()];
  return fmt::format("{} to {}", rails[first.own_rail].name(), peer_.rails[first.peers_rail].name);
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
    if (is_missing(answer.pair[i]))
      leave_out(i, fmt::format("{} has no queue pair on {}", link_.peer_text(),
                               peer_.rails[offer_.pair[i].peers_rail].name));
  need_one();
  for (unsigned i = 0; i < pairs(); ++i)
    connect_pair(i, answer.pair[i].address, peer_.rails[offer_.pair[i].peers_rail].port);
  ring_address_ = answer.memory;
  ring_keys_ = answer.memory_keys;
  peers_memory_ = {ring_address_, &ring_keys_};
  connected_ = true;
  const std::byte ready{1};  // the reader's adverts may come
  if (tcp::write_some(lifeline_.get(), &ready, 1).broken()) leave();
}

// The ring.

bool VerbsOutlet::fits(const RingWalk::Place& place, unsigned requests) noexcept {
  const std::uint64_t tail = released_ == 0 ? 0 : ends_[(released_ - 1) % kParcels];
  const bool room = parcels_ - released_ < kParcels && place.end - tail <= walk_.capacity();
  if (room && pair(carrier()).room(requests)) return true;
  refused_ = true;
  return false;
}

std::byte* VerbsOutlet::lease(std::size_t bytes) noexcept {
  TUTTI_ASSERT(bytes <= slot_bytes_, bytes);
  if (!connected_ || !flowing() || unposted_ != last_) {
    refused_ = true;
    return nullptr;
  }
  leased_ = walk_.next(bytes);
  if (!fits(leased_, 1)) return nullptr;
  return staging_.data() + leased_.offset + payload_offset(bytes);
}

void VerbsOutlet::commit(std::size_t bytes, Tag tag) noexcept {
  if (link_.broken()) return;
  launch(leased_, bytes, {bytes, tag, static_cast<std::uint32_t>(sent_)}, Word::whole, nullptr);
  ++sent_;
}

/// `from`: a registered message whose next bytes the device takes from where they lie; else the payload is in
/// the staging memory.
void VerbsOutlet::launch(const RingWalk::Place& place, std::size_t payload, const Header& header, Word kind,
                         const Message* from) noexcept {
  std::size_t before =
      payload > kSmallBytes ? 0 : (payload + 7) / 8 * 8;  // of the write, in front of the header
  if (from != nullptr && payload > 0) {
    pair(carrier()).write({from->data + from->moved, &from->keys, static_cast<std::uint32_t>(payload)},
                          {ring_address_ + place.offset + payload_offset(payload), &ring_keys_});
    before = 0;
    payload = 0;
  }
  collect_header(place, payload, header, kind, before);
  if (from != nullptr) pair(carrier()).signal();
  refused_ = false;
  post(carrier());
}

/// The write of a header and the payload beside it, as the next parcel.
void VerbsOutlet::collect_header(const RingWalk::Place& place, std::size_t payload, const Header& header,
                                 Word kind, std::size_t before) noexcept {
  const std::size_t begin = place.offset + kHeaderOffset - before;
  std::memcpy(staging_.data() + place.offset + kHeaderOffset, &header, sizeof header);
  const std::size_t behind = payload > kSmallBytes ? payload : 0;
  pair(carrier()).write_and_tell(
      {staging_.data() + begin, &staging_keys_, static_cast<std::uint32_t>(before + sizeof header + behind)},
      {ring_address_ + begin, &ring_keys_}, immediate_of(kind, parcels_));
  walk_.pass(place);
  ends_[parcels_++ % kParcels] = place.end;
}

// What comes may be said again, and be old.
void VerbsOutlet::received(std::uint32_t immediate) noexcept {
  refused_ = false;
  if (word_of(immediate) == Word::advert) {
    const std::size_t place = immediate % kAdverts;
    Advert advert;
    std::memcpy(&advert, adverts_.data() + place * sizeof advert, sizeof advert);
    if (ahead_of(advert.number, immediate) == 0) adverts_come_[place] = advert.number + 1;
  } else if (const std::uint32_t more = ahead_of(released_, immediate);
             word_of(immediate) == Word::credit && more <= parcels_ - released_) {
    released_ += more;
  }
}

// What is under way.

bool VerbsOutlet::pump() noexcept {
  if (!connected_ && usable()) hear();
  rescue();
  if (connected_ && flowing()) push();
  look_for_peer();
  return !link_.broken() && (!connected_ || gone() || needs_rescue() || unposted_ != last_);
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
      if (serves(i) && pair(i).reaped() != pair(i).posted()) return false;
    return flowing();
  };
  if (!connected_ || !usable() || link_.failure().failed()) return;
  station_->progress();
  for (unsigned i = 0; i < pairs() && !over(); ++i) {
    if (!serves(i) || !pair(i).room(1)) continue;
    pair(i).write({}, peers_memory_);  // nothing, but after everything
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
