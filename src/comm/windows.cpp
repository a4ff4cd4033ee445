// One-sided communication of a communicator: made with its first window, over transports of its own.
#include "bootstrap/secret.hpp"
#include "bootstrap/wire.hpp"
#include "comm/communicator.hpp"
#include "comm/transports.hpp"

namespace tutti {
namespace {

constexpr std::string_view kMeeting = "one-sided addresses", kWindow = "window";

std::string describe_tag(Tag tag) {
  return tag == onesided::kTag ? "a one-sided call" : std::string();
}

/// What a rank gave to an exchange of this kind; throws if it called something else.
Unpacker opened(const std::string& text, std::string_view kind, std::size_t rank) {
  Unpacker unpacker(text);
  if (unpacker.text() != kind)
    fail(Code::invalid_usage,
         "rank {} called something else while others called tuttiWindowRegister: it is collective", rank);
  return unpacker;
}

std::string to_text(const onesided::Description& description) {
  Packer packer;
  packer.text(kWindow).number(std::uint64_t{description.bytes});
  packer.number(static_cast<std::uint32_t>(description.exposed.size()));
  for (const std::string& exposed : description.exposed) packer.text(exposed);
  return packer.take();
}

onesided::Description description_from_text(const std::string& text, std::size_t rank) {
  Unpacker unpacker = opened(text, kWindow, rank);
  onesided::Description description;
  description.bytes = unpacker.number<std::uint64_t>();
  for (auto left = unpacker.number<std::uint32_t>(); left > 0 && unpacker.ok(); --left)
    description.exposed.emplace_back(unpacker.text());
  return description;
}

/// A rank that gives up in the middle holds the others up: they are told.
template <typename Body>
decltype(auto) or_all_fail(Failure& failure, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    failure.report(error.code(), error.rank(), error.what());
    throw;
  }
}

}  // namespace

void Communicator::start_one_sided(Deadline deadline) {
  one_sided_world_ = world_;
  const Secret secret = derive(membership_.secret, "one-sided");
  one_sided_world_.sign = make_signer(secret);
  one_sided_world_.communicator ^= 1;
  one_sided_world_.describe_tag = describe_tag;
  std::vector<std::unique_ptr<Transport>> transports;
  Packer packer;
  packer.text(kMeeting);
  for (const auto& used : transports_) {
    transports.push_back(make_transport(used->name(), one_sided_world_));
    packer.text(transports.back()->address());
  }
  const auto texts = control_->all_gather(packer.take(), deadline);
  std::vector<std::vector<std::string>> addresses(transports.size());
  for (std::size_t r = 0; r < texts.size(); ++r) {
    Unpacker unpacker = opened(texts[r], kMeeting, r);
    for (auto& list : addresses) list.emplace_back(unpacker.text());
  }
  for (std::size_t i = 0; i < transports.size(); ++i) transports[i]->meet(std::move(addresses[i]));
  one_sided_ = std::make_unique<onesided::Service>(one_sided_world_, std::move(transports), deadline);
}

onesided::Window& Communicator::register_window(std::byte* data, std::size_t bytes) {
  refuse_if_left();
  engine_->drain();
  failure_.check();
  const Deadline deadline = after_ms(world_.settings.init_timeout_ms);
  return or_all_fail(failure_, [&]() -> onesided::Window& {
    const bool first = !one_sided_;
    if (first) start_one_sided(deadline);
    // Before the others can know of it: the first put may come before this rank's exchange returns.
    onesided::Window& window = one_sided_->add({data, bytes});
    const auto texts = control_->all_gather(to_text(one_sided_->describe(window)), deadline);
    for (std::size_t i = 0; first && i < prepared_.size(); ++i)
      one_sided_->add_memory(prepared_[i].first, prepared_[i].second);
    std::vector<onesided::Description> descriptions;
    for (std::size_t r = 0; r < texts.size(); ++r) descriptions.push_back(description_from_text(texts[r], r));
    one_sided_->know(window, descriptions);
    return window;
  });
}

void Communicator::deregister_window(const onesided::Window& window) {
  engine_->drain();
  one_sided().remove(window);
}

onesided::Service& Communicator::one_sided() {
  refuse_if_left();
  failure_.check();
  if (!one_sided_)
    fail(Code::invalid_usage,
         "signals come with windows, and this communicator has none yet: call tuttiWindowRegister first");
  return *one_sided_;
}

void Communicator::run(onesided::Operation& operation) {
  onesided::Service& service = one_sided();
  if (!engine_->idle()) engine_->drain();
  service.run(operation);
}

}  // namespace tutti
