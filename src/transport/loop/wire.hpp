// The world that all transports of a LoopNetwork share: the clock, what is going to happen, the connections,
// who is dead or paused. One mutex guards all of it, connections included; functions marked "locked" want it
// held.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <queue>
#include <random>
#include <set>
#include <tuple>

#include "transport/loop/connection.hpp"
#include "transport/loop/loop.hpp"

namespace tutti::loop {

/// What the next message between two ranks suffers.
struct Mischief {
  bool truncate = false;
  bool corrupt_tag = false;
  std::uint64_t extra_ns = 0;
};

class Wire {
 public:
  Wire(int ranks, std::uint64_t seed, LoopOptions options);

  using Lock = std::unique_lock<std::mutex>;
  [[nodiscard]] Lock lock() const { return Lock(mutex_); }
  /// Notified when an outlet has been opened.
  std::condition_variable opened;
  /// For a poll of `rank`: moves the clock where polls do that. false: the rank is dead or paused, there is
  /// nothing.
  bool poll(int rank);  // locked

  // All locked.
  [[nodiscard]] const LoopOptions& options() const { return options_; }
  [[nodiscard]] int ranks() const { return static_cast<int>(dead_.size()); }
  [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }
  [[nodiscard]] bool quiet() const { return events_.empty(); }
  [[nodiscard]] bool dead(int rank) const { return dead_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] std::uint64_t random_delay_ns();
  [[nodiscard]] Mischief take_mischief(int writer, const std::vector<int>& readers);
  void schedule(std::uint64_t at_ns, std::function<void()> happen);
  bool advance();
  void record(const std::string& event);

  /// The connection with this key; made when first asked for, by either end.
  [[nodiscard]] std::shared_ptr<Connection> connection(const ConnectionKey& key);
  /// Forgets the connection once both ends are closed.
  void forget_if_closed(const Connection& connection);

  // Faults, when they happen.
  void kill(int rank);
  void cut(int writer, int reader);
  void pause(int rank, std::uint64_t for_ns);
  [[nodiscard]] Mischief& mischief(int writer, int reader) { return mischief_[{writer, reader}]; }

  /// An eventfd that becomes readable when something is scheduled: a sleeping rank can then move the clock.
  void add_sleeper(int event_fd) { sleepers_.insert(event_fd); }
  void remove_sleeper(int event_fd) { sleepers_.erase(event_fd); }

  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }
  [[nodiscard]] std::string describe() const;

 private:
  struct Event {
    std::uint64_t at_ns;
    std::uint64_t order;  // of equal times, what was scheduled first happens first
    std::function<void()> happen;
    bool operator>(const Event& other) const {
      return std::tie(at_ns, order) > std::tie(other.at_ns, other.order);
    }
  };

  const LoopOptions options_;
  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t scheduled_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<ConnectionKey, std::shared_ptr<Connection>> connections_;
  std::vector<bool> dead_;
  std::vector<std::uint64_t> paused_until_ns_;
  std::map<std::pair<int, int>, Mischief> mischief_;
  std::set<int> sleepers_;
  std::uint64_t fingerprint_ = 0xcbf29ce484222325ull;
  std::vector<std::string> trace_;
};

}  // namespace tutti::loop
