#include "transport/shm/neighbours.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/shm/explain.hpp"
#include "transport/shm/fence.hpp"

namespace tutti::shm {
namespace {

constexpr std::uint64_t kListenerId = 0;
constexpr std::uint64_t kBellId = ~0ull;
constexpr int kGlanceMs = 20;  // between looks at the failure and the deadline
using Lock = std::lock_guard<std::recursive_mutex>;

}  // namespace

Neighbours::Neighbours(const World& world, const Bell& bell)
    : world_(world), bell_(bell), own_(Address::make(join_membarrier())), listener_(listen_at(own_.socket)) {
  epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) fail_explained(errno, "epoll_create1 for the shared-memory ranks of this host");
  watch(listener_.get(), kListenerId);
  watch(bell_.event(), kBellId);
}

Neighbours::~Neighbours() {
  // Whoever has connected but was never looked at learns our bell, and so that we close in good order.
  if (peers_) attend(0);
}

void Neighbours::meet(const std::vector<std::string>& addresses) {
  TUTTI_ASSERT(addresses.size() == static_cast<std::size_t>(world_.size), addresses.size(), world_.size);
  const Lock lock(mutex_);
  peers_ = std::make_unique<Peer[]>(addresses.size());
  peer_count_ = world_.size;
  fenced_ = world_.oversubscribed;
  for (int rank = 0; rank < world_.size; ++rank) {
    const auto address = Address::parse(addresses[static_cast<std::size_t>(rank)]);
    const bool same_host = world_.host_of[static_cast<std::size_t>(rank)] ==
                           world_.host_of[static_cast<std::size_t>(world_.rank)];
    if (!address || !same_host || address->machine != own_.machine) continue;
    peers_[static_cast<std::size_t>(rank)].socket = address->socket;
    fenced_ = fenced_ || !address->membarrier;
  }
}

bool Neighbours::reaches(int peer) const noexcept {
  return peer >= 0 && peer < peer_count_ && !peers_[static_cast<std::size_t>(peer)].socket.empty();
}

void Neighbours::report(Code code, int rank, std::string sentence) const noexcept {
  if (world_.failure != nullptr) world_.failure->report(code, rank, std::move(sentence));
}

pid_t Neighbours::process_of(int peer) const {
  const Lock lock(mutex_);
  return peers_[static_cast<std::size_t>(peer)].process;
}

std::string Neighbours::name_of(int peer) const {
  const Lock lock(mutex_);
  const pid_t process = peers_[static_cast<std::size_t>(peer)].process;
  return process > 0 ? fmt::format("rank {} (process {} of this host)", peer, process)
                     : fmt::format("rank {}", peer);
}

void Neighbours::ring(int peer) noexcept {
  auto& bell = peers_[static_cast<std::size_t>(peer)].bell;
  // acquire: the bell was made before it was stored.
  if (bell.load(std::memory_order_acquire) == nullptr)
    attend(0);  // it greeted before it marked: the bell is here
  if (PeerBell* known = bell.load(std::memory_order_acquire)) known->ring();
}

void Neighbours::attend(int timeout_ms) noexcept {
  try {
    attend_or_throw(timeout_ms);
  } catch (const Error& error) {
    report(error.code(), error.rank(), error.what());
  } catch (const std::exception& error) {
    report(Code::internal_error, -1, error.what());
  }
}

void Neighbours::attend_or_throw(int timeout_ms) {
  std::array<epoll_event, 64> events;
  int count = 0;
  do {
    count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    const Lock lock(mutex_);
    for (int i = 0; i < count; ++i) {
      const LinkId id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kListenerId)
        accept_all();
      else if (id != kBellId)
        serve(id);
    }
    pay_greetings();
    timeout_ms = 0;
  } while (count == static_cast<int>(events.size()));
}

void Neighbours::watch(int fd, LinkId id) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    fail_explained(errno, "epoll_ctl for a rank of this host");
}

Neighbours::LinkId Neighbours::adopt(FileDescriptor socket, int peer) {
  const LinkId id = next_link_++;
  watch(socket.get(), id);
  Link& link = links_[id];
  link.socket = std::move(socket);
  link.peer = peer;
  return id;
}

