// The way from a rail that dies to a connection that goes on without it: failover.hpp says how and why.
#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/verbs/end.hpp"

namespace tutti::verbs {
namespace {

/// How long a queue pair in its error state may take to flush its receives. A device that lives does it at
/// once.
constexpr int kDrain_ms = 500;

}  // namespace

End::Joint* End::survivor() noexcept {
  for (unsigned i = 0; i < route_length_; ++i)
    if (serves(route_[i])) return joints_[route_[i]].get();
  return nullptr;
}

End::Hit End::same_path(const Joint& joint) noexcept {
  Hit hit{};
  const auto& rail = joint.pair->rail();
  for (const auto& other : joints_)
    hit[other->index] = other->device == rail.device && other->pair->rail().port == rail.port &&
                        other->pair->peer_gid() == joint.pair->peer_gid();
  return hit;
}

void End::connect_pair(unsigned index, const PairAddress& peer, const PeerPort& port) {
  joints_[index]->port = port;
  if (!serves(index)) return;  // its rail has died already
  try {
    pair(index).connect(peer, port, link_.peer_text(), station_->world().settings);
  } catch (const Error& error) {
    if (!leads()) return leave_out(index, error.what());
    Hit hit{};
    hit[index] = true;
    joints_[index]->why_not = error.what();
    if (give_up(hit, kDoubtful_ms, error.what())) return;
    joints_[index]->state = Joint::State::gone;
    need_one();
  }
}

void End::leave_out(unsigned index, const std::string& why, bool for_good) {
  Joint& joint = *joints_[index];
  joint.barred = joint.barred || for_good;
  if (joint.state == Joint::State::gone) return;
  if (joint.state != Joint::State::serves) {  // it has failed meanwhile; the peer has nothing to close
    joint.peer_heard = 0;
    return;
  }
  TUTTI_LOG(warn, "verbs: {} begins without {}: {}", link_.text(), joint.pair->rail().name(), why);
  joint.why_not = why;
  joint.pair->destroy();
  joint.state = Joint::State::gone;
  joint.pause = after_ms(joint.pause_ms);
  ++away_;
  std::remove(route_.begin(), route_.begin() + route_length_, index);
  --route_length_;
  station_->start(*this);
}

void End::leave_out_without(const PinnedMemory& memory) {
  for (const auto& joint : joints_)
    if (const std::string* const why = memory.refusal(*joint->device)) leave_out(joint->index, *why, true);
}

void End::leave_out_inactive() {
  Hit active{};
  for (const auto& joint : joints_)
    active[joint->index] = serves(joint->index) && station_->find_again(joint->pair->rail());
  if (std::find(active.begin(), active.end(), true) == active.end()) return;
  for (const auto& joint : joints_)
    if (!active[joint->index]) leave_out(joint->index, joint->pair->rail().name() + " is not active");
}

void End::need_one() const {
  std::string reasons;
  for (const auto& joint : joints_) {
    if (joint->state == Joint::State::serves) return;
    const std::string& why = joint->why_not;
    if (why.empty() || reasons.find(why) != std::string::npos) continue;
    reasons += (reasons.empty() ? "" : "; ") + why;
  }
  throw Error(Code::system_error, reasons);
}

unsigned End::rail_down(const Device& device, int port, const std::string& why) noexcept {
  Hit hit{};
  for (const auto& joint : joints_)
    hit[joint->index] = joint->device.get() == &device && (port == 0 || joint->pair->rail().port == port);
  constexpr int kFlap_ms = 1000;
  bool left = give_up(hit, kFlap_ms, why);
  for (const auto& joint : joints_) {
    if (!hit[joint->index] || joint->state <= Joint::State::serves) continue;
    left = true;
    if (port == 0) joint->patience = {};  // a device that has failed as a whole flushes nothing
  }
  // What waited for it would wait for ever: unlike a port, it does not come back.
  if (!left && port == 0 && usable() && !closed_ && serves(carrier()) && hit[carrier()])
    peer_has_left() ? leave() : link_.device_failed(why);
  return left ? 1 : 0;
}

/// Leaves these queue pairs for the ones that are left. false: there are none. `doubtful_ms`: if they served
/// no longer than that, this end is slower to go back to them; 0: that is for the peer to judge.
bool End::give_up(const Hit& hit, int doubtful_ms, std::string_view why) noexcept {
  if (!usable() || closed_) return false;
  std::string lost;
  bool tried = false;
  Joint* left = nullptr;
  for (const auto& joint : joints_) {
    const bool serving = joint->state == Joint::State::serves;
    if (hit[joint->index] && serving)
      lost += fmt::format("{}{} (queue pair {})", lost.empty() ? "" : ", ", joint->pair->rail().name(),
                          joint->pair->address().number);
    else if (hit[joint->index])
      tried = tried || joint->state == Joint::State::tries;
    else if (serving && left == nullptr)
      left = joint.get();
  }
  if (lost.empty() && !tried) return false;
  if (left == nullptr) left = last_resort(hit);
  if (left == nullptr) return false;
  if (!lost.empty())
    TUTTI_LOG(warn, "verbs: {} leaves {}: {}; what was on its way goes again over {}", link_.text(), lost,
              why, left->pair->rail().name());
  for (const auto& joint : joints_)
    if (hit[joint->index]) doom(*joint, doubtful_ms);
  return true;
}

void End::doom(Joint& joint, int doubtful_ms) noexcept {
  if (joint.state != Joint::State::serves && joint.state != Joint::State::tries) return;
  if (joint.state == Joint::State::serves) {
    doomed_[doomed_count_++] = static_cast<std::uint8_t>(joint.index);
    ++away_;
  }
  joint.state = Joint::State::drains;
  joint.patience = after_ms(kDrain_ms);
  joint.doubtful_ms = doubtful_ms;
  joint.peer_ready = false;
  joint.pair->stop();
  station_->start(*this);
}

void End::peer_closed(std::uint32_t immediate) noexcept {
  const Closed closed = closed_of(immediate);
  if (closed.pair >= pairs()) return;
  Joint& joint = *joints_[closed.pair];
  if (closed.life != (joint.life & kLifeMask) || joint.peer_heard) return;  // said again
  joint.peer_heard = closed.heard;
  joint.peer_failed = closed.failed;
  if (joint.state == Joint::State::offered) joint.state = Joint::State::tries;  // in vain
  Hit hit{};
  hit[joint.index] = true;
  if (joint.state > Joint::State::serves || give_up(hit, 0, "the peer gave it up")) return;
  link_.no_rail_left(*joint.pair);
}

void End::rescue() noexcept {
  if (!needs_rescue()) return;
  close_drained();
  announce();
  settle();
  restore();
}

void End::close_drained() noexcept {
  for (const auto& joint : joints_) {
    if (joint->state != Joint::State::drains) continue;
    const bool drained = joint->pair->drained();
    if (!drained && !passed(joint->patience)) continue;
    joint->pair->destroy();
    joint->state = Joint::State::closed;
    const bool failed = !drained || station_->has_failed(*joint->device);
    joint->last_word = Closed{joint->index, joint->life, joint->heard, failed};
    joint->told_on.reset();
  }
}

/// Also of those that are gone: the one that carried the word may have died before it got there.
void End::announce() noexcept {
  Joint* const speaker = survivor();
  if (speaker == nullptr || !(established() || heard_)) return;
  for (const auto& joint : joints_) {
    if (!joint->last_word || (joint->told_on && serves(*joint->told_on))) continue;
    joint->told_on = speaker->index;
    speaker->pair->write_and_tell({}, peers_memory_, immediate_of(*joint->last_word));
    post(speaker->index);
    if (speaker->state != Joint::State::serves) return;
  }
}

/// Of what was doomed, both ends have closed all.
bool End::settled() const noexcept {
  return std::all_of(doomed_.begin(), doomed_.begin() + doomed_count_, [&](unsigned index) {
    return joints_[index]->state == Joint::State::closed && joints_[index]->peer_heard;
  });
}

void End::settle() noexcept {
  for (const auto& joint : joints_)
    if (!joint->carried && joint->state == Joint::State::closed && joint->peer_heard) rest(*joint);
  if (doomed_count_ == 0) return;
  // A queue pair that was doomed later may hold what an earlier one owed, from before the rest of it.
  while (doomed_count_ > 0 && settled())
    if (!move(*joints_[doomed_[doomed_count_ - 1]])) return;
  if (doomed_count_ > 0) return;
  TUTTI_LOG(info, "verbs: {} goes on over {}", link_.text(), pair(carrier()).rail().name());
}

/// Posts what the peer lacks of it on one that serves. false: not all of it yet.
bool End::move(Joint& joint) noexcept {
  Joint* const successor = survivor();
  if (successor == nullptr) return false;
  const auto first = joint.moved ? joint.moved : joint.pair->first_lost(*joint.peer_heard, joint.peer_failed);
  if (!first) return link_.acknowledged_but_lost(*joint.pair), false;
  const std::uint32_t end = joint.pair->posted() + 1;
  for (joint.moved = first; *joint.moved != end; ++*joint.moved) {
    if (successor->state != Joint::State::serves || !successor->pair->room(1)) return false;
    successor->pair->repeat(joint.pair->written(*joint.moved));
    if (*joint.moved + 1 == end) successor->pair->signal();
    post(successor->index);
  }
  rest(joint);
  strike(joint.index, successor->index);
  TUTTI_LOG(info, "verbs: {} repeated {} requests of {} on {}", link_.text(), end - *first,
            joint.pair->rail().name(), successor->pair->rail().name());
  moved(successor->index);
  return true;
}

/// Forgets it. What comes next on the carrier must come after what was repeated.
void End::strike(unsigned index, unsigned successor) noexcept {
  ++moves_;
  doomed_count_ = static_cast<unsigned>(std::remove(doomed_.begin(), doomed_.begin() + doomed_count_, index) -
                                        doomed_.begin());
  const bool carried = carrier() == index;
  auto* const end = std::remove(route_.begin(), route_.begin() + route_length_, index);
  --route_length_;
  if (carried) std::rotate(route_.begin(), std::find(route_.begin(), end, successor), end);
}

}  // namespace tutti::verbs
