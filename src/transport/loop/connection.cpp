#include "transport/loop/connection.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "transport/loop/wire.hpp"
#include "transport/mismatch.hpp"

namespace tutti::loop {

namespace {
// FNV-1a over words: only to notice a change.
std::uint64_t hash_of(const std::byte* data, std::size_t bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < bytes; at += sizeof word) {
    word = 0;
    std::memcpy(&word, data + at, std::min(sizeof word, bytes - at));
    hash = (hash ^ word) * 0x100000001b3ull;
  }
  return hash;
}
}  // namespace

void scribble(std::byte* memory, std::size_t bytes) noexcept {
  if (bytes > 0) std::memset(memory, 0xDB, bytes);
}

Buffer scribbled(std::size_t bytes) {
  Buffer buffer(bytes / sizeof(Line) + 1);
  scribble(buffer.front().bytes, buffer.size() * sizeof(Line));
  return buffer;
}

Connection::Connection(Wire& wire, ConnectionKey key)
    : wire_(wire), key_(std::move(key)), readers_(key_.readers.size()) {
  for (std::size_t i = 0; i < readers_.size(); ++i) readers_[i].rank = key_.readers[i];
}

// The writer's end.

void Connection::open_writer(Failure* failure) {
  TUTTI_ASSERT(!writer_open_, key_.writer, key_.readers, key_.lane);
  writer_open_ = true;
  writer_failure_ = failure;
  if (broken_ && culprit_ != key_.writer) failure->report(Code::remote_error, culprit_, why_broken_);
}

void Connection::close_writer() {
  while (completed_ < sent_) pick_up(completed_);  // the caller's memory is going away
  writer_closed_ = true;
  writer_failure_ = nullptr;
  wire_.record(name() + " closed by its writer");
}

bool Connection::room() const {
  return !broken_ && sent_ - returned_ < wire_.options().slots;
}

std::byte* Connection::lease(std::size_t bytes) {
  TUTTI_ASSERT(bytes <= wire_.options().slot_bytes, bytes, wire_.options().slot_bytes);
  if (!lease_open_) {
    if (!room()) return nullptr;
    leased_ = scribbled(wire_.options().slot_bytes);
    lease_open_ = true;
  }
  leased_bytes_ = bytes;
  return leased_.front().bytes;
}

void Connection::commit(std::size_t bytes, Tag tag) {
  TUTTI_ASSERT(lease_open_ && bytes <= leased_bytes_, lease_open_, bytes, leased_bytes_);
  lease_open_ = false;
  Message message;
  message.tag = tag;
  message.bytes = bytes;
  message.memory = std::move(leased_);
  launch(std::move(message));
}

bool Connection::send(const std::byte* data, std::size_t bytes, Tag tag, Handling handling) {
  const bool copies = handling == Handling::copied;
  TUTTI_ASSERT(!lease_open_, key_.writer, bytes, tag);
  TUTTI_ASSERT(!copies || bytes <= wire_.options().slot_bytes, bytes);
  if (!room()) return false;
  Message message;
  message.tag = tag;
  message.bytes = bytes;
  if (bytes > 0) {
    message.source = data;
    message.source_hash = hash_of(data, bytes);
    message.lent = handling == Handling::lent;
  } else {
    message.memory = scribbled(0);
  }
  launch(std::move(message));
  if (copies) pick_up(sent_ - 1);
  return true;
}

std::byte* Connection::lease_offered(std::uint64_t first, std::size_t offset, std::size_t bytes) {
  TUTTI_ASSERT(!lease_open_, key_.writer, bytes);
  const bool fits = offer_.first == first && offset <= offer_.bytes && bytes <= offer_.bytes - offset;
  if (!fits || !room()) return nullptr;
  scribble(offer_.target + offset, bytes);
  return offer_.target + offset;
}

void Connection::commit_offered(std::size_t bytes, Tag tag) {
  TUTTI_ASSERT(sent_ >= offer_.first, sent_, offer_.first);
  Message message;
  message.tag = tag;
  message.bytes = bytes;
  message.in_place = true;
  launch(std::move(message));
}