void Neighbours::accept_all() {
  while (FileDescriptor socket = accept_from(listener_)) serve(adopt(std::move(socket), -1));
}

void Neighbours::serve(LinkId id) {
  for (auto found = links_.find(id); found != links_.end(); found = links_.find(id)) {
    Received received = receive_message(found->second.socket, kNoticeBytes + 1);
    if (received.progress == Progress::later) return;
    if (received.progress == Progress::gone) return mourn(id);
    if (!take(id, received)) return drop(id);
  }
}

// One message; false: whoever sent it is no peer of ours.
bool Neighbours::take(LinkId id, Received& received) {
  std::string reason;
  auto notice = parse(received.bytes, world_, reason);
  Link& link = links_.at(id);
  const bool greeting = notice && notice->kind == Kind::greeting;
  if (notice && !reaches(notice->from))
    reason = "it is from a rank of another host";
  else if (notice && link.peer != notice->from && !(link.peer == -1 && greeting))
    reason = "it did not greet as that rank";
  else if (notice && received.descriptors.size() != descriptors_of(notice->kind))
    reason = "its descriptors are missing";
  if (!reason.empty()) {
    TUTTI_LOG(warn, "ignoring a message of process {} to this rank's shared-memory socket: {}",
              peer_process(link.socket), reason);
    return false;
  }
  if (greeting) return welcome(id, *notice, received.descriptors);
  if (notice->kind == Kind::offer)
    offers_.push_back({*notice, std::move(received.descriptors.front())});
  else if (notice->kind == Kind::memory)
    memory_notices_.push_back({*notice, std::move(received.descriptors.front())});
  else
    memory_notices_.push_back({*notice, FileDescriptor()});
  return true;
}

bool Neighbours::welcome(LinkId id, const Notice& notice, std::vector<FileDescriptor>& descriptors) {
  Link& link = links_.at(id);
  Peer& peer = peers_[static_cast<std::size_t>(notice.from)];
  if (peer.bell_owner == nullptr) {
    peer.bell_owner = std::make_unique<PeerBell>(std::move(descriptors[0]), std::move(descriptors[1]));
    peer.bell.store(peer.bell_owner.get(), std::memory_order_release);  // pairs with ring()
  }
  peer.process = peer_process(link.socket);
  if (link.peer == -1) {
    link.peer = notice.from;
    if (peer.link == 0) peer.link = id;
    link.owes_greeting = !try_greet(link);
  }
  return true;
}

void Neighbours::drop(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  if (const int peer = found->second.peer; peer >= 0 && peers_[static_cast<std::size_t>(peer)].link == id)
    peers_[static_cast<std::size_t>(peer)].link = 0;
  links_.erase(found);  // closing the socket ends epoll's interest in it
}

// A socket has ended: in good order, or because its rank died.
void Neighbours::mourn(LinkId id) {
  const int rank = links_.at(id).peer;
  if (rank >= 0) {
    Peer& peer = peers_[static_cast<std::size_t>(rank)];
    peer.left = peer.bell_owner != nullptr && peer.bell_owner->closed();
    if (!peer.left && world_.failure != nullptr)
      world_.failure->suspect(Code::remote_error, rank,
                              fmt::format("{} has died: its shared-memory socket ended without a farewell; "
                                          "see that rank's output, and the kernel's log for the "
                                          "out-of-memory killer",
                                          name_of(rank)));
  }
  drop(id);
}

bool Neighbours::try_greet(Link& link) {
  Notice notice;
  notice.communicator = world_.communicator;
  notice.from = world_.rank;
  notice.to = link.peer;
  const std::array<int, 2> descriptors{bell_.page(), bell_.event()};
  // A peer that is gone needs no greeting: the end of its socket will be noticed.
  return send_message(link.socket, encode(notice, world_.sign), descriptors) != Progress::later;
}

void Neighbours::pay_greetings() {
  for (auto& [id, link] : links_)
    if (link.owes_greeting) link.owes_greeting = !try_greet(link);
}

