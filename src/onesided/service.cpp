#include "onesided/service.hpp"

#include <algorithm>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.hpp"
#include "bootstrap/service_thread.hpp"

namespace tutti::onesided {
namespace {

/// The clock and the failure are looked at every so many empty polls.
constexpr unsigned kCheckEvery = 64;
/// A sleeping call looks around this often even if nobody rings: a failure is recorded without ringing.
constexpr int kSleepMs = 20;
/// Where ranks outnumber cores a spinning thread holds up the one it waits for.
constexpr long long kCrowdedSpinNs = 2'000;
/// The thread looks around this often while calls come.
constexpr std::chrono::milliseconds kTick{1};
/// And so often while nothing happens at all.
constexpr int kNapMs = 200;
/// A farewell that finds no room for so long is dropped.
constexpr int kFarewellMs = 2'000;

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

FileDescriptor make_bell() {
  FileDescriptor bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!bell) fail_errno(errno, "eventfd for one-sided communication");
  return bell;
}

std::vector<Transport*> pointers(const std::vector<std::unique_ptr<Transport>>& transports) {
  std::vector<Transport*> result;
  for (const auto& transport : transports) result.push_back(transport.get());
  return result;
}

}  // namespace

Service::Service(const World& world, std::vector<std::unique_ptr<Transport>> transports, Deadline deadline)
    : world_(world),
      transports_(std::move(transports)),
      spin_ns_(world.oversubscribed ? kCrowdedSpinNs : world.settings.spin_us * 1000LL),
      bell_(make_bell()),
      exchange_(world, pointers(transports_)),
      known_memory_(exchange_.transports()) {
  exchange_.connect(deadline);
  for (const auto& transport : transports_) fds_.push_back({transport->wake_fd(), POLLIN, 0});
  nap_fds_ = fds_;
  nap_fds_.push_back({bell_.get(), POLLIN, 0});
  thread_ = start_service_thread("tutti-onesided", [this] { background(); });
}

Service::~Service() {
  if (!finished_ && !world_.failure->failed()) {
    Operation farewell;
    farewell.kind = Operation::Kind::leave;
    try {
      if (!finish_within(farewell, after_ms(kFarewellMs)))
        TUTTI_LOG(warn, "a rank takes no farewell of one-sided communication; it is stuck");
    } catch (const std::exception&) {  // failed meanwhile: all know
    }
  }
  stop();
}

void Service::stop() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(lock_);
    stop_ = true;
  }
  wake_.notify_all();
  kick();
  thread_.join();
}

Window& Service::add(std::span<std::byte> memory) {
  const std::lock_guard guard(lock_);
  return exchange_.add(memory);
}

Description Service::describe(Window& window) {
  const std::lock_guard guard(lock_);
  return exchange_.describe(window);
}

void Service::know(Window& window, std::span<const Description> descriptions) {
  const std::lock_guard guard(lock_);
  exchange_.know(window, descriptions);
}

void Service::add_memory(std::byte* data, std::size_t bytes) {
  const std::lock_guard guard(lock_);
  for (const auto& transport : transports_) transport->add_memory(data, bytes);
}

void Service::remove_memory(std::byte* data, std::size_t bytes) noexcept {
  const std::lock_guard guard(lock_);
  for (const auto& transport : transports_) transport->remove_memory(data, bytes);
}

void Service::remove(const Window& window) {
  Operation fence;
  fence.kind = Operation::Kind::fence;
  fence.window = &window;
  run(fence);
  const std::lock_guard guard(lock_);
  exchange_.remove(window);
}

void Service::finish() {
  Operation fence;
  fence.kind = Operation::Kind::fence;
  run(fence);
  Operation farewell;
  farewell.kind = Operation::Kind::depart;
  run(farewell);
  stop();
  finished_ = true;
}

// In a call.

void Service::run(Operation& operation) {
  if (!finish_within(operation, Deadline::max())) world_.failure->check();
}

bool Service::advance(Operation& operation, int microseconds) {
  return finish_within(operation, Clock::now() + std::chrono::microseconds(microseconds));
}

