#include "onesided/exchange.hpp"

#include <algorithm>
#include <cstring>

#include "base/log.hpp"

namespace tutti::onesided {
namespace {

/// So many headers or pieces of a peer at a time: others wait, too.
constexpr int kBurst = 64;

}  // namespace

Exchange::Exchange(const World& world, std::vector<Transport*> transports)
    : world_(world),
      direct_above_(world.settings.put_direct_bytes == 0 ? ~std::size_t{0} : world.settings.put_direct_bytes),
      connections_(world, transports),
      peers_(static_cast<std::size_t>(world.size)) {
  for (const Transport* transport : transports)
    piece_bytes_ = std::min(piece_bytes_, transport->slot_bytes());
  for (int r = 0; r < world.size; ++r) peer(r).rank = r;
}

void Exchange::connect(Deadline deadline) {
  for (Peer& peer : peers_) {
    if (peer.rank == world_.rank) continue;
    peer.out = &connections_.outgoing({peer.rank}, 0);
    peer.in.emplace(connections_.incoming(peer.rank, {world_.rank}, 0), piece_bytes_);
  }
  connections_.open_inlets(deadline);
}

Window& Exchange::add(std::span<std::byte> memory) {
  Window& added = windows_[next_window_];
  added.number = next_window_++;
  added.memory = memory;
  return added;
}

const Description& Exchange::describe(Window& window) {
  window.own.bytes = window.memory.size();
  for (Transport* transport : transports())
    window.own.exposed.push_back(window.memory.empty()
                                     ? std::string()
                                     : transport->expose(window.memory.data(), window.memory.size()));
  return window.own;
}

void Exchange::know(Window& window, std::span<const Description> descriptions) {
  for (const Peer& peer : peers_) {
    const Description& theirs = descriptions[static_cast<std::size_t>(peer.rank)];
    window.sizes.push_back(theirs.bytes);
    window.reaches.push_back(nullptr);
    for (std::size_t t = 0; peer.out != nullptr && t < theirs.exposed.size(); ++t) {
      if (!transports()[t]->reaches(peer.rank)) continue;
      if (!theirs.exposed[t].empty()) window.reaches.back() = peer.out->outlet->reach(theirs.exposed[t]);
      break;  // the connection is over the first that reaches
    }
  }
  const auto direct = std::count_if(window.reaches.begin(), window.reaches.end(),
                                    [](const std::unique_ptr<Reach>& reach) { return reach != nullptr; });
  if (direct_above_ != ~std::size_t{0})
    TUTTI_LOG(info, "window {}: puts of more than {} bytes go straight into the parts of {} of {} peers",
              window.number, direct_above_, direct, world_.size - 1);
}

void Exchange::remove(const Window& window) noexcept {
  for (std::size_t t = 0; t < window.own.exposed.size(); ++t) {
    if (!window.own.exposed[t].empty()) transports()[t]->conceal(window.own.exposed[t]);
  }
  windows_.erase(window.number);
}

void Exchange::give_up(Code code, int culprit, std::string sentence) noexcept {
  quiet_ = true;
  world_.failure->report(code, culprit, std::move(sentence));
}

// What peers send.

bool Exchange::serve() noexcept {
  bool moved = false;
  for (Peer& peer : peers_) {
    if (!peer.in || quiet_) continue;
    moved |= serve(peer);
    moved |= answer(peer);
  }
  return moved;
}

bool Exchange::serve(Peer& peer) noexcept {
  for (int i = 0; i < kBurst; ++i) {
    if (peer.left || quiet_) return i > 0;
    if (peer.in->filling()) {
      if (!peer.in->advance()) return i > 0;
      if (!peer.in->filling() && peer.raises >= 0) ++peer.signals[static_cast<std::size_t>(peer.raises)];
    } else {
      Header header;
      if (!peer.in->take(header)) return i > 0;
      obey(peer, header);
    }
  }
  return true;
}

void Exchange::obey(Peer& peer, const Header& header) noexcept {
  switch (header.word) {
    case Word::put: return accept(peer, header);
    case Word::fence: peer.fenced[peer.fences++ % 2] = header.window; return;
    case Word::ask: ++peer.owed; return;
    case Word::landed: ++peer.landings; return;
    case Word::leave: peer.left = true; return;
  }
  give_up(Code::internal_error, peer.rank,
          fmt::format("rank {} sent rank {} one-sided word {}, which is none: do all ranks run one version "
                      "of tutti?",
                      peer.rank, world_.rank, static_cast<int>(header.word)));
}

void Exchange::accept(Peer& peer, const Header& header) noexcept {
  const bool signals = header.signal < kSignals;
  std::span<std::byte> target;
  if (header.bytes > 0) {
    const auto found = windows_.find(header.window);
    if (found == windows_.end() || header.offset > found->second.memory.size() ||
        header.bytes > found->second.memory.size() - header.offset) {
      return give_up(Code::invalid_usage, peer.rank,
                     fmt::format("rank {} put {} bytes at offset {} into window {} of rank {}, which {}",
                                 peer.rank, header.bytes, header.offset, header.window, world_.rank,
                                 found == windows_.end()
                                     ? std::string("is deregistered")
                                     : fmt::format("has {} bytes there", found->second.memory.size())));
    }
    target = found->second.memory.subspan(header.offset, header.bytes);
  }
  if (target.size() > Header::kWithin) {
    peer.raises = signals ? header.signal : -1;
    peer.in->fill(target);
    return;
  }
  if (!target.empty()) std::memcpy(target.data(), header.data.data(), target.size());
  if (signals) ++peer.signals[header.signal];
}

/// Says what was asked for, unless this rank is in the middle of a message of its own.
bool Exchange::answer(Peer& peer) noexcept {
  bool moved = false;
  Header header;
  header.word = Word::landed;
  while (peer.owed > 0 && !peer.sending && !peer.left && say(peer, header)) {
    --peer.owed;
    moved = true;
  }
  return moved;
}

bool Exchange::say(Peer& peer, const Header& header) noexcept {
  std::byte* const slot = peer.out->outlet->lease(sizeof header);
  if (slot == nullptr) return false;
  std::memcpy(slot, &header, sizeof header);
  peer.out->outlet->commit(sizeof header, kTag);
  ++peer.out->sent;
  return true;
}

// This rank's own calls.

bool Exchange::advance(Operation& operation) noexcept {
  if (quiet_) return false;
  switch (operation.kind) {
    case Operation::Kind::put: return put(operation);
    case Operation::Kind::wait: return wait(operation);
    case Operation::Kind::flush: return flush(operation);
    case Operation::Kind::fence: return fence(operation);
    case Operation::Kind::leave: return tell_all(operation, Word::leave, 0);
    case Operation::Kind::depart: return tell_all(operation, Word::leave, 0) && all_left();
  }
  return false;
}

bool Exchange::put(Operation& operation) noexcept {
  if (operation.peer == world_.rank) return put_here(operation);
  Peer& to = peer(operation.peer);
  if (to.left) {
    give_up(Code::remote_error, to.rank,
            fmt::format("rank {} has destroyed its communicator: rank {} can put nothing there any more",
                        to.rank, world_.rank));
    return false;
  }
  if (operation.bytes > direct_above_ && !operation.window->reaches.empty()) {
    Reach* const reach = operation.window->reaches[static_cast<std::size_t>(to.rank)].get();
    if (reach != nullptr && reach->takes(operation.data, operation.bytes))
      return put_directly(operation, *reach);
  }
  return put_by_messages(operation, to);
}

/// The data, then a put of none that carries the signal.
bool Exchange::put_directly(Operation& operation, Reach& reach) noexcept {
  while (operation.sent < operation.bytes) {
    const std::size_t taken = reach.write(operation.offset + operation.sent, operation.data + operation.sent,
                                          operation.bytes - operation.sent);
    if (taken == 0) return false;
    operation.sent += taken;
  }
  Peer& to = peer(operation.peer);
  to.unflushed = true;
  if (operation.signal >= 0 && !operation.begun) {
    Header header;
    header.signal = static_cast<std::uint8_t>(operation.signal);
    if (!say(to, header)) return false;
    operation.begun = true;
  }
  return reach.written();
}

bool Exchange::put_by_messages(Operation& operation, Peer& to) noexcept {
  if (!operation.begun && !begin_put(operation, to)) return false;
  Outlet& outlet = *to.out->outlet;
  while (operation.sent < operation.bytes) {
    const std::size_t piece = std::min(piece_bytes_, operation.bytes - operation.sent);
    if (!outlet.send(operation.data + operation.sent, piece, kTag)) return false;
    ++to.out->sent;
    operation.sent += piece;
  }
  to.sending = false;
  return outlet.completed() >= to.out->sent;
}

bool Exchange::put_here(const Operation& operation) noexcept {
  if (operation.bytes > 0)
    std::memmove(operation.window->memory.data() + operation.offset, operation.data, operation.bytes);
  if (operation.signal >= 0) ++peer(world_.rank).signals[static_cast<std::size_t>(operation.signal)];
  return true;
}

bool Exchange::begin_put(Operation& operation, Peer& to) noexcept {
  Header header;
  if (operation.signal >= 0) header.signal = static_cast<std::uint8_t>(operation.signal);
  header.window = operation.window == nullptr ? 0 : operation.window->number;
  header.offset = operation.offset;
  header.bytes = operation.bytes;
  const bool within = operation.bytes <= Header::kWithin;
  if (within && operation.bytes > 0) std::memcpy(header.data.data(), operation.data, operation.bytes);
  if (!say(to, header)) return false;
  operation.begun = to.unflushed = true;
  if (within) operation.sent = operation.bytes;
  to.sending = !within;
  return true;
}

bool Exchange::wait(Operation& operation) noexcept {
  for (; operation.next < operation.awaited.size(); ++operation.next) {
    const Awaited& awaited = operation.awaited[operation.next];
    Peer& from = peer(awaited.peer);
    std::uint64_t& come = from.signals[static_cast<std::size_t>(awaited.signal)];
    if (come < awaited.count) {
      if (from.left)
        give_up(Code::remote_error, from.rank,
                fmt::format("rank {} has destroyed its communicator, and rank {} still waits for {} of its "
                            "signals {}",
                            from.rank, world_.rank, awaited.count - come, awaited.signal));
      return false;
    }
    come -= awaited.count;
  }
  return true;
}

bool Exchange::flush(Operation& operation) noexcept {
  Header header;
  header.word = Word::ask;
  for (; operation.next < peers_.size(); ++operation.next) {
    Peer& to = peers_[operation.next];
    if (!to.unflushed) continue;
    if (!say(to, header)) return false;
    ++to.asks;
    to.unflushed = false;
  }
  for (const Peer& to : peers_) {
    if (to.landings == to.asks) continue;
    if (to.left)
      give_up(
          Code::remote_error, to.rank,
          fmt::format("rank {} has destroyed its communicator before all that rank {} put had landed there",
                      to.rank, world_.rank));
    return false;
  }
  return true;
}

/// Without a window: nobody puts anything any more.
bool Exchange::fence(Operation& operation) noexcept {
  const std::uint32_t window = operation.window == nullptr ? kNone : operation.window->number;
  if (!tell_all(operation, Word::fence, window)) return false;
  for (const Peer& from : peers_) {
    if (!from.in) continue;
    if (from.fences == fences_) {
      if (!from.left) return false;
      if (window == kNone) continue;
      give_up(Code::remote_error, from.rank,
              fmt::format("rank {} has destroyed its communicator while rank {} deregisters window {}",
                          from.rank, world_.rank, window));
      return false;
    }
    const std::uint32_t theirs = from.fenced[fences_ % 2];
    if (theirs == window) continue;
    differ(from, theirs, window);
    return false;
  }
  ++fences_;
  return true;
}

void Exchange::differ(const Peer& from, std::uint32_t theirs, std::uint32_t ours) noexcept {
  const auto what = [](std::uint32_t window) {
    return window == kNone ? std::string("finalizes its communicator")
                           : fmt::format("deregisters window {}", window);
  };
  give_up(Code::invalid_usage, from.rank,
          fmt::format("rank {} {} while rank {} {}: all ranks deregister the same windows in the same order",
                      from.rank, what(theirs), world_.rank, what(ours)));
}

bool Exchange::all_left() const noexcept {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& from) { return !from.in || from.left; });
}

