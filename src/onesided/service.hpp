// Who runs an Exchange: the calling thread while it is in a call, a thread of its own else. So what a peer
// puts arrives whatever this rank is doing, and a put never waits for its target's calls.
//
// A call holds the lock for as long as it takes, polls, then sleeps until a peer rings. The thread looks
// around every millisecond while calls come and go, and sleeps in the transports once none has come for that
// long: the calls themselves pay nothing for it.
//
// Threads: calls come from one thread at a time, the communicator's user; wait_until_left() from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <poll.h>

#include "base/clock.hpp"
#include "base/handle.hpp"
#include "onesided/exchange.hpp"
#include "transport/known_memory.hpp"

namespace tutti::onesided {

class Service {
 public:
  /// `transports`: its own, which nobody else uses; they have met. Connects with all peers and starts the
  /// thread. Throws timeout or the recorded failure.
  Service(const World& world, std::vector<std::unique_ptr<Transport>> transports, Deadline deadline);
  /// Says farewell to whoever is still there; waits only for room to say it.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// As Exchange has them.
  Window& add(std::span<std::byte> memory);
  [[nodiscard]] Description describe(Window& window);
  void know(Window& window, std::span<const Description> descriptions);
  /// As Transport has them: puts will come from there.
  void add_memory(std::byte* data, std::size_t bytes);
  void remove_memory(std::byte* data, std::size_t bytes) noexcept;
  /// Waits until nobody puts into it any more. Collective.
  void remove(const Window& window);
  /// Waits until everything that was put has landed, here and elsewhere; no call may follow. Collective.
  void finish();

  /// Moves the call on until it is over. Throws the failure.
  void run(Operation& operation);
  /// Moves it on for about so long. true: over. Throws the failure.
  [[nodiscard]] bool advance(Operation& operation, int microseconds);

  /// After an abort: waits until a call in another thread has returned.
  void wait_until_left() const noexcept;

 private:
  enum class Poll { over, moved, nothing };

  [[nodiscard]] Poll poll(Operation& operation) noexcept;
  [[nodiscard]] bool finish_within(Operation& operation, Deadline end);
  [[nodiscard]] Poll rest(Operation& operation) noexcept;
  [[nodiscard]] Poll sleep(Operation& operation) noexcept;
  void enter() noexcept;
  void pump() noexcept;
  void arm() noexcept;
  void disarm() noexcept;
  void report_stall(const Operation& operation) noexcept;
  void background() noexcept;
  void nap(std::unique_lock<std::mutex>& lock) noexcept;
  void kick() noexcept;
  void stop() noexcept;

  const World& world_;
  std::vector<std::unique_ptr<Transport>> transports_;
  const long long spin_ns_;
  FileDescriptor bell_;  // ends the thread's sleep
  // What a sleep ends by: of a call, and of the thread (its bell last). They may overlap for a moment.
  std::vector<pollfd> fds_, nap_fds_;

  std::mutex lock_;  // guards what follows
  Exchange exchange_;
  KnownMemory known_memory_;
  std::uint64_t calls_ = 0;
  bool armed_ = false;     // the thread sleeps, or is about to, with the transports armed
  bool finished_ = false;  // all have said farewell
  bool stop_ = false;
  std::condition_variable wake_;
  std::atomic<bool> running_{false};  // a call is in progress
  std::thread thread_;                // last: uses all of the above
};

}  // namespace tutti::onesided
