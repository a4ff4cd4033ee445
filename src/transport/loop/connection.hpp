// One connection of the loop wire: its messages from send to release, and the state of its ends. Everything
// here wants the wire's lock held.
#pragma once

#include <compare>
#include <deque>
#include <memory>

#include "transport/transport.hpp"

namespace tutti::loop {

class Wire;

struct ConnectionKey {
  std::uint64_t communicator;
  int writer;
  std::vector<int> readers;
  int lane;
  auto operator<=>(const ConnectionKey&) const = default;
};

/// Memory of a message: in cache lines, so that slots are aligned as the interface promises.
struct alignas(64) Line {
  std::byte bytes[64];
};
using Buffer = std::vector<Line>;
[[nodiscard]] Buffer scribbled(std::size_t bytes);
void scribble(std::byte* memory, std::size_t bytes) noexcept;

/// What becomes of a message's source: copied at once, picked up later, or read there by every reader.
enum class Handling { copied, picked_up, lent };

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Wire& wire, ConnectionKey key);

  // The writer's end.
  void open_writer(Failure* failure);
  void close_writer();
  [[nodiscard]] bool writer_opened() const { return writer_open_; }
  [[nodiscard]] std::byte* lease(std::size_t bytes);
  void commit(std::size_t bytes, Tag tag);
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag, Handling handling);
  [[nodiscard]] std::byte* lease_offered(std::uint64_t first, std::size_t offset, std::size_t bytes);
  void commit_offered(std::size_t bytes, Tag tag);
  [[nodiscard]] std::uint64_t completed() const { return completed_; }

  // A reader's end; `reader` is its rank.
  void open_reader(int reader, Failure* failure);
  void close_reader(int reader);
  [[nodiscard]] const std::byte* borrow(int reader, std::size_t bytes, Tag tag);
  void release(int reader);
  [[nodiscard]] bool expect(int reader, std::byte* target, std::size_t bytes, Tag tag);
  [[nodiscard]] std::uint64_t placed(int reader);
  void offer(int reader, std::uint64_t ahead, std::byte* target, std::size_t bytes);

  /// No message moves any more; both ends that are open fail with the sentence, except the end of `culprit`
  /// itself.
  void break_off(int culprit, const std::string& sentence);

  [[nodiscard]] bool closed() const;
  [[nodiscard]] const ConnectionKey& key() const { return key_; }
  [[nodiscard]] bool joins(int rank) const;
  [[nodiscard]] std::string describe() const;

 private:
  struct Message {
    Tag tag = 0;
    std::size_t bytes = 0;
    std::size_t unread = 0;             // readers that have not taken it yet
    const std::byte* source = nullptr;  // the caller's memory, until the wire has picked it up
    std::uint64_t source_hash = 0;
    bool lent = false;      // picked up only when all have read it
    bool in_place = false;  // it is in the reader's memory, and has none here
    Buffer memory;
    [[nodiscard]] const std::byte* data() const {
      return in_place ? Inlet::in_place() : source != nullptr ? source : memory.front().bytes;
    }
  };
  struct Offer {
    std::uint64_t first = ~std::uint64_t{0};
    std::byte* target = nullptr;
    std::size_t bytes = 0;
  };
  struct Expected {
    std::byte* target;
    std::size_t bytes;
    Tag tag;
  };
  struct Reader {
    int rank = -1;
    Failure* failure = nullptr;
    bool open = false, closed = false;
    std::uint64_t arrived = 0;  // messages visible to this reader, from the first on
    std::uint64_t taken = 0;    // of them, those released or placed
    std::uint64_t last_arrival_ns = 0;
    std::deque<Expected> expected;
    std::uint64_t placed = 0;
    bool asked = false, borrowed = false;  // by borrow()
  };

  [[nodiscard]] Reader& reader(int rank);
  [[nodiscard]] Message& message(std::uint64_t index) { return messages_[index - first_]; }
  [[nodiscard]] bool room() const;
  void launch(Message message);
  void pick_up(std::uint64_t index);
  void check_source(const Message& message, std::uint64_t index);
  void count_completed();
  void arrive(std::uint64_t index, Reader& reader);
  void place(Reader& reader);
  void take(Reader& reader);
  [[nodiscard]] bool fits(Reader& reader, std::size_t bytes, Tag tag);
  void note_end_of_stream(Reader& reader);
  [[nodiscard]] std::string name() const;

  Wire& wire_;
  const ConnectionKey key_;
  Failure* writer_failure_ = nullptr;
  bool writer_open_ = false, writer_closed_ = false;
  bool broken_ = false;
  std::string why_broken_;
  int culprit_ = -1;
  Buffer leased_;
  std::size_t leased_bytes_ = 0;
  bool lease_open_ = false;
  std::deque<Message> messages_;  // from first_ on
  std::uint64_t first_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t completed_ = 0;  // picked up, from the first one on
  std::uint64_t returned_ = 0;   // slots that have come back to the writer
  std::vector<Reader> readers_;
  Offer offer_;
};

}  // namespace tutti::loop
