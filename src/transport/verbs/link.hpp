// What both ends of a connection know of it, and the sentences with which it fails.
#pragma once

#include <string>

#include "transport/verbs/queue_pair.hpp"
#include "transport/verbs/ring.hpp"

namespace tutti::verbs {

class Link {
 public:
  /// `peer_text`: "rank 3 (node7)".
  Link(const World& world, int peer, int lane, std::string peer_text)
      : failure_(*world.failure),
        describe_tag_(world.describe_tag),
        rank_(world.rank),
        peer_(peer),
        lane_(lane),
        peer_text_(std::move(peer_text)) {}

  [[nodiscard]] const std::string& peer_text() const noexcept { return peer_text_; }
  /// "rank 2's connection with rank 3 (node7) (lane 0)"
  [[nodiscard]] std::string text() const;
  [[nodiscard]] int peer() const noexcept { return peer_; }
  [[nodiscard]] Failure& failure() const noexcept { return failure_; }

  /// Nothing moves on this connection any more.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

  // Each reports into World::failure and breaks the connection.
  void completion_failed(const QueuePair& pair, const ibv_wc& completion) noexcept;
  void refused(const char* call, const QueuePair& pair, int error_number) noexcept;
  /// The peer has given up the last queue pair.
  void no_rail_left(const QueuePair& pair) noexcept;
  /// The last queue pair's device serves no more: `why`.
  void device_failed(const std::string& why) noexcept;
  /// A device had acknowledged what did not reach its rank.
  void acknowledged_but_lost(const QueuePair& pair) noexcept;
  /// A parcel, or a part of a message, that is not the next.
  void out_of_order(std::uint32_t immediate) noexcept;
  /// A message for a GPU's memory came where the processor would have to copy it.
  void out_of_reach(std::size_t bytes) noexcept;
  void set_up_failed(const std::string& why) noexcept;
  /// The peer has gone while something was due.
  void lost(const std::string& due) noexcept;
  /// `sent` is nullptr: what came cannot be made out.
  void mismatched(const Header* sent, std::size_t bytes, Tag tag) noexcept;

 private:
  void fail(Code code, int rank, std::string sentence) noexcept;
  void suspect(std::string sentence) noexcept;

  Failure& failure_;
  const TagDescriber describe_tag_;
  const int rank_;
  const int peer_;
  const int lane_;
  const std::string peer_text_;
  bool broken_ = false;
};

}  // namespace tutti::verbs
