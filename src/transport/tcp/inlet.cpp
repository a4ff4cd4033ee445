#include "transport/tcp/inlet.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>

#include "base/assert.hpp"

namespace tutti::tcp {

// Reading ahead.

bool ReadAhead::prepare(std::size_t bytes) noexcept {
  constexpr std::size_t kAlignment = 8;  // of the widest element
  std::byte* const memory = memory_.get();
  if (memory == nullptr) return false;
  const bool misplaced = begin_ % kAlignment != 0 || begin_ + bytes > kCapacity;
  if (size() > 0 && misplaced) std::memmove(memory, memory + begin_, size());
  if (size() == 0 || misplaced) {
    end_ = size();
    begin_ = 0;
  }
  return true;
}

std::size_t ReadAhead::wanted(std::size_t bytes) const noexcept {
  const std::size_t missing = bytes - size();
  return bytes < kAhead ? std::min(std::max(missing, kAhead - size()), kCapacity - end_) : missing;
}

// The inlet.

TcpInlet::TcpInlet(Activity& activity, Link link, std::vector<FileDescriptor> sockets, Twin* twin)
    : Inlet(true),
      activity_(activity),
      link_(std::move(link)),
      streams_(sockets.size()),
      twin_(twin),
      rule_(static_cast<int>(sockets.size())) {
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    streams_[i].socket = std::move(sockets[i]);
    streams_[i].watch = {streams_[i].socket.get(), EPOLLIN | EPOLLRDHUP, false};
    activity_.admit(streams_[i].watch);
  }
}

TcpInlet::~TcpInlet() {
  activity_.dismiss(static_cast<Active&>(*this));
  for (Stream& stream : streams_) activity_.dismiss(stream.watch);
}

// Borrowing.

const std::byte* TcpInlet::borrow(std::size_t bytes, Tag tag) noexcept {
  TUTTI_ASSERT(bytes <= kSlotBytes, bytes);
  if (link_.broken()) return nullptr;
  asked_bytes_ = bytes;
  Stream& stream = asked_stream();
  ReadAhead& ahead = stream.ahead;
  if (given_) return ahead.data() + sizeof(Header);
  asked_ = true;
  asked_tag_ = tag;
  const std::size_t total = sizeof(Header) + bytes;
  if (placed_ == expected_) {
    if (!ahead.prepare(total)) return link_.out_of_memory(errno), nullptr;
    if (ahead.size() < total) read_borrowed(stream, total);
    if (link_.broken() || (ahead.size() >= sizeof(Header) && !header_fits(ahead))) return nullptr;
    if (ahead.size() >= total) {
      given_ = true;
      return ahead.data() + sizeof(Header);
    }
  }
  activity_.start(*this);
  return nullptr;
}

// Reads until the message is complete or the socket is empty.
void TcpInlet::read_borrowed(Stream& stream, std::size_t total) noexcept {
  while (stream.ahead.size() < total) {
    const std::size_t wanted = stream.ahead.wanted(total);
    const Moved moved = read_some(stream.socket.get(), stream.ahead.room(), wanted);
    if (moved.broken()) return lose(moved);
    stream.ahead.add(moved.bytes);
    if (mark_is_ahead(stream)) continue;  // more comes on the other socket
    if (moved.bytes < wanted) return;     // that was all there is
  }
}

// A mark is the last thing on its socket.
bool TcpInlet::mark_is_ahead(Stream& stream) noexcept {
  Header header;
  if (stream.ahead.size() != sizeof header) return false;
  std::memcpy(&header, stream.ahead.data(), sizeof header);
  if (!follow_turn(stream, header)) return false;
  stream.ahead.drop(sizeof header);
  return true;
}

// false: no mark, or none that can be followed.
bool TcpInlet::follow_turn(Stream& stream, const Header& header) noexcept {
  if (!is_turn_mark(header) || &stream != &streams_.front()) return false;
  if (twin_ == nullptr || !twin_->socket) return false;
  if (!activity_.move(stream.watch, twin_->socket.get())) {
    lose({0, false, errno});
    return false;
  }
  stream.socket = std::move(twin_->socket);
  twin_->socket.reset();
  twin_ = nullptr;
  return true;
}

bool TcpInlet::header_fits(ReadAhead& ahead) noexcept {
  Header header;
  std::memcpy(&header, ahead.data(), sizeof header);
  if (header.bytes == asked_bytes_ && header.tag == asked_tag_ && header.sequence == announced_) return true;
  link_.mismatched(header, asked_bytes_, asked_tag_);
  return false;
}

void TcpInlet::release() noexcept {
  if (!given_) return;
  asked_stream().ahead.drop(sizeof(Header) + asked_bytes_);
  rule_.next(asked_bytes_);
  ++announced_;
  given_ = asked_ = false;
}

// Placing.

bool TcpInlet::expect(std::byte* target, std::size_t bytes, Tag tag) noexcept {
  TUTTI_ASSERT(!asked_, bytes, tag);
  if (link_.broken() || expected_ - placed_ == kQueued) return false;
  expected(expected_) = {target, bytes, tag, announced_++, {}, 0};
  Stream& stream = streams_[rule_.next(bytes)];
  stream.queue[stream.queued++ % kQueued] = expected_++;
  activity_.start(*this);
  return true;
}

