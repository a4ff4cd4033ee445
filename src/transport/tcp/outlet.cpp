#include "transport/tcp/outlet.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.hpp"

namespace tutti::tcp {

TcpOutlet::TcpOutlet(Activity& activity, Link link, std::vector<FileDescriptor> sockets, Twin* twin,
                     const Settings& settings)
    : Outlet(kSlotBytes, true),
      activity_(activity),
      link_(std::move(link)),
      link_timeout_ms_(static_cast<unsigned>(link_timeout_ms(settings))),
      streams_(sockets.size()),
      twin_(twin),
      rule_(static_cast<int>(sockets.size())) {
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    streams_[i].socket = std::move(sockets[i]);
    streams_[i].watch = {streams_[i].socket.get(), EPOLLOUT, false};
    activity_.admit(streams_[i].watch);
  }
}

// What the kernel has taken still reaches the reader; an endpoint that goes while messages are queued here
// abandons them.
TcpOutlet::~TcpOutlet() {
  activity_.dismiss(static_cast<Active&>(*this));
  for (Stream& stream : streams_) {
    if (!link_.pointless()) write_queue(stream);
    activity_.dismiss(stream.watch);
    ::shutdown(stream.socket.get(), SHUT_WR);
  }
}

std::byte* TcpOutlet::slot(std::uint64_t index) noexcept {
  std::byte* const memory = slots_.get();
  if (memory == nullptr) {
    link_.out_of_memory(errno);
    return nullptr;
  }
  return memory + index % kSlots * (kSlotBytes + kBehindHeader) + kBehindHeader;
}

std::byte* TcpOutlet::lease(std::size_t bytes) noexcept {
  TUTTI_ASSERT(bytes <= kSlotBytes, bytes);
  if (full() || slots_used_ - slots_freed_ == kSlots) return nullptr;
  return slot(slots_used_);
}

void TcpOutlet::commit(std::size_t bytes, Tag tag) noexcept {
  if (link_.broken()) return;
  const std::byte* const data = slot(slots_used_++);
  enqueue(data, bytes, tag, true);
}

bool TcpOutlet::send(const std::byte* data, std::size_t bytes, Tag tag) noexcept {
  if (full()) return false;
  enqueue(data, bytes, tag, false);
  return true;
}

void TcpOutlet::enqueue(const std::byte* data, std::size_t bytes, Tag tag, bool in_slot) noexcept {
  Message& added = message(sent_);
  added = {{bytes, tag, static_cast<std::uint32_t>(sent_), {}}, data, 0, in_slot};
  Stream& stream = streams_[rule_.next(bytes)];
  const bool first = stream.idle();
  stream.queue[stream.queued++ % kQueued] = sent_++;
  stream.left += added.left();
  if (bytes < kGatheredBytes) {
    if (first && &stream == &streams_.front() && twin_ != nullptr && twin_->socket) turn();
    if (first) write_at_once(stream, added);
  } else if (stream.left >= kBurstBytes) {
    write_queue(stream);
  }
  if (sent_ != completed_) activity_.start(*this);
}

// The first stream, with nothing queued, goes over to the peer's socket. Only once the kernel holds nothing
// of it any more, so that there is room for the mark as a whole.
void TcpOutlet::turn() noexcept {
  Stream& stream = streams_.front();
  if (link_.broken() || unacknowledged_bytes(stream.socket.get()) != 0) return;
  const Moved moved = write_some(stream.socket.get(), &kTurnMark, sizeof kTurnMark);
  if (moved.broken()) return lose(moved);
  if (moved.bytes == 0) return;  // the kernel is short of memory: a later message turns
  TUTTI_ASSERT(moved.bytes == sizeof kTurnMark, moved.bytes);
  if (!activity_.move(stream.watch, twin_->socket.get())) return lose({0, false, errno});
  stream.socket = std::move(twin_->socket);
  twin_->socket.reset();  // the old one: what it holds still arrives
  twin_ = nullptr;
}

