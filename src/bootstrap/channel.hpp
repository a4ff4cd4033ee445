// A framed connection between two processes that have proved to each other that they know the same secret.
//
// The handshake is a challenge and a response in both directions, with fixed lengths:
//   client: magic, version, a random nonce
//   server: magic, version, a random nonce, HMAC("server", context, both nonces)
//   client: HMAC("client", context, both nonces)
// Until a side has checked the other's HMAC it looks at nothing else that comes. Frames follow: type and
// length, then as many bytes. A reader skips types that it does not know, so that later versions can add
// some.
//
// A Channel never blocks and never throws for what a peer does: it closes and keeps the reason. One thread at
// a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.hpp"
#include "bootstrap/secret.hpp"

namespace tutti {

/// Every kind of message of bootstrap. The numbers are the protocol's: never reuse one.
enum class FrameType : std::uint16_t {
  // Rendezvous, client to server.
  join = 1,        // size, rank, who, info
  who_misses = 2,  // asks for `missing`
  // Rendezvous, server to client.
  welcome = 16,  // salt, then every info
  refused = 17,  // code, rank at fault, sentence
  missing = 18,  // sentence: who has not come (also the control plane's)
  // Control plane.
  hello = 32,             // rank, who
  heartbeat = 33,         // nothing
  failure = 34,           // code, rank at fault, sentence
  goodbye = 35,           // nothing: the closing of this connection is no death
  contribution = 36,      // sequence, rank, bytes: upwards
  gathered = 37,          // sequence, all bytes by rank: downwards
  who_has_not_come = 38,  // sequence: upwards
  not_come = 39,          // sequence, sentence: downwards
};

struct Frame {
  FrameType type{};
  std::string payload;
};

/// Longer ones are refused by the reader.
inline constexpr std::size_t kLargestFrame = 256u << 20;
inline constexpr std::size_t kFrameHeader = 8;

/// Takes the first frame off the front of `bytes`. Nothing: it is not whole yet, or its length is not
/// allowed, which sets `broken`.
[[nodiscard]] std::optional<Frame> take_frame(std::string_view& bytes, bool& broken);

class Channel {
 public:
  enum class Role { client, server };

  /// `context` sets apart what shares a secret (a communicator, a purpose): both sides must give the same.
  Channel(FileDescriptor socket, Role role, const Secret& secret, std::uint64_t context);

  /// Reads and writes what can be moved now. Afterwards look at receive(), then at closed().
  void progress() noexcept;
  /// The next whole frame of an authenticated peer.
  [[nodiscard]] std::optional<Frame> receive() noexcept;
  /// Queued, also before the handshake is over; progress() sends.
  void send(FrameType type, std::string_view payload);

  [[nodiscard]] bool authenticated() const noexcept { return stage_ == Stage::open; }
  /// No more bytes will come or go; frames that came before can still be received.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// Why it closed: "its connection closed", "the peer does not know the secret", …
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
  [[nodiscard]] bool wants_to_write() const noexcept { return !closed_ && sent_ < outgoing_.size(); }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  void close(std::string reason) noexcept;

 private:
  enum class Stage { hello, proof, open };

  void read_available();
  void write_available();
  [[nodiscard]] std::size_t handshake_bytes() const noexcept;
  void advance_handshake();
  void answer_client();
  void answer_server(std::string_view hello);
  void open();
  [[nodiscard]] Digest proof(std::string_view role) const;

  FileDescriptor socket_;
  Role role_;
  Secret secret_;
  std::uint64_t context_;
  Stage stage_ = Stage::hello;
  Secret nonce_;  // ours
  Secret peer_nonce_{};
  std::string incoming_;
  std::size_t consumed_ = 0;  // so many bytes of incoming_ were handled
  std::string outgoing_;
  std::size_t sent_ = 0;  // so many bytes of outgoing_ are gone
  std::string queued_;    // frames that wait for the end of the handshake
  bool closed_ = false;
  std::string reason_;
};

}  // namespace tutti
