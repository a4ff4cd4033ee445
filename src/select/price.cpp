#include "select/price.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

namespace tutti {
namespace {

/// A pass that writes a second place takes so much longer, as a share of a copy.
constexpr double kFusedShare = 0.4;
/// Messages of several chunks that go one after the other wait for their last chunk at every round.
constexpr double kUnpipelined = 1.1;

/// What came over a socket and goes on over one leaves in the pauses between two reads: a byte takes so much
/// longer than one that is there from the beginning. (Two ranks over veth, 128 KiB to 8 MiB: ring 1.1 to 1.3
/// times one-shot, though both move the same bytes.)
constexpr double kPassedOn = 1.6;

/// A socket is a stream: its reader takes what has come of a message while its writer writes the rest.
constexpr double kStreamedBytes = 16 << 10;

/// A message under way.
struct Flight {
  double first;  // when its first piece can be read
  double last;   // when all of it can
};

class Clocks {
 public:
  Clocks(const Bid& bid, const Ground& ground, std::size_t block_bytes)
      : bid_(bid),
        ground_(ground),
        block_bytes_(static_cast<double>(block_bytes)),
        chunk_(static_cast<double>(bid.chunk_bytes)),
        now_(bid.programs.size(), 0.0),
        busy_(bid.programs.size(), 0.0),
        next_(bid.programs.size(), 0),
        latest_(bid.programs.size(), nullptr),
        came_(bid.programs.size(), std::vector<bool>(static_cast<std::size_t>(
                                       bid.programs.empty() ? 0 : bid.programs.front().blocks()))) {}

  void run() {
    const int rounds = bid_.programs.empty() ? 0 : bid_.programs.front().rounds();
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t r = 0; r < now_.size(); ++r) take_round(r, round);
      for (std::size_t r = 0; r < now_.size(); ++r) arrive(r);
    }
  }

  [[nodiscard]] double last() const { return *std::max_element(now_.begin(), now_.end()); }
  [[nodiscard]] double busiest() const { return *std::max_element(busy_.begin(), busy_.end()); }

 private:
  /// Sends of the round; what it receives waits until every rank has sent.
  void take_round(std::size_t rank, int round) {
    const auto& operations = bid_.programs[rank].operations();
    for (auto& at = next_[rank]; at < operations.size() && operations[at].round == round; ++at) {
      if (operations[at].action == Action::send) {
        send(rank, operations[at]);
      } else {
        arrivals_.push_back(&operations[at]);
      }
    }
    pending_.resize(now_.size());
    pending_[rank] = std::move(arrivals_);
    arrivals_.clear();
  }

  void arrive(std::size_t rank) {
    for (const Operation* operation : pending_[rank]) receive(rank, *operation);
  }

  [[nodiscard]] bool local(std::size_t a, int b) const {
    return ground_.shared_memory && ground_.host_of[a] == ground_.host_of[static_cast<std::size_t>(b)];
  }
  [[nodiscard]] const WireCost& wire(std::size_t a, int b) const {
    if (local(a, b)) return ground_.costs.shared_memory;
    return ground_.rdma ? ground_.costs.rdma : ground_.costs.tcp;
  }
  /// Messages come into memory that a reduction can read: no processor time goes into that.
  [[nodiscard]] bool lies_there(std::size_t a, int b) const { return ground_.rdma || local(a, b); }
  /// So much of a message can be read before the rest is there.
  [[nodiscard]] double piece(double bytes, bool streams) const {
    return std::min(bytes, streams ? std::min(chunk_, kStreamedBytes) : chunk_);
  }
  /// Of all the chunks that a message is cut into.
  [[nodiscard]] double overhead(const WireCost& wire, double bytes) const {
    return wire.overhead_ns * std::max(1.0, std::ceil(bytes / chunk_));
  }
  [[nodiscard]] double latency(const WireCost& wire) const {
    return wire.latency_ns + (ground_.ranks_per_core > 1 ? ground_.costs.wake_ns : 0);
  }
  void work(std::size_t rank, double ns) {
    now_[rank] += ns * ground_.ranks_per_core;
    busy_[rank] += ns * ground_.ranks_per_core;
  }

