// The way back to a rail that was left and is up again: failover.hpp, steps 5 to 8. Only pump() makes and
// connects queue pairs; data goes on meanwhile.
#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "transport/verbs/end.hpp"

namespace tutti::verbs {
namespace {

constexpr int kShortestPause_ms = 1;
constexpr int kLongestPause_ms = 30'000;

int longer(int pause_ms) {
  return std::min(2 * pause_ms, kLongestPause_ms);
}

}  // namespace

void End::restore() noexcept {
  if (!established()) return;
  for (const auto& joint : joints_) {
    if (!flowing()) return;
    if (joint->state == Joint::State::gone && !joint->barred && (leads() || joint->peer_ready)) renew(*joint);
    if (joint->state == Joint::State::offered && joint->peer_ready) try_out(*joint);
  }
}

/// Its next life: a queue pair that the peer is told of. The reader's is connected already.
void End::renew(Joint& joint) noexcept {
  constexpr unsigned kWords = 2;
  if (!passed(joint.pause) || !pair(carrier()).room(kWords)) return;
  const auto rail = station_->find_again(joint.pair->rail());
  if (!rail) return;
  const Settings& settings = station_->world().settings;
  try {
    QueuePair made(*rail, joint.depth, joint.ticket(joint.life + 1, joint.pair->posted()), settings);
    if (!leads()) made.connect(joint.peers_fresh, joint.port, link_.peer_text(), settings);
    joint.pair.emplace(std::move(made));
  } catch (const std::exception& error) {
    joint.pause_ms = longer(joint.pause_ms);
    joint.pause = after_ms(joint.pause_ms);
    TUTTI_LOG(debug, "verbs: {} does not go back to {} yet: {}", link_.text(), rail->name(), error.what());
    return;
  }
  ++joint.life;
  joint.heard = joint.unready = 0;
  joint.peer_heard.reset();
  joint.moved.reset();
  joint.carried = false;
  joint.state = leads() ? Joint::State::offered : Joint::State::tries;
  if (!leads()) {  // that the peer offered says that it has closed the life before
    joint.peer_ready = false;
    joint.last_word.reset();
  }
  const PairAddress address = joint.pair->address();
  QueuePair& on = pair(carrier());
  on.write_and_tell({}, peers_memory_, immediate_of(Fresh{joint.index, false, address.number}));
  on.write_and_tell({}, peers_memory_, immediate_of(Fresh{joint.index, true, address.packet_number}));
  post(carrier());
}

/// The reader listens.
void End::try_out(Joint& joint) noexcept {
  joint.state = Joint::State::tries;
  joint.peer_ready = false;
  joint.last_word.reset();
  Hit hit{};
  hit[joint.index] = true;
  try {
    joint.pair->connect(joint.peers_fresh, joint.port, link_.peer_text(), station_->world().settings);
    const int error = joint.pair->probe(peers_memory_, immediate_of(Fresh{joint.index, true, 0}));
    if (error != 0) refused(joint, "ibv_post_send", error);
  } catch (const std::exception& error) {
    if (!give_up(hit, kDoubtful_ms, error.what())) link_.set_up_failed(error.what());
  }
}

void End::peer_made(Joint& on, std::uint32_t immediate) noexcept {
  const Fresh fresh = fresh_of(immediate);
  if (fresh.pair == on.index) {  // it got there
    if (on.state == Joint::State::tries) enter(on);
    return;
  }
  if (fresh.pair >= pairs()) return link_.out_of_order(immediate);
  Joint& joint = *joints_[fresh.pair];
  if (leads() ? joint.state != Joint::State::offered : joint.state < Joint::State::closed)
    return link_.out_of_order(immediate);
  (fresh.second ? joint.peers_fresh.packet_number : joint.peers_fresh.number) = fresh.half;
  joint.peer_ready = fresh.second;
}

/// It serves again, as the last of the route.
void End::enter(Joint& joint) noexcept {
  joint.state = Joint::State::serves;
  joint.carried = true;
  joint.since = Clock::now();
  route_[route_length_++] = static_cast<std::uint8_t>(joint.index);
  --away_;
  TUTTI_LOG(info, "verbs: {} goes back to {} (queue pair {})", link_.text(), joint.pair->rail().name(),
            joint.pair->address().number);
}

/// Before everything is lost: one that was not found good yet.
End::Joint* End::last_resort(const Hit& hit) noexcept {
  for (const auto& joint : joints_) {
    if (hit[joint->index] || joint->state != Joint::State::tries) continue;
    enter(*joint);
    return joint.get();
  }
  return nullptr;
}

/// Gone, until the rail is back and a pause is over.
void End::rest(Joint& joint) noexcept {
  joint.state = Joint::State::gone;
  if (joint.doubtful_ms > 0) {
    const bool lasted =
        joint.carried && Clock::now() - joint.since > std::chrono::milliseconds(joint.doubtful_ms);
    joint.pause_ms = lasted ? kShortestPause_ms : longer(joint.pause_ms);
  }
  joint.pause = after_ms(joint.pause_ms);
}

}  // namespace tutti::verbs
