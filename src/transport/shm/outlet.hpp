// The writer's end of a connection.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "reduce/reduce.hpp"
#include "transport/shm/fence.hpp"
#include "transport/shm/segment.hpp"
#include "transport/shm/station.hpp"
#include "transport/shm/store_choice.hpp"

namespace tutti::shm {

class ShmOutlet final : public Outlet, private Waiter {
 public:
  ShmOutlet(std::shared_ptr<Station> station, Segment segment, std::vector<int> readers);
  ~ShmOutlet() override;

  [[nodiscard]] std::byte* lease(std::size_t bytes) noexcept override {
    if (bytes <= kSmallBytes) {
      if (small_sent_ == small_limit_ && !find_small_room()) [[unlikely]]
        return nullptr;
      return small_[small_sent_ % kSmallLines].payload;
    }
    if ((large_sent_ == large_limit_ || walk_.after(bytes) > byte_limit_) && !find_large_room(bytes))
        [[unlikely]]
      return nullptr;
    return slots_ + walk_.offset();
  }
  void commit(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool takes(const std::byte* data, std::size_t bytes) const noexcept override;
  [[nodiscard]] bool lend(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::byte* lease_offered(std::uint64_t first, std::size_t offset,
                                         std::size_t bytes) noexcept override;
  void commit_offered(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::unique_ptr<Reach> reach(const std::string& exposed) override;
  [[nodiscard]] std::uint64_t completed() noexcept override {
    return first_lent_ == last_lent_ ? sent() : completed_before_lent();
  }

 private:
  [[nodiscard]] bool find_small_room() noexcept;
  [[nodiscard]] bool find_large_room(std::size_t bytes) noexcept;
  [[nodiscard]] bool find_header() noexcept;
  void find_offer(std::uint64_t first) noexcept;
  void publish_elsewhere(std::size_t bytes, LentPlace place, Tag tag) noexcept;
  [[nodiscard]] std::uint64_t large_released() const noexcept;
  [[nodiscard]] std::uint64_t completed_before_lent() noexcept;
  [[nodiscard]] std::uint64_t sent() const noexcept { return small_sent_ + large_sent_; }
  void publish_large(std::size_t bytes, LentPlace lent, Tag tag) noexcept;
  void claim_next(std::size_t bytes) noexcept;
  void look_for_sleepers() noexcept;
  [[nodiscard]] bool refuse() noexcept;
  void restart() noexcept;
  void ring(std::size_t word) noexcept;
  void fill(std::byte* slot, const std::byte* data, std::size_t bytes) noexcept;

  void mark() noexcept override;
  void unmark() noexcept override;

  // Touched by every message; nothing else shares these lines.
  SmallLine* small_;
  std::uint64_t small_sent_ = 0;
  std::uint64_t small_limit_;  // reached: look at how far the readers are
  std::uint64_t large_sent_ = 0;
  std::uint64_t large_limit_;  // likewise, of messages
  std::uint64_t byte_limit_;   // and of positions in the ring
  RingWalk walk_;
  std::byte* slots_;
  LargeHeader* headers_;
  WaitLines* waits_;
  std::uint16_t wait_words_;
  bool fenced_;
  bool restarts_;           // ranks share cores, so caches: the fewer lines, the better
  bool restarted_ = false;  // the next large message tells of it

  bool marked_ = false;
  StoreChoice stores_;
  std::uint64_t refused_at_ = ~std::uint64_t{0};  // messages sent when there was no room
  std::shared_ptr<Station> station_;
  Segment segment_;
  std::vector<int> readers_;
  std::array<std::uint64_t, kHeaders> ends_{};  // of the last large messages: their position's end

  // Lent messages that are not known to be read.
  struct LentMessage {
    std::uint64_t number;  // in the ring, from 1
    std::uint64_t before;  // messages sent before it
  };
  std::uint64_t first_lent_ = 0, last_lent_ = 0;  // last: behind the last one
  std::array<LentMessage, kHeaders> lent_{};

  // The reader's memory that it has offered, as seen here.
  std::uint64_t offered_first_ = ~std::uint64_t{0};
  std::byte* offered_ = nullptr;
  std::size_t offered_bytes_ = 0;
};

}  // namespace tutti::shm
