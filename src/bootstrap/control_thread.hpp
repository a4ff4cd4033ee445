// What ControlPlane is made of: the links to the neighbours in the tree, the thread that serves them, and the
// state that it shares with the callers. One mutex guards all of it; the thread gives it away while it waits
// in poll().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/handle.hpp"
#include "base/settings.hpp"
#include "bootstrap/channel.hpp"
#include "bootstrap/control_listener.hpp"
#include "bootstrap/control_tree.hpp"
#include "bootstrap/describe.hpp"
#include "bootstrap/gathering.hpp"
#include "bootstrap/rendezvous.hpp"

namespace tutti {

class ControlThread {
 public:
  ControlThread(const Membership& membership, ControlListener listener,
                const std::vector<std::string>& addresses, const Settings& settings, Failure& failure,
                int fan_out);
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;
  ~ControlThread();

  [[nodiscard]] std::vector<std::string> all_gather(std::string mine, Deadline deadline);
  void abort(std::string sentence);
  void leave();

 private:
  // A connection to the parent, a child, or a stranger who has not said which child it is.
  struct Link {
    Link(std::unique_ptr<Channel> connection, int neighbour);
    std::unique_ptr<Channel> channel;
    int rank;         // -1: a stranger
    std::string who;  // "rank 3 (host node7, pid 4711)"
    Clock::time_point since, heard, spoke;
    bool goodbye = false;  // its closing is no death
    bool lost = false;     // reported as silent
  };

  void connect_to_parent(const Membership& membership, const std::vector<std::string>& addresses);

  // The thread. Everything below is called with the mutex held.
  void run() noexcept;
  void serve(std::unique_lock<std::mutex>& lock);
  void wait(std::unique_lock<std::mutex>& lock);
  void accept_all();
  void read(Link& link);
  void handle(Link& link, const Frame& frame);
  void handle_hello(Link& link, const Frame& frame);
  void handle_contribution(Link& link, const Frame& frame);
  void handle_gathered(Link& link, const Frame& frame);
  void handle_not_come(const Frame& frame);
  void handle_goodbye(Link& link);
  void handle_closing(Link& link);
  void report_departed();
  void keep_time();
  void tell_own_failure();
  void drop_closed();
  void close_all();
  [[nodiscard]] bool flushed() const;
  [[nodiscard]] int poll_timeout_ms() const;

  void tell(Link& link, FrameType type, std::string_view payload);
  void tell_children(FrameType type, std::string_view payload);
  void tell_all(const FailureReport& verdict, const Link* except);  // the other ranks
  void spread(const FailureReport& verdict, const Link* except);    // them and this one
  void contribute(std::uint64_t sequence, int rank, std::string_view bytes);
  void answer_who_has_not_come(std::uint64_t sequence);
  [[nodiscard]] Link* link_to(int rank);
  void check_failure(std::unique_lock<std::mutex>& lock);
  [[noreturn]] void fail_gather(std::unique_lock<std::mutex>& lock, std::uint64_t sequence);
  void wake() noexcept;

  const ControlTree tree_;
  const Secret secret_;
  const std::uint64_t communicator_;
  const Settings settings_;
  Failure& failure_;
  const ControlListener listener_;
  const FileDescriptor wake_;   // eventfd: a caller has queued something
  const Deadline children_by_;  // all children are to have connected

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Link>> links_;  // only the thread adds and removes
  std::vector<int> awaited_;                  // children that have not connected yet
  Gathering gathering_;                       // at the root
  std::uint64_t next_sequence_ = 0;
  std::optional<std::uint64_t> waiting_for_;  // the exchange that a caller waits for
  std::optional<Exchange> result_;            // it, when it has come
  std::optional<std::string> not_come_;       // or who keeps it from coming
  int departed_ = -1;                         // a neighbour that said goodbye
  bool told_ = false;                         // the others know of a failure
  bool left_ = false;
  bool stopping_ = false;
  Deadline stop_by_{};

  std::thread thread_;
};

}  // namespace tutti
