#include "comm/communicator.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tutti {
namespace {

/// More plans than this are thrown away and made anew.
constexpr std::size_t kMostPlans = 1024;
/// A round runs so many chunks ahead of the next: with one, both ends wait for each other at every chunk.
constexpr int kLag = 4;
/// Point-to-point messages have connections of their own.
constexpr int kTransferLane = 1 << 10;

/// A group of point-to-point calls as a program: all of one round, sends first.
Program transfer_program(const Call& call) {
  const int count = static_cast<int>(call.transfers.size());
  Program program(count, 1);
  for (int i = 0; i < count; ++i) {
    const Transfer& transfer = call.transfers[static_cast<std::size_t>(i)];
    if (transfer.sends) program.send(i, transfer.peer);
  }
  for (int i = 0; i < count; ++i) {
    const Transfer& transfer = call.transfers[static_cast<std::size_t>(i)];
    if (!transfer.sends) program.receive(transfer.peer, i);
  }
  return program;
}

/// What a peer's part looks like from here: as many messages to this rank as it receives.
Program mirrored_program(const Call& call, Rank self, Rank peer) {
  const int count = static_cast<int>(call.transfers.size());
  Program program(count, 1);
  for (int i = 0; i < count; ++i) {
    const Transfer& transfer = call.transfers[static_cast<std::size_t>(i)];
    if (!transfer.sends && transfer.peer == peer) program.send(i, self);
  }
  return program;
}

}  // namespace

std::size_t Communicator::KeyHash::operator()(const std::vector<std::uint64_t>& key) const noexcept {
  std::uint64_t hash = key.size();
  for (const std::uint64_t word : key) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 29;
  }
  return hash;
}

void Communicator::refuse_if_left() const {
  if (left_)
    fail(Code::invalid_usage, "tuttiCommFinalize ended this communicator: only tuttiCommDestroy may follow");
}

Plan& Communicator::plan(const Call& call) {
  refuse_if_left();
  key_.clear();
  call.append_key(key_);
  auto found = plans_.find(key_);
  if (found == plans_.end()) {
    const Engine::Pause pause(*engine_);
    if (plans_.size() >= kMostPlans && engine_->idle()) {
      plans_.clear();
      recent_.fill({});
    }
    found = plans_.emplace(key_, make_plan(call)).first;
    engine_->prepare(*found->second);
  }
  if (key_.size() == 2)
    recent_[(key_[1] ^ key_[0] ^ (key_[1] >> 7)) % recent_.size()] = {key_[0], key_[1], found->second.get()};
  return *found->second;
}

std::unique_ptr<Plan> Communicator::make_plan(const Call& call) {
  failure_.check();
  Parameters parameters;
  parameters.cache_share = cache_share_;
  if (call.collective == Collective::send_receive) {
    parameters.chunk_bytes = situation_.largest_chunk;
    parameters.lag = 0;
    parameters.first_lane = kTransferLane;
    return compile(
        call,
        [&](Rank r) { return r == rank() ? transfer_program(call) : mirrored_program(call, rank(), r); },
        parameters, *connections_);
  }
  const bool private_lengths = call.collective == Collective::all_to_all && call.is_vector();
  Choice choice = choose(situation_, {call.collective, call.root,
                                      private_lengths ? 0 : call.total_bytes(size()), private_lengths});
  if (private_lengths)
    choice.chunk_bytes = situation_.chunk_bytes != 0 ? choice.chunk_bytes : situation_.largest_chunk;
  parameters.lanes = choice.lanes;
  parameters.chunk_bytes = choice.chunk_bytes;
  parameters.lag = choice.pipelines ? kLag : 0;
  TUTTI_LOG(info, "{}", choice.why);
  const Shape shape{size(), call.root, situation_.ground.host_of};
  return compile(
      call, [&](Rank r) { return choice.algorithm->make(shape, r); }, parameters, *connections_);
}

std::string Communicator::label() const {
  const std::string& name = world_.settings.comm_name;
  return name.empty() ? name : fmt::format("communicator \"{}\": ", name);
}

void Communicator::add_memory(std::byte* data, std::size_t bytes) {
  const Engine::Pause pause(*engine_);
  for (const auto& transport : transports_) transport->add_memory(data, bytes);
  if (one_sided_) one_sided_->add_memory(data, bytes);
  prepared_.emplace_back(data, bytes);
}

void Communicator::remove_memory(std::byte* data, std::size_t bytes) noexcept {
  const Engine::Pause pause(*engine_);
  for (const auto& transport : transports_) transport->remove_memory(data, bytes);
  if (one_sided_) one_sided_->remove_memory(data, bytes);
  const auto known = std::find(prepared_.begin(), prepared_.end(), std::pair(data, bytes));
  if (known != prepared_.end()) prepared_.erase(known);
}

int Communicator::add_operator(const PreMultiply& op) {
  operators_.push_back(op);
  return static_cast<int>(operators_.size() - 1);
}

PreMultiply& Communicator::user_operator(int handle) {
  if (handle < 0 || static_cast<std::size_t>(handle) >= operators_.size() ||
      !operators_[static_cast<std::size_t>(handle)].alive) {
    fail(Code::invalid_argument,
         "op: {} given, 0 to {} allowed or an operator that tuttiRedOpCreatePreMulSum made on this "
         "communicator",
         handle + kOperators, kOperators - 1);
  }
  return operators_[static_cast<std::size_t>(handle)];
}

void Communicator::finalize() {
  engine_->drain();
  failure_.check();
  if (!left_ && one_sided_) one_sided_->finish();
  if (!left_) control_->leave();
  left_ = true;
  recent_.fill({});  // cached calls are refused, too
}

void Communicator::wait_until_left() noexcept {
  engine_->wait_until_left();
  if (one_sided_) one_sided_->wait_until_left();
}

void Communicator::abort(const std::string& sentence) noexcept {
  if (!failure_.failed())  // giving up because of a failure is no cause of its own
    failure_.report(Code::remote_error, rank(), fmt::format("rank {} aborted: {}", rank(), sentence));
  if (control_) control_->abort(Code::remote_error, sentence);
}

}  // namespace tutti
