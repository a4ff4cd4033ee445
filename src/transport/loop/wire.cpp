#include "transport/loop/wire.hpp"

#include <unistd.h>

#include "base/assert.hpp"

namespace tutti::loop {

Wire::Wire(int ranks, std::uint64_t seed, LoopOptions options)
    : options_(options),
      random_(seed),
      dead_(static_cast<std::size_t>(ranks), false),
      paused_until_ns_(static_cast<std::size_t>(ranks), 0) {
  TUTTI_ASSERT(options.slots > 0 && options.min_delay_ns <= options.max_delay_ns, options.slots,
               options.min_delay_ns, options.max_delay_ns);
}

bool Wire::poll(int rank) {
  if (options_.self_advancing) advance();
  return !dead(rank) && paused_until_ns_[static_cast<std::size_t>(rank)] <= now_ns_;
}

std::uint64_t Wire::random_delay_ns() {
  // Not uniform_int_distribution: its values differ between libraries, and a seed should not.
  const std::uint64_t span = options_.max_delay_ns - options_.min_delay_ns + 1;
  return options_.min_delay_ns + random_() % span;
}

void Wire::schedule(std::uint64_t at_ns, std::function<void()> happen) {
  events_.push({std::max(at_ns, now_ns_), scheduled_++, std::move(happen)});
  const std::uint64_t one = 1;
  for (const int fd : sleepers_) (void)!::write(fd, &one, sizeof one);
}

bool Wire::advance() {
  if (events_.empty()) return false;
  // top() is const although the element is about to go; the function is all that is worth moving.
  Event next = std::move(const_cast<Event&>(events_.top()));
  events_.pop();
  now_ns_ = next.at_ns;
  next.happen();
  return true;
}

void Wire::record(const std::string& event) {
  const std::string line = fmt::format("{} ns: {}", now_ns_, event);
  for (const char letter : line)
    fingerprint_ = (fingerprint_ ^ static_cast<unsigned char>(letter)) * 0x100000001b3ull;
  if (options_.keep_trace) trace_.push_back(line);
}

std::shared_ptr<Connection> Wire::connection(const ConnectionKey& key) {
  std::shared_ptr<Connection>& slot = connections_[key];
  if (!slot) slot = std::make_shared<Connection>(*this, key);
  return slot;
}

void Wire::forget_if_closed(const Connection& connection) {
  if (!connection.closed()) return;
  const auto found = connections_.find(connection.key());
  if (found != connections_.end() && found->second.get() == &connection) connections_.erase(found);
}

// Faults.

Mischief Wire::take_mischief(int writer, const std::vector<int>& readers) {
  for (const int reader : readers)
    if (const auto found = mischief_.find({writer, reader}); found != mischief_.end()) {
      const Mischief mischief = found->second;
      mischief_.erase(found);
      return mischief;
    }
  return {};
}

void Wire::kill(int rank) {
  record(fmt::format("rank {} is killed", rank));
  dead_[static_cast<std::size_t>(rank)] = true;
  for (const auto& [key, connection] : connections_)
    if (connection->joins(rank))
      connection->break_off(rank,
                            fmt::format("rank {} was killed at {} ns by the fault plan", rank, now_ns_));
}

void Wire::cut(int writer, int reader) {
  record(fmt::format("rank {} is cut off from rank {}", reader, writer));
  for (const auto& [key, connection] : connections_)
    if (key.writer == writer && connection->joins(reader))
      connection->break_off(
          -1, fmt::format("the connection from rank {} to rank {} was cut at {} ns by the fault plan", writer,
                          reader, now_ns_));
}

void Wire::pause(int rank, std::uint64_t for_ns) {
  record(fmt::format("rank {} pauses for {} ns", rank, for_ns));
  paused_until_ns_[static_cast<std::size_t>(rank)] = now_ns_ + for_ns;
  schedule(now_ns_ + for_ns, [this, rank] { record(fmt::format("rank {} goes on", rank)); });
}

std::string Wire::describe() const {
  std::string text = fmt::format("loop at {} ns, {} events to come\n", now_ns_, events_.size());
  for (const auto& [key, connection] : connections_) text += "  " + connection->describe() + "\n";
  return text;
}

}  // namespace tutti::loop
