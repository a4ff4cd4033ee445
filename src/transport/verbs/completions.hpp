// The completion queues of a device, shared by all queue pairs of a transport on it, and who is told what
// they hold. One thread at a time.
//
// A work request carries in its wr_id whom it belongs to (a place in a table, so that what is left of a
// queue pair that is gone reaches nobody) and how many requests its queue pair had posted by then.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "transport/verbs/handles.hpp"

namespace tutti::verbs {

/// What a wr_id says.
struct Ticket {
  std::uint32_t posted = 0;    // requests of its queue and pair, this one included
  std::uint32_t endpoint = 0;  // 24 bits
  std::uint8_t pair = 0;       // 4 bits: which queue pair of the endpoint
  std::uint8_t life = 0;       // 3 bits: how often that was made anew, cut to them
  bool receive = false;
  static constexpr std::uint32_t kLifeMask = 7;

  [[nodiscard]] std::uint64_t pack() const noexcept {
    return posted | std::uint64_t{endpoint} << 32 | std::uint64_t{pair} << 56 | std::uint64_t{life} << 60 |
           std::uint64_t{receive} << 63;
  }
  [[nodiscard]] static Ticket unpack(std::uint64_t id) noexcept {
    return {static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32) & 0xff'ffff,
            static_cast<std::uint8_t>(id >> 56 & 0xf), static_cast<std::uint8_t>(id >> 60 & kLifeMask),
            (id >> 63) != 0};
  }
};

/// Who is told of completions: an end of a connection.
class Completed {
 public:
  /// A write with immediate has arrived, wholly and after all that the peer wrote on this pair before it.
  virtual void received(const Ticket& ticket, std::uint32_t immediate) noexcept = 0;
  /// The peer's device has acknowledged all requests up to the ticket's.
  virtual void sent(const Ticket& ticket) noexcept = 0;
  virtual void failed(const Ticket& ticket, const ibv_wc& completion) noexcept = 0;

 protected:
  ~Completed() = default;
};

class Completions {
 public:
  Completions(const Table& table, ibv_context* context, std::string device, int most_entries);

  /// A queue with room for so many completions; throws what ibv_create_cq says. To be given back.
  [[nodiscard]] ibv_cq* reserve(int entries);
  void give_back(ibv_cq* queue, int entries) noexcept;

  /// Tells of everything that is there.
  void poll(Failure& failure) noexcept;

  /// The next completion makes fd() readable.
  void arm(Failure& failure) noexcept;
  /// Takes what made fd() readable.
  void drain() noexcept;
  [[nodiscard]] int fd() const noexcept { return channel_->fd; }

 private:
  friend class Enrolment;
  [[nodiscard]] std::uint32_t enroll(Completed& endpoint);
  void dismiss(std::uint32_t place, Failure& failure) noexcept;

  struct Queue {
    CompletionQueue queue;
    int reserved = 0;
  };
  void tell(const ibv_wc& completion) noexcept;

  const Table& table_;
  ibv_context* context_;
  std::string device_;
  int queue_entries_;
  CompletionChannel channel_;
  std::vector<Queue> queues_;
  std::vector<Completed*> endpoints_;  // by place; nullptr: free
};

/// An endpoint's place in tickets. Goes after its queue pairs: then it takes what is left of them out of the
/// queues.
class Enrolment {
 public:
  Enrolment(Completions& completions, Completed& endpoint, Failure& failure)
      : completions_(completions), failure_(failure), place_(completions.enroll(endpoint)) {}
  Enrolment(const Enrolment&) = delete;
  Enrolment& operator=(const Enrolment&) = delete;
  ~Enrolment() { completions_.dismiss(place_, failure_); }
  [[nodiscard]] std::uint32_t place() const noexcept { return place_; }

 private:
  Completions& completions_;
  Failure& failure_;
  std::uint32_t place_;
};

}  // namespace tutti::verbs
