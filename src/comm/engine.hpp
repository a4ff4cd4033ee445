// Runs plans in order: at once in the calling thread where nothing is queued, else from a queue that the
// communicator's progress thread works off, or whoever waits.
//
// Threads: everything but the progress thread is called by one thread at a time (the communicator's user).
// The lock guards the queue and the run at hand; the synchronous path takes it only when something is queued.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "execute/wait.hpp"
#include "transport/known_memory.hpp"

namespace tutti {

/// Memory for the partial results of plans, and for inputs that have to be prepared. Aligned to cache lines;
/// grows, never shrinks.
class Arena {
 public:
  /// At least `bytes`; what was in it is lost when it grows.
  [[nodiscard]] std::byte* reserve(std::size_t bytes);
  ~Arena();

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A handle on running collectives, counted down as each ends. Shared by its owner and the queues.
class Work {
 public:
  explicit Work(int calls) : left_(calls) {}
  [[nodiscard]] bool done() const noexcept {
    return left_.load(std::memory_order_acquire) == 0;
  }  // sees the results
  /// One call ended; an empty sentence is success. The first failure is kept.
  void finish_one(Code code, const std::string& sentence) noexcept;
  /// Once done(): throws the failure, if there was one.
  void check() const;

 private:
  std::atomic<int> left_;
  std::mutex lock_;  // guards the two below until done
  Code code_ = Code::success;
  std::string sentence_;
};

/// Something other than a plan that takes its turn in a queue.
class Task {
 public:
  virtual ~Task() = default;
  /// Moves it on for about so long. true: over. Throws the communicator's failure.
  [[nodiscard]] virtual bool advance(int microseconds) = 0;
};

class Engine {
 public:
  Engine(const World& world, Connections& connections);
  ~Engine();

  /// Makes room for runs of the plan; once per plan, while nothing runs or with a Pause.
  void prepare(const Plan& plan) { run_.reserve(plan); }

  /// Opens the readers' ends that plans still need; waits for their writers. Throws the communicator's
  /// failure, which it is when one does not come in time.
  void connect(const Plan& plan);
  /// Runs the plan now and returns when it is done; what is queued goes first. Throws the communicator's
  /// failure. `buffers`: the user's, without scratch.
  void run(Plan& plan, std::span<std::byte* const> buffers);

  /// Queues the plan; `keep` lives until it is done.
  void enqueue(Plan& plan, std::vector<std::byte*> buffers, std::shared_ptr<Work> work,
               std::shared_ptr<void> keep);
  void enqueue(std::shared_ptr<Task> task, std::shared_ptr<Work> work);
  /// Moves the queue on for a moment, unless the progress thread is at it.
  void help() noexcept;
  /// Waits until nothing is queued, and the works of what was are done().
  void drain() noexcept;
  /// After an abort: waits until a run() in another thread has returned and the queue has emptied.
  void wait_until_left() noexcept;
  [[nodiscard]] bool idle() const noexcept { return queued_.load(std::memory_order_acquire) == 0; }

  /// Holds the progress thread off while the caller changes what runs use (connections).
  class Pause {
   public:
    explicit Pause(Engine& engine);
    ~Pause();

   private:
    Engine& engine_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  struct Item {
    Plan* plan;  // nullptr: a task
    std::vector<std::byte*> buffers;
    std::shared_ptr<Work> work;
    std::shared_ptr<void> keep;
    std::shared_ptr<Task> task = nullptr;
    bool started = false;
    Deadline connects_by{};  // for the readers' ends it needs; set when it comes to the front
  };

  void enqueue(Item item);
  [[nodiscard]] bool advance(Item& item);
  void begin(Plan& plan, std::span<std::byte* const> buffers);
  [[noreturn]] void throw_failure() const;
  [[nodiscard]] Error reported(const Error& error, const Plan& plan);
  void advance_queue() noexcept;
  bool start(Item& item);
  void finish_front(Code code, const std::string& sentence) noexcept;
  void progress_thread() noexcept;

  const World& world_;
  Connections& connections_;
  Waiter waiter_;
  KnownMemory known_memory_;
  Run run_;
  Arena scratch_;

  std::mutex lock_;
  std::condition_variable wake_;
  std::deque<Item> queue_;
  std::atomic<int> queued_{0};   // queue_.size(); 0 is set last, when the thread no longer touches the run
  std::atomic<int> helpers_{0};  // user threads that want the lock: the progress thread stands back
  std::atomic<bool> running_{false};  // a run() is in progress
  bool stop_ = false;
  std::thread thread_;  // started with the first queued plan
};

}  // namespace tutti
