#include "execute/connections.hpp"

namespace tutti {

Connections::Connections(const World& world, std::vector<Transport*> transports)
    : world_(world), transports_(std::move(transports)) {}

Transport& Connections::wire_to(int peer) const {
  for (Transport* transport : transports_) {
    if (transport->reaches(peer)) return *transport;
  }
  fail(Code::invalid_usage,
       "no transport joins rank {} with rank {}: TUTTI_TRANSPORT allows \"{}\" only; unset it or allow tcp",
       world_.rank, peer, transports_.empty() ? std::string_view("nothing") : transports_.front()->name());
}

std::vector<std::vector<int>> Connections::groups_of(int writer, std::span<const int> peers) const {
  // Ranks of one host share memory. Whether the wire can multicast is the same on every host of a
  // communicator, as its transports are agreed on when it is made.
  const auto host = [&](int rank) { return world_.host_of[static_cast<std::size_t>(rank)]; };
  const bool multicast = !transports_.empty() && transports_.front()->multicasts();
  std::vector<std::vector<int>> groups;
  std::vector<int> together;
  for (const int peer : peers) {
    if (multicast && host(peer) == host(writer)) {
      together.push_back(peer);
    } else {
      groups.push_back({peer});
    }
  }
  if (!together.empty()) groups.insert(groups.begin(), std::move(together));
  return groups;
}

Outgoing& Connections::outgoing(const std::vector<int>& readers, int lane) {
  Outgoing& end = outgoing_[Key{world_.rank, readers, lane}];
  if (!end.outlet) {
    Transport& wire = wire_to(readers.front());
    end.outlet = wire.open_outlet(readers, lane);
    end.takes_added = wire.takes_added();
    end.lends = wire.lends_added();
  }
  return end;
}

Incoming& Connections::incoming(int writer, const std::vector<int>& readers, int lane) {
  const auto [entry, is_new] = incoming_.try_emplace(Key{writer, readers, lane});
  if (is_new) {
    entry->second.writer = writer;
    entry->second.takes_added = wire_to(writer).takes_added();
    entry->second.lends = wire_to(writer).lends_added();
    unopened_.fetch_add(1, std::memory_order_relaxed);  // nothing to publish yet
  }
  return entry->second;
}

void Connections::open_inlets(Deadline deadline) {
  for (auto& [key, end] : incoming_) {
    if (end.inlet) continue;
    end.inlet = wire_to(key.writer).open_inlet(key.writer, key.readers, key.lane, deadline);
    unopened_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace tutti