// The path of a small message: one contiguous write is cheaper than one of two parts, by more than the copy
// costs.
void TcpOutlet::write_at_once(Stream& stream, Message& added) noexcept {
  constexpr std::size_t kCopied = 1024;
  if (!added.in_slot && added.header.bytes > kCopied) return write_queue(stream);
  std::array<std::byte, sizeof(Header) + kCopied> together;
  std::byte* start = together.data();
  if (added.in_slot)
    start = const_cast<std::byte*>(added.data) - sizeof(Header);  // the slot's own room for it
  else if (added.header.bytes > 0)
    std::memcpy(start + sizeof(Header), added.data, added.header.bytes);
  std::memcpy(start, &added.header, sizeof(Header));
  const Moved moved = write_some(stream.socket.get(), start, added.left());
  if (moved.broken()) return lose(moved);
  advance(stream, moved.bytes);
}

void TcpOutlet::write_queue(Stream& stream) noexcept {
  constexpr std::size_t kGathered = 64;
  std::array<iovec, 2 * kGathered> parts;
  std::size_t count = 0, bytes = 0;
  const auto add = [&](const void* data, std::size_t size) {
    const std::size_t taken = std::min(size, kBurstBytes - bytes);
    if (taken == 0) return;
    parts[count++] = {const_cast<void*>(data), taken};  // sendmsg() does not change it
    bytes += taken;
  };
  const std::uint64_t end = std::min(stream.queued, stream.written + kGathered);
  for (std::uint64_t i = stream.written; i < end; ++i) {
    const Message& queued = message(stream.queue[i % kQueued]);
    const std::size_t of_header = std::min(queued.moved, sizeof(Header));
    const std::size_t of_payload = queued.moved - of_header;
    add(reinterpret_cast<const std::byte*>(&queued.header) + of_header, sizeof(Header) - of_header);
    add(queued.data + of_payload, queued.header.bytes - of_payload);
  }
  if (bytes == 0) return;
  const Moved moved = write_some(stream.socket.get(), parts.data(), count);
  if (moved.broken()) return lose(moved);
  advance(stream, moved.bytes);
}

// The kernel has taken so many bytes of the stream's queue.
void TcpOutlet::advance(Stream& stream, std::size_t bytes) noexcept {
  while (!stream.idle()) {
    Message& front = message(stream.queue[stream.written % kQueued]);
    const std::size_t taken = std::min(bytes, front.left());
    front.moved += taken;
    bytes -= taken;
    stream.left -= taken;
    if (front.left() > 0) break;
    ++stream.written;
  }
  count_completed();
}

void TcpOutlet::count_completed() noexcept {
  while (completed_ < sent_ && message(completed_).left() == 0) {
    if (message(completed_).in_slot) ++slots_freed_;
    ++completed_;
  }
}

bool TcpOutlet::pump() noexcept {
  for (Stream& stream : streams_)
    if (!stream.idle() && !link_.broken()) write_queue(stream);
  return sent_ != completed_ && !link_.broken();
}

void TcpOutlet::watch(Activity& activity) noexcept {
  check_link();
  for (Stream& stream : streams_)
    if (!stream.idle()) activity.enable(stream.watch);
}

// While data waits for acknowledgement the kernel itself would wait a quarter of an hour before it gave up.
void TcpOutlet::check_link() noexcept {
  constexpr auto kInterval = std::chrono::seconds(1);
  const auto now = Clock::now();
  if (now < next_check_ || link_.broken()) return;
  next_check_ = now + kInterval;
  for (const Stream& stream : streams_)
    if (const unsigned silence = unacknowledged_ms(stream.socket.get()); silence > link_timeout_ms_)
      return link_.silent(silence);
}

void TcpOutlet::lose(const Moved& how) noexcept {
  std::size_t bytes = 0;
  for (std::uint64_t i = completed_; i < sent_; ++i) bytes += message(i).left();
  link_.lost(how, sent_ - completed_, bytes);
}

}  // namespace tutti::tcp
