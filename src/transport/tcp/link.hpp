// What both ends of a connection know of it, and the sentences with which it fails.
#pragma once

#include <string>

#include "transport/tcp/message.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::tcp {

class Link {
 public:
  /// `peer_text`: "rank 3 (10.0.0.2:4242 via eth0)".
  Link(const World& world, int peer, int lane, std::string peer_text)
      : world_(world), peer_(peer), lane_(lane), peer_text_(std::move(peer_text)) {}

  /// Nothing moves on this connection any more.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// Nor is there a point in it: the communicator has failed, and the memory of messages may be gone.
  [[nodiscard]] bool pointless() const noexcept { return broken_ || world_.failure->failed(); }

  // Each reports into World::failure and breaks the connection.
  /// The socket ended or failed while so much was due.
  void lost(const Moved& how, std::size_t messages, std::size_t bytes) noexcept;
  /// Another message than the awaited one, or the awaited one too early.
  void mismatched(const Header& sent, std::size_t bytes, Tag tag) noexcept;
  void silent(unsigned milliseconds) noexcept;
  void out_of_memory(int error_number) noexcept;

 private:
  void fail(Code code, int rank, std::string sentence) noexcept;

  const World& world_;
  const int peer_;
  const int lane_;
  const std::string peer_text_;
  bool broken_ = false;
};

}  // namespace tutti::tcp
