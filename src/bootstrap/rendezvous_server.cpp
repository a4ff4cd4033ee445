#include "bootstrap/rendezvous_server.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/network.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {
constexpr int kPatience_ms = 10'000;    // for a client to prove itself and join
constexpr int kDelivery_ms = 5'000;     // for welcomed ranks to take what they are told
constexpr int kAfterglow_ms = 120'000;  // so long latecomers of a failed rendezvous still learn why
constexpr int kCrowded_ms = 100;        // pause of accepting when no file descriptor is free
}  // namespace

RendezvousServer::RendezvousServer(FileDescriptor listener, const Secret& secret, std::uint64_t context,
                                   long long lifetime_ms)
    : listener_(std::move(listener)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      secret_(secret),
      context_(context),
      end_(after_ms(lifetime_ms)) {
  if (!stop_) fail_errno(errno, "eventfd() for the rendezvous");
}

void RendezvousServer::stop() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof one);
}

void RendezvousServer::serve() {
  while (!over()) poll_once();
  guests_.clear();
  listener_.reset();
}

bool RendezvousServer::over() const {
  return passed(end_) || (welcomed_ && guests_.empty());
}

void RendezvousServer::poll_once() {
  std::vector<pollfd> sockets{{stopping_ ? -1 : stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  for (const auto& guest : guests_)
    sockets.push_back({guest->channel.fd(),
                       static_cast<short>(POLLIN | (guest->channel.wants_to_write() ? POLLOUT : 0)), 0});
  ::poll(sockets.data(), sockets.size(), ms_until(next_deadline()));

  if (sockets[0].revents != 0) {
    // The process ends before all have come: whoever still waits learns for whom.
    if (!welcomed_ && !members_.empty())
      refuse_all(
          {Code::timeout, -1,
           fmt::format("{} did not join before the process that serves the rendezvous ended", missing())});
    end_ = std::min(end_, welcomed_ ? after_ms(1000) : Clock::now());
  }
  stopping_ = stopping_ || sockets[0].revents != 0;
  for (std::size_t index = 2; index < sockets.size(); ++index) {
    Guest& guest = *guests_[index - 2];
    if (sockets[index].revents == 0) continue;
    guest.channel.progress();
    while (auto frame = guest.channel.receive()) handle(guest, *frame);
  }
  drop_the_gone();
  if (sockets[1].revents != 0) accept_all();
}

Deadline RendezvousServer::next_deadline() const {
  Deadline next = end_;
  for (const auto& guest : guests_)
    if (guest->rank < 0) next = std::min(next, guest->patience);
  return next;
}

void RendezvousServer::accept_all() {
  while (FileDescriptor socket = accept_connection(listener_.get()))
    guests_.push_back(std::make_unique<Guest>(
        Channel(std::move(socket), Channel::Role::server, secret_, context_), after_ms(kPatience_ms)));
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
  // No descriptor is free: the stranger who waits longest has to go; without one, breathe instead of
  // spinning.
  const auto stranger = std::find_if(guests_.begin(), guests_.end(),
                                     [](const auto& guest) { return !guest->channel.authenticated(); });
  if (stranger == guests_.end()) {
    ::poll(nullptr, 0, kCrowded_ms);
  } else {
    guests_.erase(stranger);
  }
}

void RendezvousServer::drop_the_gone() {
  for (const auto& guest : guests_) {
    if (guest->rank < 0 && passed(guest->patience)) guest->channel.close("it kept silent");
    if (guest->channel.closed()) handle_departure(*guest);
  }
  const auto gone = [](const std::unique_ptr<Guest>& guest) { return guest->channel.closed(); };
  guests_.erase(std::remove_if(guests_.begin(), guests_.end(), gone), guests_.end());
}

void RendezvousServer::handle(Guest& guest, const Frame& frame) {
  if (frame.type == FrameType::join) return handle_join(guest, frame.payload);
  if (frame.type == FrameType::who_misses) {
    guest.gave_up = true;
    guest.channel.send(FrameType::missing, missing());
    guest.channel.progress();
  }
}

void RendezvousServer::handle_join(Guest& guest, const std::string& payload) {
  Unpacker from(payload);
  const int size = from.number<int>();
  const int rank = from.number<int>();
  const std::string who(from.text());
  guest.info = from.text();
  if (!from.finished() || rank < 0 || rank >= size || size > kMostRanks || guest.rank >= 0)
    return guest.channel.close("it sent a join that cannot be read");
  if (verdict_) {
    guest.channel.send(FrameType::refused, pack(*verdict_));
    return guest.channel.progress();
  }
  guest.rank = rank;
  guest.who = who;
  if (size_ == 0) {
    size_ = size;
    size_by_ = fmt::format("rank {} ({})", rank, who);
  }
  if (size != size_)
    return refuse_all(
        {Code::invalid_usage, rank,
         fmt::format("ranks disagree about their number: {} says {}, rank {} ({}) says {}; give "
                     "every rank the same number, and a unique id of its own to each communicator",
                     size_by_, size_, rank, who, size)});
  if (const auto other = members_.find(rank); other != members_.end())
    return refuse_all({Code::invalid_usage, rank,
                       fmt::format("two processes claim rank {} of {}: one on {}, the other on {}; give each "
                                   "process a rank of its own",
                                   rank, size_, other->second->who, who)});
  members_[rank] = &guest;
  gave_up_.erase(rank);
  if (static_cast<int>(members_.size()) == size_) welcome_all();
}

// A member that closed before all were there has died, unless it said that it gives up.
void RendezvousServer::handle_departure(Guest& guest) {
  const auto member = members_.find(guest.rank);
  if (member == members_.end() || member->second != &guest) return;
  members_.erase(member);
  if (guest.gave_up) gave_up_.insert(guest.rank);
  if (welcomed_ || guest.gave_up || verdict_) return;
  refuse_all({Code::remote_error, guest.rank,
              fmt::format("rank {} ({}) died while the others were joining: {}", guest.rank, guest.who,
                          guest.channel.reason())});
}

void RendezvousServer::refuse_all(FailureReport verdict) {
  if (verdict_) return;
  verdict_ = std::move(verdict);
  end_ = std::min(end_, after_ms(kAfterglow_ms));
  for (const auto& guest : guests_) {
    if (guest->rank < 0 || guest->channel.closed()) continue;
    guest->channel.send(FrameType::refused, pack(*verdict_));
    guest->channel.progress();
  }
}

void RendezvousServer::welcome_all() {
  const Secret salt = random_secret();
  Packer packer;
  packer.raw({reinterpret_cast<const char*>(salt.data()), salt.size()});
  for (const auto& [rank, guest] : members_) packer.text(guest->info);
  for (const auto& [rank, guest] : members_) {
    guest->channel.send(FrameType::welcome, packer.bytes());
    guest->channel.progress();
  }
  // The ranks close when they have read it; a close of ours, with bytes of theirs unread, could destroy it on
  // its way.
  welcomed_ = true;
  end_ = std::min(end_, after_ms(kDelivery_ms));
  listener_.reset();
}

// Who came and gave up did its part: it is named only when nobody else is missing.
std::string RendezvousServer::missing() const {
  std::vector<int> never_came;
  for (int rank = 0; rank < size_; ++rank)
    if (members_.count(rank) == 0 && gave_up_.count(rank) == 0) never_came.push_back(rank);
  if (!never_came.empty()) return fmt::format("{} of {}", ranks_text(never_came), size_);
  return fmt::format("{} of {}, which gave up earlier,", ranks_text({gave_up_.begin(), gave_up_.end()}),
                     size_);
}

}  // namespace tutti