/// false: not over by then. Throws the failure.
bool Service::finish_within(Operation& operation, Deadline end) {
  world_.failure->check();
  const bool bounded = end != Deadline::max();
  // relaxed: an aborting thread only has to see it in time, and no call may start while it looks.
  running_.store(true, std::memory_order_relaxed);
  Poll last;
  {
    const std::lock_guard guard(lock_);
    enter();
    known_memory_.refresh();
    while ((last = poll(operation)) != Poll::over) {
      if (last == Poll::nothing) last = rest(operation);
      if (last == Poll::over || world_.failure->failed()) break;
      if (last == Poll::moved) operation.idle_polls = 0;
      if (bounded && operation.idle_polls % kCheckEvery == 0 && passed(end)) break;
    }
  }
  running_.store(false, std::memory_order_release);  // what the call did is over
  if (last != Poll::over) world_.failure->check();
  return last == Poll::over;
}

/// The thread's sleep ends, if it is in one: this thread looks after the transports now.
void Service::enter() noexcept {
  ++calls_;
  if (!armed_) return;
  disarm();
  armed_ = false;
  kick();
}

Service::Poll Service::poll(Operation& operation) noexcept {
  if (exchange_.advance(operation)) return Poll::over;
  const bool served = exchange_.serve();
  if (!served) pump();
  return served ? Poll::moved : Poll::nothing;
}

/// After a poll that found nothing.
Service::Poll Service::rest(Operation& operation) noexcept {
  const unsigned polls = ++operation.idle_polls;
  if (polls % kCheckEvery != 0 && !(world_.oversubscribed && polls > 1)) {
    relax();
    return Poll::nothing;
  }
  const auto now = Clock::now();
  if (operation.idle_since == Clock::time_point{} || polls <= kCheckEvery) operation.idle_since = now;
  const auto idle_ns = (now - operation.idle_since).count();
  if (world_.settings.timeout_ms > 0 && idle_ns > world_.settings.timeout_ms * 1'000'000LL)
    report_stall(operation);
  return idle_ns > spin_ns_ ? sleep(operation) : Poll::nothing;
}

Service::Poll Service::sleep(Operation& operation) noexcept {
  arm();
  const Poll last = poll(operation);  // what came before the bell was armed rings nobody
  if (last == Poll::nothing) ::poll(fds_.data(), fds_.size(), kSleepMs);
  disarm();
  return last;
}

void Service::pump() noexcept {
  for (const auto& transport : transports_) {
    if (transport->needs_progress()) transport->progress();
  }
}

void Service::arm() noexcept {
  for (const auto& transport : transports_) transport->arm();
}

void Service::disarm() noexcept {
  for (const auto& transport : transports_) transport->disarm();
}

void Service::report_stall(const Operation& operation) noexcept {
  world_.failure->report(
      Code::timeout, -1,
      fmt::format("rank {}: a one-sided call has not moved for {} ms: {}. A peer is stuck or did not call "
                  "its part; TUTTI_TIMEOUT_MS sets the limit",
                  world_.rank, world_.settings.timeout_ms, exchange_.waiting_for(operation)));
}

void Service::wait_until_left() const noexcept {
  // acquire: what the call did is over.
  while (running_.load(std::memory_order_acquire)) std::this_thread::yield();
}

// Between calls.

void Service::background() noexcept {
  set_log_rank(world_.rank);
  std::unique_lock lock(lock_);
  std::uint64_t seen = calls_;
  while (!stop_ && !world_.failure->failed()) {
    pump();
    if (exchange_.serve()) {
      lock.unlock();  // a call may come in
      lock.lock();
    } else if (calls_ != seen) {
      seen = calls_;
      wake_.wait_for(lock, kTick, [this] { return stop_; });
    } else {
      nap(lock);
    }
  }
}

/// Sleeps until a peer or a call rings.
void Service::nap(std::unique_lock<std::mutex>& lock) noexcept {
  arm();
  armed_ = true;
  pump();
  if (!exchange_.serve()) {
    lock.unlock();
    ::poll(nap_fds_.data(), nap_fds_.size(), kNapMs);
    lock.lock();
  }
  if (armed_) disarm();
  armed_ = false;
  std::uint64_t rung = 0;
  (void)!::read(bell_.get(), &rung, sizeof rung);  // nothing there: nobody has rung
}

void Service::kick() noexcept {
  const std::uint64_t once = 1;
  (void)!::write(bell_.get(), &once, sizeof once);  // full: it rings already
}

}  // namespace tutti::onesided
