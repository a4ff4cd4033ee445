#include "transport/verbs/end.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace tutti::verbs {

End::Joint::Joint(End& its_end, unsigned its_index, const Rail& rail, QueuePair::Depth depth,
                  const Settings& settings)
    : end(its_end), index(its_index), device(rail.device), place(device->completions().enroll(*this)) {
  try {
    pair.emplace(rail, depth, place, index, settings);
  } catch (...) {
    device->completions().dismiss(place, end.link_.failure());
    throw;
  }
}

End::Joint::~Joint() {
  pair.reset();
  device->completions().dismiss(place, end.link_.failure());
}

void End::Joint::sent(unsigned, std::uint32_t posted) noexcept {
  if (!pair) return;
  pair->reap(posted);
  end.sent();
}

End::End(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline)
    : station_(std::move(station)), link_(std::move(link)), lifeline_(std::move(lifeline)) {
  station_->watcher().watch(lifeline_.get(), *this);
  station_->enroll();
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
  station_->dismiss();
}

void End::add_pair(const Rail& rail, QueuePair::Depth depth) {
  joints_.push_back(std::make_unique<Joint>(*this, pairs(), rail, depth, station_->world().settings));
}

void End::post(unsigned index) noexcept {
  if (const int error = pair(index).post(); error != 0) link_.refused("ibv_post_send", pair(index), error);
}

void End::receive(unsigned index, unsigned count) noexcept {
  if (const int error = pair(index).receive(count); error != 0)
    link_.refused("ibv_post_recv", pair(index), error);
}

void End::failed(unsigned index, const ibv_wc& completion) noexcept {
  if (!usable() || closed_) return;
  if (peer_has_left()) return leave();  // its device answers no more, and that is all
  link_.completion_failed(pair(index), completion);
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
