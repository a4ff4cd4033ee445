#include "bootstrap/channel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>

#include <sys/socket.h>

#include "base/error.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {

constexpr std::string_view kMagic{"TUTTI\0\0\1", 8};  // the last byte is the protocol's version
constexpr std::size_t kNonceBytes = sizeof(Secret);
constexpr std::size_t kProofBytes = sizeof(Digest);
constexpr std::size_t kClientHello = kMagic.size() + kNonceBytes;
constexpr std::size_t kServerHello = kClientHello + kProofBytes;

std::string_view view(const std::array<std::byte, 32>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::array<std::byte, 32> array_of(std::string_view bytes) {
  std::array<std::byte, 32> result{};
  std::memcpy(result.data(), bytes.data(), result.size());
  return result;
}

}  // namespace

std::optional<Frame> take_frame(std::string_view& bytes, bool& broken) {
  Unpacker header(bytes);
  const auto type = header.number<std::uint16_t>();
  const auto reserved = header.number<std::uint16_t>();
  const auto length = header.number<std::uint32_t>();
  if (!header.ok()) return std::nullopt;
  (void)reserved;  // flags of later versions
  broken = length > kLargestFrame;
  if (broken || bytes.size() < kFrameHeader + length) return std::nullopt;
  Frame frame{static_cast<FrameType>(type), std::string(bytes.substr(kFrameHeader, length))};
  bytes.remove_prefix(kFrameHeader + length);
  return frame;
}

Channel::Channel(FileDescriptor socket, Role role, const Secret& secret, std::uint64_t context)
    : socket_(std::move(socket)), role_(role), secret_(secret), context_(context), nonce_(random_secret()) {
  if (role_ == Role::client) outgoing_ = std::string(kMagic) + std::string(view(nonce_));
}

void Channel::close(std::string reason) noexcept {
  if (closed_) return;
  closed_ = true;
  reason_ = std::move(reason);
}

void Channel::send(FrameType type, std::string_view payload) {
  std::string& queue = stage_ == Stage::open ? outgoing_ : queued_;
  queue += Packer()
               .number(static_cast<std::uint16_t>(type))
               .number<std::uint16_t>(0)
               .number(static_cast<std::uint32_t>(payload.size()))
               .bytes();
  queue += payload;
}

void Channel::progress() noexcept {
  try {
    if (!closed_) write_available();
    if (!closed_) read_available();
    if (!closed_) write_available();  // what the handshake answered
  } catch (const std::exception& error) {
    close(error.what());
  }
}

void Channel::write_available() {
  while (sent_ < outgoing_.size()) {
    const ssize_t sent = ::send(socket_.get(), outgoing_.data() + sent_, outgoing_.size() - sent_,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    // What the peer still sent (a refusal, a failure) explains more than that writing failed: leave the
    // verdict to read.
    if (sent < 0) break;
    sent_ += static_cast<std::size_t>(sent);
  }
  outgoing_.clear();
  sent_ = 0;
}

void Channel::read_available() {
  std::array<char, 64 << 10> buffer;  // NOLINT: uninitialised on purpose
  constexpr int turns = 16;           // then others may have their turn
  for (int turn = 0; turn < turns && !closed_; ++turn) {
    // During the handshake no byte beyond it is taken in.
    const std::size_t want =
        stage_ == Stage::open ? buffer.size() : handshake_bytes() - (incoming_.size() - consumed_);
    const ssize_t got = ::recv(socket_.get(), buffer.data(), want, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    // A process that is killed with bytes of ours unread resets the connection: the same end, seen from here.
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return close("its connection closed");
    if (got < 0) return close("its connection failed: " + errno_text(errno));
    incoming_.append(buffer.data(), static_cast<std::size_t>(got));
    if (stage_ != Stage::open) advance_handshake();
  }
}

std::size_t Channel::handshake_bytes() const noexcept {
  if (role_ == Role::client) return kServerHello;
  return stage_ == Stage::hello ? kClientHello : kProofBytes;
}

void Channel::advance_handshake() {
  if (incoming_.size() < handshake_bytes()) return;
  const std::string message = std::exchange(incoming_, {});
  if (stage_ == Stage::proof) {
    if (!same(array_of(message), proof("client"))) return close("the peer does not know the secret");
    return open();
  }
  if (message.compare(0, kMagic.size(), kMagic) != 0) return close("the peer does not speak this protocol");
  peer_nonce_ = array_of(std::string_view(message).substr(kMagic.size()));
  role_ == Role::server ? answer_client() : answer_server(message);
}

void Channel::answer_client() {
  outgoing_ += kMagic;
  outgoing_ += view(nonce_);
  outgoing_ += view(proof("server"));
  stage_ = Stage::proof;
}

void Channel::answer_server(std::string_view hello) {
  if (!same(array_of(hello.substr(kClientHello)), proof("server")))
    return close("the peer does not know the secret");
  outgoing_ += view(proof("client"));
  open();
}

void Channel::open() {
  stage_ = Stage::open;
  outgoing_ += std::exchange(queued_, {});
}

// Both nonces, the client's first: neither side alone decides what is signed, and no answer can be used
// twice.
Digest Channel::proof(std::string_view role) const {
  const bool client = role_ == Role::client;
  Packer signed_bytes;
  signed_bytes.text(role).number(context_).raw(view(client ? nonce_ : peer_nonce_));
  signed_bytes.raw(view(client ? peer_nonce_ : nonce_));
  return hmac(secret_, signed_bytes.bytes());
}

std::optional<Frame> Channel::receive() noexcept {
  if (stage_ != Stage::open) return std::nullopt;
  try {
    std::string_view rest = std::string_view(incoming_).substr(consumed_);
    bool broken = false;
    std::optional<Frame> frame = take_frame(rest, broken);
    if (broken) close("it sent a message that is too long");
    consumed_ = incoming_.size() - rest.size();
    if (!frame && consumed_ > 0) incoming_.erase(0, std::exchange(consumed_, 0));
    return frame;
  } catch (const std::exception& error) {
    close(error.what());
    return std::nullopt;
  }
}

}  // namespace tutti
