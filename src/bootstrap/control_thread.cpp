// Construction, the thread's loop and its clock. What is said between ranks: control_messages.cpp.
#include "bootstrap/control_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/network.hpp"
#include "bootstrap/dial.hpp"
#include "bootstrap/endpoint.hpp"
#include "bootstrap/service_thread.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {
constexpr int kPatience_ms = 10'000;  // for a stranger to prove itself and say who it is
constexpr int kFarewell_ms = 1'000;   // for the last words of a rank that is destroyed
constexpr int kCrowded_ms = 100;      // pause of accepting when no file descriptor is free

FileDescriptor make_eventfd() {
  FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) fail_errno(errno, "eventfd() for the control plane");
  return event;
}
}  // namespace

ControlThread::Link::Link(std::unique_ptr<Channel> connection, int neighbour)
    : channel(std::move(connection)),
      rank(neighbour),
      who(fmt::format("rank {}", neighbour)),
      since(Clock::now()),
      heard(since),
      spoke(since) {}

ControlThread::ControlThread(const Membership& membership, ControlListener listener,
                             const std::vector<std::string>& addresses, const Settings& settings,
                             Failure& failure, int fan_out)
    : tree_{membership.rank, membership.size, fan_out},
      secret_(derive(membership.secret, "control plane")),
      communicator_(membership.communicator),
      settings_(settings),
      failure_(failure),
      listener_(std::move(listener)),
      wake_(make_eventfd()),
      children_by_(after_ms(settings.init_timeout_ms)),
      awaited_(tree_.children()),
      gathering_(membership.size) {
  if (tree_.parent() >= 0) connect_to_parent(membership, addresses);
  if (tree_.size > 1) thread_ = start_service_thread("tutti-control", [this] { run(); });
}

void ControlThread::connect_to_parent(const Membership& membership,
                                      const std::vector<std::string>& addresses) {
  const int parent = tree_.parent();
  TUTTI_ASSERT(static_cast<int>(addresses.size()) == tree_.size, addresses.size(), tree_.size);
  const auto endpoint = decode_endpoint(addresses[static_cast<std::size_t>(parent)]);
  if (!endpoint)
    throw Error(Code::internal_error, fmt::format("rank {} gave an address that cannot be read", parent),
                parent);
  const std::string whom =
      fmt::format("the control plane of rank {} (from rank {})", parent, membership.rank);
  try {
    auto channel = dial({whom, candidates(*endpoint, settings_), secret_, communicator_, children_by_});
    links_.push_back(std::make_unique<Link>(std::move(channel), parent));
  } catch (const Error& error) {
    throw Error(error.code(), error.what(), parent);
  }
  tell(*links_.back(), FrameType::hello, Packer().number(tree_.rank).text(describe_self()).bytes());
}

