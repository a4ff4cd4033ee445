#include "world/world.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace tutti::testing {

TestWorld::TestWorld(const WorldOptions& options)
    : options_(options), network_(options.ranks, options.seed, options.wire), random_(options.seed) {
  std::vector<std::string> addresses;
  for (int r = 0; r < options.ranks; ++r) {
    auto& rank = ranks_.emplace_back(std::make_unique<Rank>());
    rank->world.rank = r;
    rank->world.size = options.ranks;
    rank->world.communicator = 1;
    rank->world.host_of = options.host_of.empty()
                              ? std::vector<int>(static_cast<std::size_t>(options.ranks), 0)
                              : options.host_of;
    rank->world.failure = &rank->failure;
    rank->transport = network_.make(rank->world);
    addresses.push_back(rank->transport->address());
  }
  for (auto& rank : ranks_) {
    rank->transport->meet(addresses);
    rank->connections =
        std::make_unique<Connections>(rank->world, std::vector<Transport*>{rank->transport.get()});
  }
}

void TestWorld::compile(const Algorithm& algorithm, const std::function<Call(int)>& call_of,
                        const Parameters& parameters) {
  for (auto& rank : ranks_) {
    const Call call = call_of(rank->world.rank);
    const Shape shape{options_.ranks, call.root, rank->world.host_of};
    const auto programs = [&](int r) { return algorithm.make(shape, r); };
    rank->plan = tutti::compile(call, programs, parameters, *rank->connections);
  }
  for (auto& rank : ranks_) {
    rank->connections->open_inlets(after_ms(10'000));
    rank->scratch.assign(rank->plan->scratch_bytes, std::byte{0xee});
    rank->run.reserve(*rank->plan);
  }
}

bool TestWorld::over(const Rank& rank) const {
  return rank.done || rank.failure.failed() || network_.killed(rank.world.rank);
}

std::string TestWorld::run(const std::vector<std::vector<std::byte*>>& buffers) {
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    Rank& rank = *ranks_[r];
    rank.run.start(*rank.plan, rank.scratch.data(), buffers[r]);
    rank.done = false;
  }
  std::vector<Rank*> order;
  for (auto& rank : ranks_) order.push_back(rank.get());
  for (;;) {
    std::shuffle(order.begin(), order.end(), random_);
    bool moved = false;
    for (Rank* rank : order) {
      if (over(*rank)) continue;
      if (rank->transport->needs_progress()) rank->transport->progress();
      const Progress progress = rank->run.poll();
      rank->done = progress == Progress::done;
      moved |= progress != Progress::pending;
    }
    if (std::all_of(order.begin(), order.end(), [this](const Rank* rank) { return over(*rank); })) break;
    if (!moved && !network_.advance()) {
      std::string waits;
      for (const Rank* rank : order) {
        if (!over(*rank)) waits += fmt::format("rank {}: {}\n", rank->world.rank, rank->run.waiting_for());
      }
      return fmt::format("deadlock, seed {}:\n{}{}", options_.seed, waits, network_.describe());
    }
  }
  for (const auto& rank : ranks_) {
    if (rank->failure.failed() && !network_.killed(rank->world.rank)) return rank->failure.sentence();
  }
  return {};
}

}  // namespace tutti::testing
