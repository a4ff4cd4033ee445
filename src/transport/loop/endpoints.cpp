#include "transport/loop/endpoints.hpp"

#include "base/assert.hpp"

namespace tutti::loop {

LoopOutlet::LoopOutlet(Wire& wire, std::shared_ptr<Connection> connection,
                       std::shared_ptr<const AddedMemory> added)
    : Outlet(wire.options().slot_bytes, wire.options().zero_copy),
      wire_(wire),
      connection_(std::move(connection)),
      added_(std::move(added)) {}

LoopOutlet::~LoopOutlet() {
  const auto lock = wire_.lock();
  connection_->close_writer();
  wire_.forget_if_closed(*connection_);
}

std::byte* LoopOutlet::lease(std::size_t bytes) noexcept {
  const auto lock = wire_.lock();
  return wire_.poll(connection_->key().writer) ? connection_->lease(bytes) : nullptr;
}

void LoopOutlet::commit(std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  if (!wire_.dead(connection_->key().writer)) connection_->commit(bytes, tag);
}

bool LoopOutlet::send(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  const bool copies = !zero_copy() && !(wire_.options().takes_added && added_->covers(data, bytes));
  return wire_.poll(connection_->key().writer) &&
         connection_->send(data, bytes, tag, copies ? Handling::copied : Handling::picked_up);
}

bool LoopOutlet::lend(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  TUTTI_ASSERT(added_->covers(data, bytes), bytes, tag);
  return wire_.poll(connection_->key().writer) && connection_->send(data, bytes, tag, Handling::lent);
}

std::byte* LoopOutlet::lease_offered(std::uint64_t first, std::size_t offset, std::size_t bytes) noexcept {
  const auto lock = wire_.lock();
  return wire_.poll(connection_->key().writer) ? connection_->lease_offered(first, offset, bytes) : nullptr;
}

void LoopOutlet::commit_offered(std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  if (!wire_.dead(connection_->key().writer)) connection_->commit_offered(bytes, tag);
}

bool LoopOutlet::takes(const std::byte* data, std::size_t bytes) const noexcept {
  const auto lock = wire_.lock();
  return zero_copy() || added_->covers(data, bytes);
}

std::uint64_t LoopOutlet::completed() noexcept {
  const auto lock = wire_.lock();
  (void)wire_.poll(connection_->key().writer);
  return connection_->completed();
}

LoopInlet::LoopInlet(Wire& wire, std::shared_ptr<Connection> connection,
                     std::shared_ptr<const AddedMemory> added, int reader)
    : Inlet(wire.options().places),
      wire_(wire),
      connection_(std::move(connection)),
      added_(std::move(added)),
      reader_(reader) {}

LoopInlet::~LoopInlet() {
  const auto lock = wire_.lock();
  connection_->close_reader(reader_);
  wire_.forget_if_closed(*connection_);
}

const std::byte* LoopInlet::borrow(std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  return wire_.poll(reader_) ? connection_->borrow(reader_, bytes, tag) : nullptr;
}

void LoopInlet::release() noexcept {
  const auto lock = wire_.lock();
  if (!wire_.dead(reader_)) connection_->release(reader_);
}

bool LoopInlet::places_at(const std::byte* target, std::size_t bytes) const noexcept {
  const auto lock = wire_.lock();
  return places() || added_->covers(target, bytes);
}

bool LoopInlet::expect(std::byte* target, std::size_t bytes, Tag tag) noexcept {
  const auto lock = wire_.lock();
  return wire_.poll(reader_) && connection_->expect(reader_, target, bytes, tag);
}

void LoopInlet::offer(std::uint64_t ahead, std::byte* target, std::size_t bytes) noexcept {
  const auto lock = wire_.lock();
  if (wire_.options().lends_added && added_->covers(target, bytes))
    connection_->offer(reader_, ahead, target, bytes);
}

std::uint64_t LoopInlet::placed() noexcept {
  const auto lock = wire_.lock();
  if (wire_.poll(reader_)) placed_ = connection_->placed(reader_);
  return placed_;
}

}  // namespace tutti::loop
