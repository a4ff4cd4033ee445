// The reader's end of a connection.
//
// The device says what has come, by a completion for each parcel; the parcels lie in the ring in order.
// Borrowed messages are read there, expected ones are copied to their targets, unless the writer has put them
// there: for large messages and registered targets it is told where (an advert), ahead of time.
#pragma once

#include <array>

#include "transport/verbs/address.hpp"
#include "transport/verbs/end.hpp"

namespace tutti::verbs {

class VerbsInlet final : public Inlet, private End {
 public:
  /// Connects its queue pairs with those of the offer; what libibverbs refuses is left out. Throws what it
  /// says if none is left.
  VerbsInlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline,
             const EndDescription& offer, const Address& peer);
  ~VerbsInlet() override;

  [[nodiscard]] const std::byte* borrow(std::size_t bytes, Tag tag) noexcept override;
  void release() noexcept override;
  [[nodiscard]] bool places_at(const std::byte* target, std::size_t bytes) const noexcept override;
  [[nodiscard]] bool expect(std::byte* target, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t placed() noexcept override { return placed_; }

 private:
  static constexpr std::uint64_t kQueued = 64;

  struct Expected {
    std::byte* target = nullptr;
    std::size_t bytes = 0;
    Tag tag = 0;
    std::size_t moved = 0;
    bool advertised = false;
    Stripes stripes = 0;                 // that have come
    std::optional<std::uint32_t> flush;  // of a GPU's memory, behind them
  };

  [[nodiscard]] bool pump() noexcept override;
  void hear() noexcept override;
  [[nodiscard]] std::optional<std::string> due() const noexcept override;
  void received(std::uint32_t immediate) noexcept override;
  [[nodiscard]] bool established() const noexcept override { return writer_ready_; }
  [[nodiscard]] bool leads() const noexcept override { return false; }

  void answer(const EndDescription& offer);
  [[nodiscard]] Expected& expected(std::uint64_t index) noexcept { return expected_ring_[index % kQueued]; }
  [[nodiscard]] Word next_kind() const noexcept { return kinds_[taken_ % kParcels]; }
  [[nodiscard]] const Header* header_at(std::size_t offset) const noexcept;
  [[nodiscard]] bool matches(const RingWalk::Place& place, std::size_t bytes, Tag tag) const noexcept;
  void mismatch(std::size_t bytes, Tag tag) noexcept;
  void take(const RingWalk::Place& place) noexcept;
  void give_back() noexcept;

  void place_expected() noexcept;
  [[nodiscard]] bool place_parcel(Expected& front) noexcept;
  [[nodiscard]] bool stripes_are_here(const Expected& front) const noexcept;
  [[nodiscard]] bool is_visible(const Registration& memory, Expected& front) noexcept;
  [[nodiscard]] const Registration* gpu_memory(const Expected& message) const noexcept;
  void advertise() noexcept;
  [[nodiscard]] bool wants_advert(const Expected& message) const noexcept;
  [[nodiscard]] bool send_advert(std::uint64_t index) noexcept;

  const std::size_t slot_bytes_;
  RingWalk walk_;
  PinnedMemory ring_;
  PinnedMemory outbox_;  // adverts on their way
  Keys outbox_keys_{};   // ours
  std::uint64_t adverts_address_ = 0;
  Keys adverts_keys_{};  // the peer's
  bool writer_ready_ = false;

  std::uint64_t arrived_ = 0, taken_ = 0, returned_ = 0;  // parcels
  std::uint64_t returned_position_ = 0;
  bool owed_ = false;               // to be given back once the send queue has room
  const std::size_t return_bytes_;  // so much is given back at once
  std::array<Word, kParcels> kinds_{};

  std::uint64_t messages_ = 0;  // taken out, borrowed and expected ones
  bool asked_ = false, given_ = false;
  std::size_t asked_bytes_ = 0;
  Tag asked_tag_ = 0;

  std::array<Expected, kQueued> expected_ring_;
  std::uint64_t expected_ = 0, advertised_ = 0, placed_ = 0;
  bool flushing_ = false;  // the next one to be placed
};

}  // namespace tutti::verbs
