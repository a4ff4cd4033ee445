#include "comm/engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/log.hpp"

namespace tutti {
namespace {

/// The progress thread looks around this often.
constexpr int kSliceUs = 50;
/// A peer's first call is waited for in glances of so long, so that the lock is free between them.
constexpr int kGlanceMs = 1;

}  // namespace

std::byte* Arena::reserve(std::size_t bytes) {
  if (bytes <= bytes_) return data_;
  const std::size_t wanted = (bytes + 4095) / 4096 * 4096;
  void* fresh = std::aligned_alloc(4096, wanted);
  if (fresh == nullptr) {
    fail(Code::system_error,
         "{} MiB of memory for partial results are not to be had; free memory or use another algorithm",
         wanted >> 20);
  }
  std::free(data_);
  data_ = static_cast<std::byte*>(fresh);
  bytes_ = wanted;
  return data_;
}

Arena::~Arena() {
  std::free(data_);
}

void Work::finish_one(Code code, const std::string& sentence) noexcept {
  if (code != Code::success) {
    const std::lock_guard guard(lock_);
    if (code_ == Code::success) {
      code_ = code;
      sentence_ = sentence;
    }
  }
  left_.fetch_sub(
      1, std::memory_order_acq_rel);  // publishes the results, and the other calls' results before it
}

void Work::check() const {
  if (code_ != Code::success) throw Error(code_, sentence_);
}

Engine::Engine(const World& world, Connections& connections)
    : world_(world),
      connections_(connections),
      waiter_(world, connections.transports()),
      known_memory_(connections.transports()) {}

Engine::~Engine() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(lock_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Engine::throw_failure() const {
  world_.failure->check();
  fail(Code::internal_error, "a wait ended without a reason");
}

/// Makes the error the communicator's failure, with what this rank called: the others may have called
/// something else.
Error Engine::reported(const Error& error, const Plan& plan) {
  Failure& failure = *world_.failure;
  if (failure.failed()) return error;  // it comes from there
  Error whole(error.code(),
              fmt::format("{} (rank {} called {})", error.what(), world_.rank, describe_signature(plan.tag)),
              error.rank());
  failure.report(whole.code(), whole.rank(), whole.what());
  return whole;
}

void Engine::connect(const Plan& plan) {
  if (connections_.complete()) return;
  const Pause pause(*this);
  try {
    connections_.open_inlets(after_ms(world_.settings.init_timeout_ms));
  } catch (const Error& error) {
    throw reported(error, plan);
  }
}

void Engine::begin(Plan& plan, std::span<std::byte* const> buffers) {
  known_memory_.refresh();
  run_.start(plan, plan.scratch_bytes == 0 ? nullptr : scratch_.reserve(plan.scratch_bytes), buffers);
}

void Engine::run(Plan& plan, std::span<std::byte* const> buffers) {
  if (!idle()) drain();
  if (world_.failure->failed()) throw_failure();
  begin(plan, buffers);
  // relaxed: an aborting thread only has to see it in time, and no call may start while it looks.
  running_.store(true, std::memory_order_relaxed);
  const bool done = waiter_.finish(run_);
  running_.store(false, std::memory_order_release);  // what the run did is over
  if (!done) throw_failure();
}

void Engine::wait_until_left() noexcept {
  while (running_.load(std::memory_order_acquire) || !idle()) std::this_thread::yield();
}

void Engine::enqueue(Plan& plan, std::vector<std::byte*> buffers, std::shared_ptr<Work> work,
                     std::shared_ptr<void> keep) {
  enqueue(Item{&plan, std::move(buffers), std::move(work), std::move(keep)});
}

void Engine::enqueue(std::shared_ptr<Task> task, std::shared_ptr<Work> work) {
  enqueue(Item{nullptr, {}, std::move(work), nullptr, std::move(task)});
}

void Engine::enqueue(Item item) {
  {
    const Pause pause(*this);
    if (!thread_.joinable()) thread_ = std::thread([this] { progress_thread(); });
    queue_.push_back(std::move(item));
    // relaxed: the thread that takes the item takes the lock first.
    queued_.fetch_add(1, std::memory_order_relaxed);
  }
  wake_.notify_one();
}

void Engine::help() noexcept {
  // relaxed: a hint to stand back; the lock orders everything else.
  helpers_.fetch_add(1, std::memory_order_relaxed);
  bool helped = false;
  if (lock_.try_lock()) {
    helped = !queue_.empty();
    if (helped) advance_queue();
    lock_.unlock();
  }
  helpers_.fetch_sub(1, std::memory_order_relaxed);
  if (!idle()) wake_.notify_one();
  if (!helped) std::this_thread::yield();
}

void Engine::drain() noexcept {
  while (!idle()) help();
  const std::lock_guard guard(lock_);  // whoever ended the last one holds it until its work says so
}

Engine::Pause::Pause(Engine& engine) : engine_(engine) {
  engine_.helpers_.fetch_add(1, std::memory_order_relaxed);  // as in help()
  lock_ = std::unique_lock(engine_.lock_);
}

Engine::Pause::~Pause() {
  engine_.helpers_.fetch_sub(1, std::memory_order_relaxed);
  lock_.unlock();
  engine_.wake_.notify_one();
}

/// Opens what the item needs and begins its run; false: a peer has not opened its end yet.
bool Engine::start(Item& item) {
  if (!connections_.complete()) {
    if (item.connects_by == Deadline{}) item.connects_by = after_ms(world_.settings.init_timeout_ms);
    try {
      connections_.open_inlets(std::min(item.connects_by, after_ms(kGlanceMs)));
    } catch (const Error& error) {
      if (error.code() != Code::timeout || passed(item.connects_by)) throw;
      return false;
    }
  }
  begin(*item.plan, item.buffers);
  item.started = true;
  return true;
}

/// true: over.
bool Engine::advance(Item& item) {
  world_.failure->check();
  if (item.task != nullptr) return item.task->advance(kSliceUs);
  if (!item.started && !start(item)) return false;
  return waiter_.advance(run_, kSliceUs) == Progress::done;
}

/// With the lock held: a slice of the first item.
void Engine::advance_queue() noexcept {
  Item& item = queue_.front();
  try {
    if (advance(item)) finish_front(Code::success, {});
  } catch (const Error& error) {
    const Error whole = item.plan == nullptr ? error : reported(error, *item.plan);
    finish_front(whole.code(), whole.what());
  } catch (const std::exception& error) {
    world_.failure->report(Code::internal_error, -1, error.what());
    finish_front(Code::internal_error, error.what());
  }
}

void Engine::finish_front(Code code, const std::string& sentence) noexcept {
  const std::shared_ptr<Work> work = std::move(queue_.front().work);
  queue_.pop_front();
  queued_.fetch_sub(1, std::memory_order_release);  // whoever sees 0 sees the run's last effects
  work->finish_one(code, sentence);
}

void Engine::progress_thread() noexcept {
  set_log_rank(world_.rank);
  std::unique_lock lock(lock_);
  while (!stop_) {
    wake_.wait(
        lock, [this] { return stop_ || (!queue_.empty() && helpers_.load(std::memory_order_relaxed) == 0); });
    if (!stop_) advance_queue();
    if (helpers_.load(std::memory_order_relaxed) > 0) {  // let them have the lock
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
  }
  for (Item& item : queue_)
    item.work->finish_one(Code::invalid_usage, "the communicator was destroyed before the call ended");
}

}  // namespace tutti
