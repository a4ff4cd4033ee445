// What ranks say to each other over the control plane, and what the callers of ControlPlane ask for.
#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "bootstrap/control_thread.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {
constexpr auto kGlance = std::chrono::milliseconds(20);  // how often a waiting caller looks at the failure
constexpr int kAnswer_ms = 1'000;                        // for the root to say who has not come
}  // namespace

// Saying.

void ControlThread::tell(Link& link, FrameType type, std::string_view payload) {
  if (link.channel->closed()) return;
  link.channel->send(type, payload);
  link.spoke = Clock::now();
}

void ControlThread::tell_children(FrameType type, std::string_view payload) {
  for (const auto& link : links_)
    if (tree_.has_child(link->rank)) tell(*link, type, payload);
}

ControlThread::Link* ControlThread::link_to(int rank) {
  const auto found =
      std::find_if(links_.begin(), links_.end(), [&](const auto& link) { return link->rank == rank; });
  return rank < 0 || found == links_.end() ? nullptr : found->get();
}

// A tree has no circles: each rank passes it on once.
void ControlThread::tell_all(const FailureReport& verdict, const Link* except) {
  told_ = true;
  const std::string payload = pack(verdict);
  for (const auto& link : links_)
    if (link.get() != except && link->rank >= 0) tell(*link, FrameType::failure, payload);
}

void ControlThread::spread(const FailureReport& verdict, const Link* except) {
  if (!left_)
    failure_.report(verdict.code, verdict.rank, verdict.sentence);  // a rank that has left does not care
  changed_.notify_all();
  tell_all(verdict, except);
}

// Listening.

void ControlThread::handle(Link& link, const Frame& frame) {
  if (link.rank < 0 && frame.type != FrameType::hello) return link.channel->close("it did not say who it is");
  switch (frame.type) {
    case FrameType::hello: return handle_hello(link, frame);
    case FrameType::failure: return spread(unpack_report(frame.payload), &link);
    case FrameType::goodbye: return handle_goodbye(link);
    case FrameType::contribution: return handle_contribution(link, frame);
    case FrameType::gathered: return handle_gathered(link, frame);
    case FrameType::who_has_not_come:
      return answer_who_has_not_come(Unpacker(frame.payload).number<std::uint64_t>());
    case FrameType::not_come: return handle_not_come(frame);
    default: return;  // a heartbeat, or something that a later version says
  }
}

void ControlThread::handle_hello(Link& link, const Frame& frame) {
  Unpacker from(frame.payload);
  const int rank = from.number<int>();
  const std::string_view who = from.text();
  const auto awaited = std::find(awaited_.begin(), awaited_.end(), rank);
  const bool parent = link.rank >= 0 && link.rank == rank;
  if (!from.ok() || (!parent && awaited == awaited_.end()))
    return link.channel->close("its hello makes no sense");
  link.who = fmt::format("rank {} ({})", rank, who);
  if (parent) return;
  link.rank = rank;
  awaited_.erase(awaited);
  tell(link, FrameType::hello, Packer().number(tree_.rank).text(describe_self()).bytes());
  // What was said to all before this child came.
  if (failure_.failed()) tell(link, FrameType::failure, pack(own_failure(failure_)));
  if (left_) tell(link, FrameType::goodbye, "");
}

void ControlThread::handle_goodbye(Link& link) {
  link.goodbye = true;
  departed_ = link.rank;
  // Results travel ahead of goodbyes: an exchange that is still open now can never be completed.
  if (waiting_for_ && !result_) report_departed();
}

void ControlThread::report_departed() {
  spread({Code::invalid_usage, departed_,
          fmt::format("rank {} left the communicator while rank {} was in an exchange with all ranks",
                      departed_, tree_.rank)},
         nullptr);
}

void ControlThread::handle_closing(Link& link) {
  if (link.rank < 0 || link.goodbye) return;
  link.goodbye = true;  // said once
  spread({Code::remote_error, link.rank,
          fmt::format("{} died: {} (control plane); what that rank printed last may say why", link.who,
                      link.channel->reason())},
         &link);
}

// Exchanges: contributions go up to the root one by one, the whole comes down.

