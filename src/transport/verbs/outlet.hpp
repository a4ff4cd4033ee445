// The writer's end of a connection.
//
// Messages go into the reader's ring (ring.hpp) as long as the reader has given back room. With zero copy,
// long ones of registered memory go from there: to where the reader said in an advert, else into the ring.
#pragma once

#include <array>

#include "transport/verbs/address.hpp"
#include "transport/verbs/end.hpp"

namespace tutti::verbs {

class VerbsOutlet final : public Outlet, private End {
 public:
  /// `rails`: on which the queue pairs are, one after the other; what libibverbs refuses is left out. Throws
  /// what it says if none is left.
  VerbsOutlet(std::shared_ptr<Station> station, Link link, FileDescriptor lifeline, int lane,
              const Address& peer, std::span<const RailPair> rails);
  /// Waits a moment until the reader's device has what was sent.
  ~VerbsOutlet() override;

  /// What the reader has to know.
  [[nodiscard]] const EndDescription& offer() const noexcept { return offer_; }
  /// The rails of the carrier, for the log.
  [[nodiscard]] std::string path() const;

  [[nodiscard]] std::byte* lease(std::size_t bytes) noexcept override;
  void commit(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t completed() noexcept override;
  [[nodiscard]] bool takes(const std::byte* data, std::size_t bytes) const noexcept override;
  [[nodiscard]] std::unique_ptr<Reach> reach(const std::string& exposed) override;

 private:
  friend class OutletReach;  // outlet_reach.cpp
  static constexpr std::uint64_t kQueued = 64;

  /// A message that send() took and that its caller's memory is still needed for.
  struct Message {
    const std::byte* data = nullptr;
    std::size_t bytes = 0;
    Tag tag = 0;
    std::uint64_t number = 0;
    std::size_t moved = 0;
    bool registered = false;                         // else it is copied
    Keys keys{};                                     // of that memory
    Advert advert;                                   // address 0: into the ring
    Stripes stripes = 0;                             // that told of themselves
    std::array<std::uint32_t, kMostPairs> posted{};  // by pair: acknowledged when these requests are
  };

  [[nodiscard]] bool pump() noexcept override;
  void hear() noexcept override;
  [[nodiscard]] std::optional<std::string> due() const noexcept override;
  void received(std::uint32_t immediate) noexcept override;
  void sent() noexcept override;
  [[nodiscard]] bool established() const noexcept override { return connected_; }
  [[nodiscard]] bool leads() const noexcept override { return true; }
  void moved(unsigned to) noexcept override;

  void finish_set_up(const EndDescription& answer);
  [[nodiscard]] bool fits(const RingWalk::Place& place, unsigned requests) noexcept;
  void launch(const RingWalk::Place& place, std::size_t payload, const Header& header, Word kind,
              const Message* from) noexcept;
  void collect_header(const RingWalk::Place& place, std::size_t payload, const Header& header, Word kind,
                      std::size_t before) noexcept;

  [[nodiscard]] Message& message(std::uint64_t index) noexcept { return messages_[index % kQueued]; }
  void push() noexcept;
  [[nodiscard]] bool advance(Message& message) noexcept;
  [[nodiscard]] bool choose_way(Message& message) noexcept;
  [[nodiscard]] bool advance_in_ring(Message& message) noexcept;
  [[nodiscard]] bool advance_directly(Message& message) noexcept;
  void post_round(Message& message, std::size_t bytes, unsigned width) noexcept;
  void note_posted(Message& message) noexcept;
  [[nodiscard]] bool acknowledged(const Message& message) noexcept;
  void linger() noexcept;

  const Address& peer_;
  const std::size_t slot_bytes_;
  const unsigned width_;  // so many queue pairs share a large message
  PinnedMemory staging_;
  PinnedMemory adverts_;
  EndDescription offer_;
  EndReader answer_;
  bool connected_ = false;
  bool refused_ = false;  // the caller waits for room

  RingWalk walk_;
  Keys staging_keys_{};  // ours
  std::uint64_t ring_address_ = 0;
  Keys ring_keys_{};  // the peer's
  std::uint64_t parcels_ = 0, released_ = 0;
  std::array<std::uint64_t, kParcels> ends_{};  // by parcel: the position behind it
  RingWalk::Place leased_{0, 0};

  std::uint64_t sent_ = 0, direct_ = 0;  // messages: all, and those from memory to memory
  std::array<Message, kQueued> messages_;
  std::uint64_t first_ = 0, unposted_ = 0, last_ = 0;   // of messages_: acknowledged, posted, queued before
  std::array<std::uint64_t, kAdverts> adverts_come_{};  // by their places: the message's number + 1
};

}  // namespace tutti::verbs