// Puts the message on its way to every reader. Its memory is picked up when the first of them sees it.
void Connection::launch(Message message) {
  const Mischief mischief = wire_.take_mischief(key_.writer, key_.readers);
  const std::uint64_t index = sent_++;
  message.unread = readers_.size();
  if (mischief.corrupt_tag) message.tag ^= 0x40u;
  if (mischief.truncate) {
    // Picked up at once: what is shorter than its source must not be hashed again.
    const std::byte* const source = message.source;
    if (source != nullptr) {
      message.memory = scribbled(message.bytes + 1);
      std::copy_n(source, message.bytes, message.memory.front().bytes);
      message.source = nullptr;
    }
    message.bytes = message.bytes > 0 ? message.bytes - 1 : 1;
  }
  wire_.record(
      fmt::format("{} message {} sent: {} bytes, tag {}", name(), index, message.bytes, message.tag));
  messages_.push_back(std::move(message));
  if (messages_.back().source == nullptr) pick_up(index);
  for (Reader& reader : readers_) {
    const std::uint64_t at_ns = wire_.now_ns() + wire_.random_delay_ns() + mischief.extra_ns;
    reader.last_arrival_ns = std::max(reader.last_arrival_ns, at_ns);
    wire_.schedule(reader.last_arrival_ns,
                   [self = shared_from_this(), index, &reader] { self->arrive(index, reader); });
  }
}

// From here on the message lies in the wire's memory. Messages are picked up in order of sending, by
// completed(): one that was ready before waits for its turn to be counted.
void Connection::pick_up(std::uint64_t index) {
  Message& picked = message(index);
  if (picked.source != nullptr) {
    check_source(picked, index);
    picked.memory = scribbled(picked.bytes);
    std::copy_n(picked.source, picked.bytes, picked.memory.front().bytes);
    picked.source = nullptr;
  }
  count_completed();
}

void Connection::check_source(const Message& message, std::uint64_t index) {
  if (writer_failure_ != nullptr && hash_of(message.source, message.bytes) != message.source_hash)
    writer_failure_->report(
        Code::internal_error, key_.writer,
        fmt::format("{}: the memory of message {} was changed before it had been sent", name(), index));
}

void Connection::count_completed() {
  while (completed_ < sent_ && (completed_ < first_ || message(completed_).source == nullptr)) ++completed_;
}

// The readers' ends.

Connection::Reader& Connection::reader(int rank) {
  const auto found =
      std::find_if(readers_.begin(), readers_.end(), [&](const Reader& one) { return one.rank == rank; });
  TUTTI_ASSERT(found != readers_.end(), rank, key_.readers);
  return *found;
}

void Connection::open_reader(int rank, Failure* failure) {
  Reader& opened = reader(rank);
  TUTTI_ASSERT(!opened.open, key_.writer, key_.readers, key_.lane, rank);
  opened.open = true;
  opened.failure = failure;
  if (broken_ && culprit_ != rank) failure->report(Code::remote_error, culprit_, why_broken_);
}

void Connection::close_reader(int rank) {
  Reader& closing = reader(rank);
  closing.closed = true;
  closing.failure = nullptr;
  closing.expected.clear();
  while (closing.taken < closing.arrived) take(closing);
  wire_.record(fmt::format("{} closed by its reader {}", name(), rank));
}

void Connection::arrive(std::uint64_t index, Reader& reader) {
  if (broken_) return;
  if (!message(index).lent) pick_up(index);
  ++reader.arrived;
  wire_.record(fmt::format("{} message {} arrives at {}", name(), index, reader.rank));
  if (reader.closed)
    take(reader);
  else
    place(reader);
}

void Connection::place(Reader& reader) {
  while (!reader.expected.empty() && reader.taken < reader.arrived) {
    const Expected expected = reader.expected.front();
    if (!fits(reader, expected.bytes, expected.tag)) return;
    std::copy_n(message(reader.taken).data(), expected.bytes, expected.target);
    reader.expected.pop_front();
    ++reader.placed;
    take(reader);
  }
}

// The reader is done with its next message; when all readers are, its slot goes back to the writer.
void Connection::take(Reader& reader) {
  const std::uint64_t index = reader.taken++;
  Message& taken = message(index);
  if (--taken.unread == 0 && taken.source != nullptr) {  // lent
    check_source(taken, index);
    taken.source = nullptr;
    count_completed();
  }
  while (!messages_.empty() && messages_.front().unread == 0) {
    messages_.pop_front();
    ++first_;
    wire_.schedule(wire_.now_ns() + wire_.random_delay_ns(),
                   [self = shared_from_this()] { ++self->returned_; });
  }
}

