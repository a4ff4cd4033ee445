#include "onesided/inbound.hpp"

#include <algorithm>

namespace tutti::onesided {

bool Inbound::take(Header& header) noexcept {
  const std::byte* const message = in_->inlet->borrow(sizeof header, kTag);
  if (message == nullptr) return false;
  std::memcpy(&header, message, sizeof header);
  in_->inlet->release();
  return true;
}

void Inbound::fill(std::span<std::byte> target) noexcept {
  target_ = target;
  announced_ = placed_ = 0;
}

std::size_t Inbound::piece_at(std::size_t offset) const noexcept {
  return std::min(piece_bytes_, target_.size() - offset);
}

bool Inbound::advance() noexcept {
  return in_->inlet->places() ? place() : copy();
}

bool Inbound::copy() noexcept {
  const std::size_t bytes = piece_at(placed_);
  const std::byte* const piece = in_->inlet->borrow(bytes, kTag);
  if (piece == nullptr) return false;
  std::memcpy(target_.data() + placed_, piece, bytes);
  in_->inlet->release();
  placed_ += bytes;
  return true;
}

bool Inbound::place() noexcept {
  bool moved = false;
  while (announced_ < target_.size() &&
         in_->inlet->expect(target_.data() + announced_, piece_at(announced_), kTag)) {
    announced_ += piece_at(announced_);
    moved = true;
  }
  for (const std::uint64_t placed = in_->inlet->placed(); pieces_ < placed; ++pieces_) {
    placed_ += piece_at(placed_);
    moved = true;
  }
  return moved;
}

}  // namespace tutti::onesided