ControlThread::~ControlThread() {
  try {
    const std::lock_guard lock(mutex_);
    if (!left_ && failure_.failed() && !told_) tell_all(own_failure(failure_), nullptr);
    if (!left_ && !failure_.failed())
      tell_all({Code::remote_error, tree_.rank,
                fmt::format("rank {} ({}) gave its communicator up without finishing it", tree_.rank,
                            describe_self())},
               nullptr);
    for (const auto& link : links_)
      if (!left_) tell(*link, FrameType::goodbye, "");
    left_ = stopping_ = true;
    stop_by_ = after_ms(kFarewell_ms);
  } catch (const std::exception& error) {
    TUTTI_LOG(warn, "rank {} leaves its control plane without a word: {}", tree_.rank, error.what());
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void ControlThread::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void ControlThread::run() noexcept {
  set_log_rank(tree_.rank);
  std::unique_lock lock(mutex_);
  try {
    // A child that has not come yet would find a closed door, and take this rank for dead.
    const auto owes_a_word = [this] { return !flushed() || !awaited_.empty(); };
    while (!stopping_ || (owes_a_word() && !passed(stop_by_))) serve(lock);
    close_all();
  } catch (const std::exception& error) {
    failure_.report(Code::internal_error, tree_.rank,
                    fmt::format("the control plane of rank {} ended: {}", tree_.rank, error.what()));
    changed_.notify_all();
  }
}

void ControlThread::serve(std::unique_lock<std::mutex>& lock) {
  wait(lock);
  for (const auto& link : links_) read(*link);
  drop_closed();
  accept_all();
  keep_time();
  tell_own_failure();
}

// Sleeps until a socket, a caller or the clock has something to do. Callers may queue frames meanwhile; the
// links stay.
void ControlThread::wait(std::unique_lock<std::mutex>& lock) {
  std::vector<pollfd> sockets{{wake_.get(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}};
  for (const auto& link : links_)
    sockets.push_back({link->channel->fd(),
                       static_cast<short>(POLLIN | (link->channel->wants_to_write() ? POLLOUT : 0)), 0});
  const int timeout_ms = poll_timeout_ms();
  lock.unlock();
  ::poll(sockets.data(), sockets.size(), timeout_ms);
  lock.lock();
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
}

int ControlThread::poll_timeout_ms() const {
  Deadline next = after_ms(settings_.heartbeat_ms);
  if (stopping_) next = std::min(next, stop_by_);
  return ms_until(next);
}

void ControlThread::accept_all() {
  while (FileDescriptor socket = accept_connection(listener_.fd())) {
    auto channel =
        std::make_unique<Channel>(std::move(socket), Channel::Role::server, secret_, communicator_);
    links_.push_back(std::make_unique<Link>(std::move(channel), -1));
  }
  if (errno != EMFILE && errno != ENFILE) return;
  const auto stranger = std::find_if(links_.begin(), links_.end(),
                                     [](const auto& link) { return !link->channel->authenticated(); });
  if (stranger != links_.end()) {
    links_.erase(stranger);
  } else {
    ::poll(nullptr, 0, kCrowded_ms);
  }
}

void ControlThread::read(Link& link) {
  link.channel->progress();
  while (auto frame = link.channel->receive()) {
    link.heard = Clock::now();
    handle(link, *frame);
  }
}

void ControlThread::keep_time() {
  const Clock::time_point now = Clock::now();
  const auto ms_since = [&](Clock::time_point past) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - past).count();
  };
  for (const auto& link : links_) {
    if (link->rank < 0 && ms_since(link->since) > kPatience_ms) link->channel->close("it kept silent");
    if (link->rank < 0 || link->goodbye) continue;
    if (ms_since(link->spoke) >= settings_.heartbeat_ms) tell(*link, FrameType::heartbeat, "");
    const auto silent_ms = ms_since(link->heard);
    if (settings_.control_timeout_ms == 0 || link->lost || silent_ms <= settings_.control_timeout_ms)
      continue;
    link->lost = true;
    spread({Code::remote_error, link->rank,
            fmt::format("{} has not answered for {}: its process is stopped, or its host cannot be reached "
                        "(TUTTI_CONTROL_TIMEOUT_MS is how long to wait; 0: for ever)",
                        link->who, duration_text(silent_ms))},
           nullptr);  // it too: once it runs again, it learns what the others think of it
  }
  if (awaited_.empty() || stopping_ || !passed(children_by_)) return;
  spread({Code::remote_error, awaited_.front(),
          fmt::format("{} joined, but did not connect to the control plane of rank {} within {}",
                      ranks_text(awaited_), tree_.rank, duration_text(settings_.init_timeout_ms))},
         nullptr);
  awaited_.clear();
}

// What a transport or a stalled call has reported: the others wait for this rank in vain.
void ControlThread::tell_own_failure() {
  if (told_ || left_ || !failure_.settled()) return;
  tell_all(own_failure(failure_), nullptr);
  changed_.notify_all();
}

void ControlThread::drop_closed() {
  for (const auto& link : links_)
    if (link->channel->closed()) handle_closing(*link);
  const auto closed = [](const std::unique_ptr<Link>& link) { return link->channel->closed(); };
  links_.erase(std::remove_if(links_.begin(), links_.end(), closed), links_.end());
}

bool ControlThread::flushed() const {
  return std::none_of(links_.begin(), links_.end(),
                      [](const auto& link) { return link->channel->wants_to_write(); });
}

// First the end of what we say, then a last look at what came: closing over unread bytes would make the
// kernel cut the connection, and our last words with it.
void ControlThread::close_all() {
  for (const auto& link : links_) ::shutdown(link->channel->fd(), SHUT_WR);
  for (const auto& link : links_) link->channel->progress();
  links_.clear();
}

}  // namespace tutti