/// One word to every peer that still reads: it has not left, or it departs together with this rank.
bool Exchange::tell_all(Operation& operation, Word word, std::uint32_t window) noexcept {
  Header header;
  header.word = word;
  header.window = window;
  for (; operation.next < peers_.size(); ++operation.next) {
    Peer& to = peers_[operation.next];
    const bool reads = !to.left || (operation.kind == Operation::Kind::depart && to.fences == fences_);
    if (to.in && reads && !say(to, header)) return false;
  }
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& to) {
    return !to.in || to.left || to.out->outlet->completed() >= to.out->sent;
  });
}

std::string Exchange::waiting_for(const Operation& operation) const {
  switch (operation.kind) {
    case Operation::Kind::put:
      return fmt::format("rank {} takes nothing of the {} bytes that are left of a put", operation.peer,
                         operation.bytes - operation.sent);
    case Operation::Kind::wait: {
      const Awaited& awaited = operation.awaited[std::min(operation.next, operation.awaited.size() - 1)];
      const std::uint64_t come = peer(awaited.peer).signals[static_cast<std::size_t>(awaited.signal)];
      return fmt::format("it waits for {} more of signal {} of rank {}", awaited.count - come, awaited.signal,
                         awaited.peer);
    }
    default: break;
  }
  for (const Peer& from : peers_) {
    if (!from.in) continue;
    const bool late = operation.kind == Operation::Kind::flush    ? from.landings != from.asks
                      : operation.kind == Operation::Kind::fence  ? from.fences == fences_
                      : operation.kind == Operation::Kind::depart ? !from.left
                                                                  : false;
    if (late) return fmt::format("it waits for rank {}", from.rank);
  }
  return "its own words are not taken";
}

}  // namespace tutti::onesided