  void send(std::size_t rank, const Operation& operation) {
    const double bytes = static_cast<double>(operation.blocks.size()) * block_bytes_;
    bool wrote_for_host = false;  // a multicast writes once for all ranks of the host
    double host_first = 0;
    for (const Rank peer : operation.peers) {
      const WireCost& cost = wire(rank, peer);
      const bool shared = local(rank, peer) && operation.peers.size() > 1;
      double first = host_first;
      if (!shared || !wrote_for_host) {
        const double per_byte = cost.ns_per_byte * share_of_send(rank, peer, operation);
        const double brief = piece(bytes, !lies_there(rank, peer)) * per_byte;
        first = now_[rank] + (cost.overhead_ns + brief) * ground_.ranks_per_core;
        work(rank, overhead(cost, bytes) + bytes * per_byte);
        if (shared) host_first = first;
        wrote_for_host = wrote_for_host || shared;
      }
      flights_[{static_cast<int>(rank), peer}].push_back({first + latency(cost), now_[rank] + latency(cost)});
    }
  }

  /// Of what a byte takes to send.
  [[nodiscard]] double share_of_send(std::size_t rank, int peer, const Operation& operation) const {
    if (local(rank, peer)) {
      // A message that the pass before has just made leaves with that pass, as the wire has slots.
      const bool fused = latest_[rank] != nullptr && latest_[rank]->blocks == operation.blocks;
      return fused ? kFusedShare : 1;
    }
    const bool passed_on = std::any_of(operation.blocks.begin(), operation.blocks.end(), [&](Block block) {
      return came_[rank][static_cast<std::size_t>(block)];
    });
    return passed_on && !lies_there(rank, peer) ? kPassedOn : 1;
  }

  void receive(std::size_t rank, const Operation& operation) {
    const double bytes = static_cast<double>(operation.blocks.size()) * block_bytes_;
    const bool reduces = operation.action == Action::reduce;
    double last = 0;
    double ns = 0;
    bool streams = false;
    for (const Rank peer : operation.peers) {
      auto& queue = flights_[{peer, static_cast<int>(rank)}];
      if (queue.empty()) continue;  // not of this round order: the verifier's business
      const Flight flight = queue.front();
      queue.pop_front();
      const WireCost& cost = wire(rank, peer);
      now_[rank] = std::max(now_[rank], flight.first);
      last = std::max(last, flight.last);
      const bool lies = lies_there(rank, peer);
      streams = streams || !lies;
      const double copy = lies ? ground_.costs.shared_memory.ns_per_byte : cost.ns_per_byte;
      const double per_byte = reduces ? ground_.costs.reduce_ns_per_byte + (lies ? 0 : copy) : copy;
      ns += overhead(cost, bytes) + bytes * per_byte;
    }
    work(rank, ns);
    latest_[rank] = &operation;
    for (const Block block : operation.blocks) came_[rank][static_cast<std::size_t>(block)] = true;
    const double tail = piece(bytes, streams) / std::max(bytes, 1.0) * ns * ground_.ranks_per_core;
    now_[rank] = std::max(now_[rank], last + tail);
  }

  const Bid& bid_;
  const Ground& ground_;
  double block_bytes_;
  double chunk_;
  std::vector<double> now_, busy_;
  std::vector<std::size_t> next_;
  std::vector<const Operation*> latest_;  // what each rank received or reduced last
  std::vector<std::vector<bool>> came_;   // by rank and block: received or reduced
  std::vector<const Operation*> arrivals_;
  std::vector<std::vector<const Operation*>> pending_;
  std::map<std::pair<int, int>, std::deque<Flight>> flights_;
};

/// Bytes that leave the cache cost more: the whole of the blocks against what the cache holds.
double memory_ns(const Bid& bid, const Ground& ground) {
  const double bytes =
      static_cast<double>(bid.block_bytes) * (bid.programs.empty() ? 0 : bid.programs.front().blocks());
  return bytes > ground.costs.cached_bytes ? bytes * ground.costs.memory_ns_per_byte : 0;
}

}  // namespace

double price(const Bid& bid, const Ground& ground) {
  if (bid.programs.size() < 2) return 0;
  const bool whole = bid.block_bytes <= bid.chunk_bytes;
  if (whole || !bid.pipelines) {
    Clocks clocks(bid, ground, bid.block_bytes);
    clocks.run();
    return clocks.last() * (whole ? 1 : kUnpipelined) + memory_ns(bid, ground);
  }
  // A pipeline: the first chunk goes all the way, then one chunk follows the other at the busiest rank's
  // pace.
  Clocks clocks(bid, ground, bid.chunk_bytes);
  clocks.run();
  const double chunks = static_cast<double>(bid.block_bytes) / static_cast<double>(bid.chunk_bytes);
  return clocks.last() + (chunks - 1) * clocks.busiest() + memory_ns(bid, ground);
}

}  // namespace tutti