void ControlThread::contribute(std::uint64_t sequence, int rank, std::string_view bytes) {
  if (tree_.parent() >= 0) {
    if (Link* parent = link_to(tree_.parent()))
      tell(*parent, FrameType::contribution, Packer().number(sequence).number(rank).text(bytes).bytes());
    return;
  }
  auto by_rank = gathering_.add(sequence, rank, bytes);
  if (!by_rank) return;
  tell_children(FrameType::gathered, pack_exchange(sequence, *by_rank));
  if (waiting_for_ == sequence) result_ = Exchange{sequence, std::move(*by_rank)};
  changed_.notify_all();
}

void ControlThread::handle_contribution(Link& link, const Frame& frame) {
  Unpacker from(frame.payload);
  const auto sequence = from.number<std::uint64_t>();
  const int rank = from.number<int>();
  const std::string_view bytes = from.text();
  if (!from.ok() || rank < 0 || rank >= tree_.size) return link.channel->close("it sent what cannot be read");
  contribute(sequence, rank, bytes);
}

void ControlThread::handle_gathered(Link& link, const Frame& frame) {
  auto exchange = unpack_exchange(frame.payload, tree_.size);
  if (!exchange) return link.channel->close("it sent what cannot be read");
  tell_children(FrameType::gathered, frame.payload);
  if (waiting_for_ == exchange->sequence) result_ = std::move(exchange);
  changed_.notify_all();
}

void ControlThread::answer_who_has_not_come(std::uint64_t sequence) {
  if (Link* parent = link_to(tree_.parent()))
    return tell(*parent, FrameType::who_has_not_come, Packer().number(sequence).bytes());
  if (tree_.parent() >= 0) return;
  const Frame answer{FrameType::not_come,
                     Packer().number(sequence).text(ranks_text(gathering_.missing(sequence))).take()};
  handle_not_come(answer);
}

void ControlThread::handle_not_come(const Frame& frame) {
  tell_children(FrameType::not_come, frame.payload);
  Unpacker from(frame.payload);
  const auto sequence = from.number<std::uint64_t>();
  const std::string_view ranks = from.text();
  if (from.ok() && waiting_for_ == sequence) not_come_ = ranks;
  changed_.notify_all();
}

// What callers ask for.

std::vector<std::string> ControlThread::all_gather(std::string mine, Deadline deadline) {
  std::unique_lock lock(mutex_);
  if (departed_ >= 0 && !failure_.failed()) report_departed();
  wake();
  check_failure(lock);
  const std::uint64_t sequence = next_sequence_++;
  waiting_for_ = sequence;
  result_.reset();
  not_come_.reset();
  contribute(sequence, tree_.rank, mine);
  wake();
  while (!result_ && !failure_.failed() && !passed(deadline))
    changed_.wait_until(lock, std::min(deadline, Clock::now() + kGlance));
  if (!result_) fail_gather(lock, sequence);
  waiting_for_.reset();
  return std::move(result_->by_rank);
}

// The thread needs the mutex to hear the verdict.
void ControlThread::check_failure(std::unique_lock<std::mutex>& lock) {
  while (failure_.failed() && !failure_.settled()) changed_.wait_for(lock, kGlance);
  failure_.check();
}

void ControlThread::fail_gather(std::unique_lock<std::mutex>& lock, std::uint64_t sequence) {
  if (!failure_.failed()) answer_who_has_not_come(sequence);
  wake();
  const Deadline answer = after_ms(kAnswer_ms);
  while (!not_come_ && !failure_.failed() && !passed(answer))
    changed_.wait_until(lock, std::min(answer, Clock::now() + kGlance));
  waiting_for_.reset();
  check_failure(lock);
  fail(Code::timeout,
       "{} of {} did not come in time to an exchange over the control plane, of which rank {} is part",
       not_come_.value_or("some ranks (rank 0 does not say which)"), tree_.size, tree_.rank);
}

void ControlThread::abort(std::string sentence) {
  const std::lock_guard lock(mutex_);
  if (!failure_.failed())
    tell_all({Code::remote_error, tree_.rank, fmt::format("rank {} aborted: {}", tree_.rank, sentence)},
             nullptr);
  else if (!told_)
    tell_all(own_failure(failure_), nullptr);
  wake();
}

void ControlThread::leave() {
  const std::lock_guard lock(mutex_);
  if (left_) return;
  left_ = true;
  for (const auto& link : links_)
    if (link->rank >= 0) tell(*link, FrameType::goodbye, "");
  wake();
}

}  // namespace tutti