bool TcpInlet::pump() noexcept {
  for (Stream& stream : streams_)
    if (!stream.idle() && !link_.broken()) read_expected(stream);
  return (placed_ != expected_ || (asked_ && !given_)) && !link_.broken();
}

void TcpInlet::read_expected(Stream& stream) noexcept {
  if (stream.ahead.size() > 0) use_read_ahead(stream);
  if (stream.idle() || link_.broken()) return;

  constexpr std::size_t kScattered = 16;
  std::array<iovec, 2 * kScattered> parts;
  std::size_t count = 0, bytes = 0;
  const auto add = [&](void* data, std::size_t size) {
    const std::size_t taken = std::min(size, kBurstBytes - bytes);
    if (taken == 0) return;
    parts[count++] = {data, taken};
    bytes += taken;
  };
  const std::uint64_t end = std::min(stream.queued, stream.filled + kScattered);
  for (std::uint64_t i = stream.filled; i < end; ++i) {
    Expected& next = expected(stream.queue[i % kQueued]);
    const std::size_t of_header = std::min(next.moved, sizeof(Header));
    const std::size_t of_payload = next.moved - of_header;
    add(reinterpret_cast<std::byte*>(&next.header) + of_header, sizeof(Header) - of_header);
    add(next.target + of_payload, next.bytes - of_payload);
  }
  const Moved moved = read_some(stream.socket.get(), parts.data(), count);
  if (moved.broken()) return lose(moved);
  advance(stream, moved.bytes);
}

// What borrow() read too much goes to the targets that were announced since.
void TcpInlet::use_read_ahead(Stream& stream) noexcept {
  ReadAhead& ahead = stream.ahead;
  while (!stream.idle() && ahead.size() > 0 && !link_.broken()) {
    Expected& front = expected(stream.queue[stream.filled % kQueued]);
    const bool in_header = front.moved < sizeof(Header);
    std::byte* const to = in_header ? reinterpret_cast<std::byte*>(&front.header) + front.moved
                                    : front.target + (front.moved - sizeof(Header));
    const std::size_t wanted = in_header ? sizeof(Header) - front.moved : front.left();
    const std::size_t taken = std::min(wanted, ahead.size());
    std::copy_n(ahead.data(), taken, to);
    ahead.drop(taken);
    advance(stream, taken);
  }
}

// So many bytes of the stream have reached their places.
void TcpInlet::advance(Stream& stream, std::size_t bytes) noexcept {
  while (!stream.idle()) {
    Expected& front = expected(stream.queue[stream.filled % kQueued]);
    const std::size_t taken = std::min(bytes, front.left());
    front.moved += taken;
    bytes -= taken;
    if (front.moved == sizeof(Header) && follow_turn(stream, front.header)) front.moved = 0;
    if (front.moved >= sizeof(Header) && !fits(front)) return;
    if (front.left() > 0) break;
    ++stream.filled;
  }
  while (placed_ < expected_ && expected(placed_).left() == 0) ++placed_;
}

bool TcpInlet::fits(Expected& message) noexcept {
  const Header& header = message.header;
  if (header.bytes == message.bytes && header.tag == message.tag && header.sequence == message.sequence)
    return true;
  link_.mismatched(message.header, message.bytes, message.tag);
  return false;
}

// Sleeping and failing.

// A socket of which nothing is awaited is watched until something comes: early data must not end every sleep.
void TcpInlet::watch(Activity& activity) noexcept {
  for (Stream& stream : streams_) {
    const bool awaited = !stream.idle() || (asked_ && &stream == &asked_stream());
    if (awaited || !holds_early(stream)) activity.enable(stream.watch);
  }
}

bool TcpInlet::holds_early(Stream& stream) noexcept {
  for (;;) {
    Header header;
    if (stream.ahead.size() > 0) {
      if (stream.ahead.size() < sizeof header) return true;
      std::memcpy(&header, stream.ahead.data(), sizeof header);
    } else {
      const Moved seen = peek(stream.socket.get(), &header, sizeof header);
      if (seen.bytes < sizeof header) return seen.broken();  // whose end it is says who awaits something
      if (follow_turn(stream, header)) continue;
    }
    check_early(header);
    return true;
  }
}

// The rule sends a message of another length elsewhere: it would be awaited here for ever.
void TcpInlet::check_early(const Header& header) noexcept {
  const Expected* const first = placed_ < expected_ ? &expected(placed_) : nullptr;
  if (header.sequence != (first != nullptr ? first->sequence : announced_)) return;
  if (first != nullptr) return link_.mismatched(header, first->bytes, first->tag);
  if (asked_) link_.mismatched(header, asked_bytes_, asked_tag_);
}

void TcpInlet::lose(const Moved& how) noexcept {
  std::size_t messages = expected_ - placed_, bytes = 0;
  for (std::uint64_t i = placed_; i < expected_; ++i) bytes += expected(i).bytes;
  if (asked_) {
    ++messages;
    bytes += asked_bytes_;
  }
  link_.lost(how, messages, bytes);
}

}  // namespace tutti::tcp
