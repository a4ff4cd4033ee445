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
      landing_(std::span(&device_, 1), 1, Use::source, "what flushes read"),
      enrolment_(device_->completions(), *this, failure),
      pair_(rail, kDepth, Ticket{.endpoint = enrolment_.place()}, settings) {
  if (const std::string* const why = landing_.refusal(*device_)) fail(Code::system_error, "{}", *why);
  pair_.connect(pair_.address(), itself(rail), "itself", settings);
}

void Flush::begin(const Registration& memory, const std::byte* data) noexcept {
  const ibv_mr& region = *memory.region(*device_);
  const Keys here{landing_.registration().region(*device_)->lkey}, there{region.rkey};
  pair_.read({landing_.data(), &here, 1}, {reinterpret_cast<std::uintptr_t>(data), &there});
  if (const int error = pair_.post(); error != 0)
    failure_.report(Code::system_error, -1,
                    fmt::format("ibv_post_send on {}, to flush the memory of a GPU: {}", pair_.rail().name(),
                                errno_text(error)));
}

void Flush::failed(const Ticket&, const ibv_wc& completion) noexcept {
  failure_.report(
      Code::system_error, -1,
      fmt::format("the memory of a GPU cannot be flushed through {}: {} (status {}, vendor code {:#x}); "
                  "what came into it may not be there yet",
                  pair_.rail().name(), words(completion.status), static_cast<int>(completion.status),
                  completion.vendor_err));
}

void Flushes::prepare(std::span<const std::shared_ptr<Device>> devices, std::span<const Rail> rails,
                      const Settings& settings, Failure& failure) {
  if (!flushes_.empty()) return;
  std::vector<std::unique_ptr<Flush>> made;
  for (const auto& device : devices)
    made.push_back(
        std::make_unique<Flush>(*std::ranges::find(rails, device, &Rail::device), settings, failure));
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
