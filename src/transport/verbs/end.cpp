#include "transport/verbs/end.hpp"

#include <cerrno>

#include <sys/socket.h>

#include "base/error.hpp"
#include "transport/verbs/status.hpp"

namespace tutti::verbs {

End::Joint::Joint(End& its_end, unsigned its_index, const Rail& rail, QueuePair::Depth its_depth,
                  const Settings& settings)
    : end(its_end),
      index(its_index),
      device(rail.device),
      depth(its_depth),
      enrolment(device->completions(), *this, end.link_.failure()) {
  why_not = make(rail, settings);
}

/// Why there is none.
std::string End::Joint::make(const Rail& rail, const Settings& settings) {
  try {
    pair.emplace(rail, depth, ticket(life, 0), settings);
    return {};
  } catch (const Error& error) {
    pair.emplace(rail, depth, ticket(life, 0));
    return error.what();
  }
}

void End::Joint::received(const Ticket& ticket, std::uint32_t immediate) noexcept {
  if (listens_to(ticket)) end.heard(*this, immediate);
}

void End::Joint::sent(const Ticket& ticket) noexcept {
  if (!listens_to(ticket)) return;
  pair->reap(ticket.posted);
  if (state == State::tries) end.enter(*this);
  end.sent();
}

void End::Joint::failed(const Ticket& ticket, const ibv_wc& completion) noexcept {
  if (listens_to(ticket)) end.failed(*this, completion);
}

End::End(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline)
    : station_(std::move(station)), link_(std::move(link)), lifeline_(std::move(lifeline)) {
  station_->watcher().watch(lifeline_.get(), *this);
  station_->enroll(*this);
}

End::~End() {
  close();
}

// The peer learns from the socket that this end goes before its requests find no queue pair any more.
void End::close() noexcept {
  if (closed_) return;
  closed_ = true;
  station_->stop(*this);
  if (!gone_) station_->watcher().forget(lifeline_.get());
  ::shutdown(lifeline_.get(), SHUT_WR);
  joints_.clear();
  station_->dismiss(*this);
}

void End::add_pair(const Rail& rail, QueuePair::Depth depth) {
  joints_.push_back(std::make_unique<Joint>(*this, pairs(), rail, depth, station_->world().settings));
  route_[route_length_++] = static_cast<std::uint8_t>(joints_.back()->index);
  if (const std::string why = joints_.back()->why_not; !why.empty()) leave_out(pairs() - 1, why);
}

// A device that did not take a connection's own memory has no queue pair of it.
Keys End::local_keys(const Registration& memory) noexcept {
  Keys keys{};
  for (unsigned i = 0; i < pairs(); ++i)
    if (const ibv_mr* const region = memory.region(*joints_[i]->device)) keys[i] = region->lkey;
  return keys;
}

Keys End::remote_keys(const Registration& memory) noexcept {
  Keys keys{};
  for (unsigned i = 0; i < pairs(); ++i)
    if (const ibv_mr* const region = memory.region(*joints_[i]->device)) keys[i] = region->rkey;
  return keys;
}

void End::post(unsigned index) noexcept {
  if (const int error = pair(index).post(); error != 0) refused(*joints_[index], "ibv_post_send", error);
}

void End::refused(Joint& joint, const char* call, int error_number) noexcept {
  if (give_up(same_path(joint), kDoubtful_ms, errno_text(error_number))) return;
  link_.refused(call, *joint.pair, error_number);
}

// There are far more receives than immediates that can be on their way.
void End::heard(Joint& joint, std::uint32_t immediate) noexcept {
  constexpr unsigned kBatch = 16;
  heard_ = true;
  ++joint.heard;
  joint.pair->received();
  if (++joint.unready == kBatch) {
    joint.unready = 0;
    if (const int error = joint.pair->receive(kBatch); error != 0) refused(joint, "ibv_post_recv", error);
  }
  if (word_of(immediate) == Word::closed) return peer_closed(immediate);
  if (word_of(immediate) == Word::fresh) return peer_made(joint, immediate);
  received(immediate);
}

void End::failed(Joint& joint, const ibv_wc& completion) noexcept {
  if (Ticket::unpack(completion.wr_id).receive) joint.pair->received();
  const bool tried = joint.state == Joint::State::tries;  // whatever it is, that way is no good
  const bool of_rail = tried || is_of_rail(completion.status);
  if (!usable() || closed_ || (of_rail && !tried && joint.state != Joint::State::serves)) return;
  if (peer_has_left()) return leave();  // its device answers no more, and that is all
  if (of_rail && give_up(same_path(joint), kDoubtful_ms, words(completion.status))) return;
  link_.completion_failed(*joint.pair, completion);
}

bool End::peer_has_left() const noexcept {
  char byte = 0;
  const ssize_t got = ::recv(lifeline_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

void End::ready() noexcept {
  hear();
}

void End::leave() noexcept {
  if (gone_) return;
  gone_ = true;
  station_->watcher().forget(lifeline_.get());
  station_->start(*this);  // after the completions that are still there, it looks at what is due
}

void End::look_for_peer() noexcept {
  if (!gone_ || link_.broken()) return;
  if (const auto what = due()) link_.lost(*what);
}

}  // namespace tutti::verbs