// A moment for the peers' kernels and, since descriptors in flight are limited, for taking our own.
void Neighbours::pause(Deadline deadline, int peer) {
  if (world_.failure != nullptr) world_.failure->check();
  if (passed(deadline))
    throw Error(
        Code::timeout,
        fmt::format(
            "{} takes no more messages on its shared-memory socket: too many connections wait to be opened "
            "there, or RLIMIT_NOFILE (ulimit -n) is low",
            name_of(peer)),
        peer);
  attend_or_throw(1);
}

Neighbours::LinkId Neighbours::link_to(int rank, Deadline deadline) {
  Peer& peer = peers_[static_cast<std::size_t>(rank)];
  if (peer.link != 0) return peer.link;
  FileDescriptor socket;
  for (;;) {
    const Progress progress = connect_to(peer.socket, socket);
    if (progress == Progress::done) break;
    if (progress == Progress::gone)
      throw Error(Code::remote_error,
                  fmt::format("{} has ended: nobody listens on its shared-memory socket", name_of(rank)),
                  rank);
    pause(deadline, rank);
    if (peer.link != 0) return peer.link;  // it has connected meanwhile
  }
  peer.process = peer_process(socket);
  const LinkId id = adopt(std::move(socket), rank);
  peer.link = id;
  links_.at(id).owes_greeting = true;
  return id;
}

void Neighbours::deliver(LinkId id, const NoticeBytes& bytes, std::span<const int> descriptors, int peer,
                         Deadline deadline) {
  for (;;) {
    pay_greetings();
    const auto link = links_.find(id);
    Progress progress = Progress::gone;
    if (link != links_.end() && link->second.owes_greeting)
      progress = Progress::later;
    else if (link != links_.end())
      progress = send_message(link->second.socket, bytes, descriptors);
    if (progress == Progress::done) return;
    if (progress == Progress::gone)
      throw Error(Code::remote_error, fmt::format("{} closed its shared-memory socket", name_of(peer)), peer);
    pause(deadline, peer);
  }
}

void Neighbours::offer(const Notice& notice, const FileDescriptor& file, Deadline deadline) {
  const Lock lock(mutex_);
  if (!reaches(notice.to))
    fail(Code::invalid_usage, "rank {} cannot be reached through shared memory from rank {}", notice.to,
         world_.rank);
  const std::array<int, 1> descriptors{file.get()};
  deliver(link_to(notice.to, deadline), encode(notice, world_.sign),
          std::span(descriptors).first(descriptors_of(notice.kind)), notice.to, deadline);
}

std::deque<MemoryNotice> Neighbours::take_memory_notices() noexcept {
  const Lock lock(mutex_);
  return std::exchange(memory_notices_, {});
}

Offer Neighbours::await_offer(int writer, std::uint64_t readers_hash, int lane, Deadline deadline) {
  if (!reaches(writer))
    fail(Code::invalid_usage, "rank {} cannot be reached through shared memory from rank {}", writer,
         world_.rank);
  const auto wanted = [&](const Offer& offer) {
    return offer.notice.from == writer && offer.notice.readers_hash == readers_hash &&
           offer.notice.lane == lane;
  };
  for (int wait_ms = 0;; wait_ms = std::min(kGlanceMs, ms_until(deadline))) {
    attend_or_throw(wait_ms);
    {
      const Lock lock(mutex_);
      const bool owes = std::any_of(links_.begin(), links_.end(),
                                    [](const auto& link) { return link.second.owes_greeting; });
      const auto found = std::find_if(offers_.begin(), offers_.end(), wanted);
      // The writer must be able to learn our bell before we ever sleep on this connection.
      if (found != offers_.end() && !owes) {
        Offer offer = std::move(*found);
        offers_.erase(found);
        return offer;
      }
      if (peers_[static_cast<std::size_t>(writer)].left)
        throw Error(Code::remote_error,
                    fmt::format("{} has closed its communicator without opening the connection to rank {}",
                                name_of(writer), world_.rank),
                    writer);
    }
    if (world_.failure != nullptr) world_.failure->check();
    if (passed(deadline))
      throw Error(
          Code::timeout,
          fmt::format(
              "{} did not open its shared-memory connection to rank {} (lane {}) in time: it is late, stuck, "
              "or called something else",
              name_of(writer), world_.rank, lane),
          writer);
  }
}

}  // namespace tutti::shm
