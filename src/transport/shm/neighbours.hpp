// The ranks of this host as this rank knows them: who can be reached, the Unix socket to each, their bells,
// the connections they offer, and whether they still live.
//
// Every rank listens. Who first needs a peer connects and greets, the peer greets back when it next looks;
// one socket serves a pair from then on (two, where both connected at once). A socket that ends before its
// owner has said that it closes is a death.
//
// Any thread: everything is on slow paths and behind one lock, except ringing a bell that is known.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/handle.hpp"
#include "transport/shm/bell.hpp"
#include "transport/shm/greeting.hpp"
#include "transport/shm/socket.hpp"
#include "transport/transport.hpp"

namespace tutti::shm {

/// A connection that a peer has opened.
struct Offer {
  Notice notice;
  FileDescriptor segment;
};
/// Memory that a peer lends, or no longer does.
struct MemoryNotice {
  Notice notice;
  FileDescriptor file;
};

class Neighbours {
 public:
  /// `bell` is this rank's own, given to all peers.
  Neighbours(const World& world, const Bell& bell);
  ~Neighbours();
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  [[nodiscard]] std::string address() const { return own_.text(); }
  void meet(const std::vector<std::string>& addresses);

  [[nodiscard]] bool reaches(int peer) const noexcept;
  /// Ranks reached, this one included.
  /// Who publishes executes fences (fence.hpp): the same answer on all ranks of a host.
  [[nodiscard]] bool fenced() const noexcept { return fenced_; }

  /// Sends an offer, or word of memory, to notice.to; waits for nothing that the peer's own calls have to do.
  /// Throws if it cannot be done.
  void offer(const Notice& notice, const FileDescriptor& file, Deadline deadline);
  /// The offer of that connection, when it is there. Throws timeout, or the world's failure.
  [[nodiscard]] Offer await_offer(int writer, std::uint64_t readers_hash, int lane, Deadline deadline);

  /// What has come of memory since the last call, in order.
  [[nodiscard]] std::deque<MemoryNotice> take_memory_notices() noexcept;

  /// Ends the sleep of a peer that has marked a connection with this rank.
  void ring(int peer) noexcept;
  /// Takes what has arrived, waiting up to `timeout_ms` for something. Reports deaths into the world's
  /// failure.
  void attend(int timeout_ms) noexcept;
  /// Readable when attend() has something to do, or the bell's eventfd was rung.
  [[nodiscard]] int event_fd() const noexcept { return epoll_.get(); }
  /// Into the world's failure, naming the rank.
  void report(Code code, int rank, std::string sentence) const noexcept;
  /// The peer's process id, as this process sees it; 0: not known yet.
  [[nodiscard]] pid_t process_of(int peer) const;
  /// "rank 3 (process 1234)".
  [[nodiscard]] std::string name_of(int peer) const;

 private:
  using LinkId = std::uint64_t;
  struct Link {
    FileDescriptor socket;
    int peer = -1;               // -1: accepted, has not greeted yet
    bool owes_greeting = false;  // ours could not be sent yet
  };
  struct Peer {
    std::string socket;  // empty: not reached
    LinkId link = 0;     // 0: none
    pid_t process = 0;
    bool left = false;  // closed in good order
    std::unique_ptr<PeerBell> bell_owner;
    std::atomic<PeerBell*> bell{nullptr};  // bell_owner's, once known: read without the lock
  };

  void attend_or_throw(int timeout_ms);
  void watch(int fd, LinkId id);
  LinkId adopt(FileDescriptor socket, int peer);
  void accept_all();
  void serve(LinkId id);
  [[nodiscard]] bool take(LinkId id, Received& received);
  [[nodiscard]] bool welcome(LinkId id, const Notice& notice, std::vector<FileDescriptor>& descriptors);
  void drop(LinkId id);
  void mourn(LinkId id);
  void pay_greetings();
  [[nodiscard]] bool try_greet(Link& link);
  LinkId link_to(int peer, Deadline deadline);
  void pause(Deadline deadline, int peer);
  void deliver(LinkId id, const NoticeBytes& bytes, std::span<const int> descriptors, int peer,
               Deadline deadline);

  const World& world_;
  const Bell& bell_;
  Address own_;
  FileDescriptor listener_;
  FileDescriptor epoll_;
  bool fenced_ = true;

  mutable std::recursive_mutex mutex_;  // guards what follows
  std::unique_ptr<Peer[]> peers_;
  int peer_count_ = 0;
  std::map<LinkId, Link> links_;
  LinkId next_link_ = 1;
  std::deque<Offer> offers_;
  std::deque<MemoryNotice> memory_notices_;
};

}  // namespace tutti::shm
