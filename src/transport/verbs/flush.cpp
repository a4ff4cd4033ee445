#include "transport/verbs/flush.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "transport/verbs/status.hpp"

namespace tutti::verbs {
namespace {

constexpr QueuePair::Depth kDepth{64 + QueuePair::kReserve, 1};

PeerPort itself(const Rail& rail) noexcept {
  return {rail.ethernet, rail.lid, rail.gid.gid, rail.mtu};
}

}  // namespace

Flush::Flush(const Rail& rail, const Settings& settings, Failure& failure)
    : device_(rail.device),
      failure_(failure),
      place_(device_->completions().enroll(*this)),
      landing_(std::span(&device_, 1), 1, Use::source, "what flushes read") {
  try {
    if (const std::string* const why = landing_.refusal(*device_)) fail(Code::system_error, "{}", *why);
    pair_.emplace(rail, kDepth, Ticket{.endpoint = place_}, settings);
    pair_->connect(pair_->address(), itself(rail), "itself", settings);
  } catch (...) {
    pair_.reset();
    device_->completions().dismiss(place_, failure_);
    throw;
  }
}

Flush::~Flush() {
  pair_.reset();
  device_->completions().dismiss(place_, failure_);
}

void Flush::begin(const Registration& memory, const std::byte* data) noexcept {
  const ibv_mr& region = *memory.region(*device_);
  const Keys here{landing_.registration().region(*device_)->lkey}, there{region.rkey};
  pair_->read({landing_.data(), &here, 1}, {reinterpret_cast<std::uintptr_t>(data), &there});
  if (const int error = pair_->post(); error != 0)
    failure_.report(Code::system_error, -1,
                    fmt::format("ibv_post_send on {}, to flush the memory of a GPU: {}", pair_->rail().name(),
                                errno_text(error)));
}

void Flush::failed(const Ticket&, const ibv_wc& completion) noexcept {
  failure_.report(
      Code::system_error, -1,
      fmt::format("the memory of a GPU cannot be flushed through {}: {} (status {}, vendor code {:#x}); "
                  "what came into it may not be there yet",
                  pair_ ? pair_->rail().name() : device_->name(), words(completion.status),
                  static_cast<int>(completion.status), completion.vendor_err));
}

void Flushes::prepare(std::span<const Rail> rails, const Settings& settings, Failure& failure) {
  if (!flushes_.empty()) return;
  std::vector<std::unique_ptr<Flush>> made;
  std::vector<std::shared_ptr<Device>> seen;
  for (const Rail& rail : rails) {
    if (std::find(seen.begin(), seen.end(), rail.device) != seen.end()) continue;
    seen.push_back(rail.device);
    made.push_back(std::make_unique<Flush>(rail, settings, failure));
  }
  flushes_ = std::move(made);
}

std::optional<std::uint32_t> Flushes::begin(const Registration& memory, const std::byte* data) noexcept {
  if (!std::all_of(flushes_.begin(), flushes_.end(), [](const auto& flush) { return flush->room(); }))
    return std::nullopt;
  for (const auto& flush : flushes_) flush->begin(memory, data);
  return ++begun_;
}

bool Flushes::over(std::uint32_t number) const noexcept {
  return std::all_of(flushes_.begin(), flushes_.end(), [&](const auto& flush) {
    return static_cast<std::int32_t>(flush->done() - number) >= 0;
  });
}

}  // namespace tutti::verbs