const std::byte* Connection::borrow(int rank, std::size_t bytes, Tag tag) {
  Reader& borrower = reader(rank);
  if (broken_) return nullptr;
  TUTTI_ASSERT(bytes <= wire_.options().slot_bytes, bytes, wire_.options().slot_bytes);
  if (borrower.borrowed) return message(borrower.taken).data();
  borrower.asked = true;
  if (!borrower.expected.empty() || borrower.taken == borrower.arrived) {
    note_end_of_stream(borrower);
    return nullptr;
  }
  if (!fits(borrower, bytes, tag)) return nullptr;
  borrower.borrowed = true;
  return message(borrower.taken).data();
}

void Connection::release(int rank) {
  Reader& borrower = reader(rank);
  if (broken_) return;
  TUTTI_ASSERT(borrower.borrowed, key_.writer, rank, key_.lane);
  borrower.borrowed = borrower.asked = false;
  Message& released = message(borrower.taken);
  if (readers_.size() == 1 && !released.memory.empty())
    scribble(released.memory.front().bytes, released.bytes);
  take(borrower);
}

bool Connection::expect(int rank, std::byte* target, std::size_t bytes, Tag tag) {
  Reader& expecting = reader(rank);
  TUTTI_ASSERT((wire_.options().places || wire_.options().takes_added) && !expecting.asked, expecting.asked);
  if (broken_ || expecting.expected.size() >= wire_.options().outstanding_expects) return false;
  scribble(target, bytes);  // the wire may write there from now on: nobody may count on what was there
  expecting.expected.push_back({target, bytes, tag});
  place(expecting);
  return true;
}

void Connection::offer(int rank, std::uint64_t ahead, std::byte* target, std::size_t bytes) {
  if (readers_.size() == 1) offer_ = {reader(rank).taken + ahead, target, bytes};
}

std::uint64_t Connection::placed(int rank) {
  Reader& expecting = reader(rank);
  if (!expecting.expected.empty()) note_end_of_stream(expecting);
  return expecting.placed;
}

// What goes wrong.

bool Connection::fits(Reader& reader, std::size_t bytes, Tag tag) {
  const Message& next = message(reader.taken);
  if (next.bytes == bytes && next.tag == tag) return true;
  reader.failure->report(Code::invalid_usage, key_.writer,
                         mismatch_sentence(fmt::format("rank {}", key_.writer), {next.bytes, next.tag},
                                           reader.rank, {bytes, tag}));
  return false;
}

void Connection::note_end_of_stream(Reader& reader) {
  if (!writer_closed_ || reader.arrived < sent_ || broken_) return;
  reader.failure->report(
      Code::remote_error, key_.writer,
      fmt::format("rank {} closed its connection to rank {} (lane {}) while a message was due", key_.writer,
                  reader.rank, key_.lane));
}

void Connection::break_off(int culprit, const std::string& sentence) {
  if (broken_) return;
  broken_ = true;
  culprit_ = culprit;
  why_broken_ = sentence;
  const auto tell = [&](Failure* failure, int rank, int peer) {
    if (failure != nullptr && rank != culprit)
      failure->report(Code::remote_error, culprit >= 0 ? culprit : peer, sentence);
  };
  tell(writer_failure_, key_.writer, readers_.front().rank);
  for (const Reader& one : readers_) tell(one.failure, one.rank, key_.writer);
}

bool Connection::closed() const {
  return writer_closed_ &&
         std::all_of(readers_.begin(), readers_.end(), [](const Reader& one) { return one.closed; });
}

bool Connection::joins(int rank) const {
  return rank == key_.writer ||
         std::find(key_.readers.begin(), key_.readers.end(), rank) != key_.readers.end();
}

std::string Connection::name() const {
  return fmt::format("{}->{} lane {}", key_.writer, fmt::join(key_.readers, ","), key_.lane);
}

std::string Connection::describe() const {
  std::string text = fmt::format("{}: {} sent, {} completed, {} slots free{}{}", name(), sent_, completed_,
                                 wire_.options().slots - (sent_ - returned_), broken_ ? ", broken" : "",
                                 writer_closed_ ? ", closed by its writer" : "");
  for (const Reader& one : readers_)
    text += fmt::format("; rank {}: {} arrived, {} taken, {} expected{}", one.rank, one.arrived, one.taken,
                        one.expected.size(), one.asked && !one.borrowed ? ", asks to borrow" : "");
  return text;
}

}  // namespace tutti::loop
