#include "collectives.hpp"

#include <cstdint>

namespace perf {
namespace {

constexpr int kReduced = Segment::kReduced;

std::size_t index(int rank) {
  return static_cast<std::size_t>(rank);
}

// ---- Bus bandwidth

double once(int) {
  return 1;
}
double others_share(int ranks) {
  return static_cast<double>(ranks - 1) / ranks;
}
double others_share_twice(int ranks) {
  return 2 * others_share(ranks);
}

// ---- Every buffer holds the whole

Layout all_reduce(const Scene& scene) {
  const std::size_t count = scene.elements;
  return {.count = count,
          .elements = count,
          .send = count,
          .receive = count,
          .expected = {{0, count, kReduced, 0}}};
}

Layout reduce(const Scene& scene) {
  Layout layout = all_reduce(scene);
  if (scene.rank != scene.root) layout.receive = 0, layout.expected.clear();
  return layout;
}

Layout broadcast(const Scene& scene) {
  Layout layout = all_reduce(scene);
  layout.expected = {{0, layout.count, scene.root, 0}};
  return layout;
}

/// A ring: to the next, from the one before.
Layout send_receive(const Scene& scene) {
  Layout layout = all_reduce(scene);
  layout.expected = {{0, layout.count, (scene.rank + scene.ranks - 1) % scene.ranks, 0}};
  return layout;
}

Layout barrier(const Scene&) {
  return {};
}

// ---- A block for each rank

Layout blocks(const Scene& scene) {
  const std::size_t count = scene.elements / index(scene.ranks);
  return {.count = count, .elements = count * index(scene.ranks)};
}

std::vector<Segment> block_of_each(const Scene& scene, std::size_t count, std::size_t from) {
  std::vector<Segment> segments;
  for (int source = 0; source < scene.ranks; ++source)
    segments.push_back({index(source) * count, count, source, from});
  return segments;
}

Layout all_gather(const Scene& scene) {
  Layout layout = blocks(scene);
  layout.send = layout.count;
  layout.receive = layout.elements;
  layout.expected = block_of_each(scene, layout.count, 0);
  layout.send_in_place = index(scene.rank) * layout.count;
  return layout;
}

Layout gather(const Scene& scene) {
  if (scene.rank == scene.root) return all_gather(scene);
  Layout layout = blocks(scene);
  layout.send = layout.count;
  return layout;
}

Layout reduce_scatter(const Scene& scene) {
  Layout layout = blocks(scene);
  layout.send = layout.elements;
  layout.receive = layout.count;
  layout.expected = {{0, layout.count, kReduced, index(scene.rank) * layout.count}};
  layout.receive_in_place = index(scene.rank) * layout.count;
  return layout;
}

Layout scatter(const Scene& scene) {
  Layout layout = reduce_scatter(scene);
  layout.expected[0].source = scene.root;
  if (scene.rank != scene.root) layout.send = 0, layout.receive_in_place = 0;
  return layout;
}

Layout all_to_all(const Scene& scene) {
  Layout layout = blocks(scene);
  layout.send = layout.receive = layout.elements;
  layout.expected = block_of_each(scene, layout.count, index(scene.rank) * layout.count);
  return layout;
}

// ---- Blocks of unequal lengths

/// Where share `part` of `parts` begins: they are as 1 to 2 to 3 to 1 …, and the ends meet.
std::size_t cut(std::size_t elements, int part, int parts) {
  const auto weight_before = [](int end) {
    return static_cast<unsigned __int128>(end / 3 * 6 + (end % 3) * (end % 3 + 1) / 2);
  };
  return static_cast<std::size_t>(elements * weight_before(part) / weight_before(parts));
}

std::size_t share(const Scene& scene, int part) {
  part %= scene.ranks;
  return cut(scene.elements, part + 1, scene.ranks) - cut(scene.elements, part, scene.ranks);
}

Layout shares(const Scene& scene) {
  Layout layout{.count = share(scene, scene.rank), .elements = scene.elements};
  for (int rank = 0; rank < scene.ranks; ++rank) layout.receive_counts.push_back(share(scene, rank));
  return layout;
}

Layout all_gather_v(const Scene& scene) {
  Layout layout = shares(scene);
  layout.send = layout.count;
  layout.receive = layout.elements;
  layout.send_in_place = cut(scene.elements, scene.rank, scene.ranks);
  for (int source = 0; source < scene.ranks; ++source)
    layout.expected.push_back(
        {cut(scene.elements, source, scene.ranks), layout.receive_counts[index(source)], source, 0});
  return layout;
}

Layout reduce_scatter_v(const Scene& scene) {
  Layout layout = shares(scene);
  layout.send = layout.elements;
  layout.receive = layout.count;
  layout.receive_in_place = cut(scene.elements, scene.rank, scene.ranks);
  layout.expected = {{0, layout.count, kReduced, layout.receive_in_place}};
  return layout;
}

/// Rank s sends to rank d share s + d; so every rank sends and receives all shares once.
Layout all_to_all_v(const Scene& scene) {
  Layout layout{
      .count = scene.elements, .elements = scene.elements, .send = scene.elements, .receive = scene.elements};
  std::size_t at = 0;
  for (int peer = 0; peer < scene.ranks; ++peer) {
    const std::size_t count = share(scene, scene.rank + peer);
    layout.send_counts.push_back(count);
    layout.receive_counts.push_back(count);
    std::size_t from = 0;  // where the peer's buffer holds what is for this rank
    for (int before = 0; before < scene.rank; ++before) from += share(scene, peer + before);
    layout.expected.push_back({at, count, peer, from});
    at += count;
  }
  return layout;
}

// ---- Calls

tuttiResult_t exchange(const Scene& scene, const Layout& layout, const Call& call) {
  const int next = (scene.rank + 1) % scene.ranks, before = (scene.rank + scene.ranks - 1) % scene.ranks;
  tuttiResult_t result = tuttiGroupStart();
  if (result == tuttiSuccess)
    result = tuttiSend(call.send, layout.count, call.type, next, call.comm, nullptr);
  if (result == tuttiSuccess)
    result = tuttiRecv(call.receive, layout.count, call.type, before, call.comm, nullptr);
  const tuttiResult_t ended = tuttiGroupEnd();
  return result == tuttiSuccess ? ended : result;
}

/// As exchange(), without anybody's receiving.
tuttiResult_t put(const Scene& scene, const Layout& layout, const Call& call) {
  const int next = (scene.rank + 1) % scene.ranks, before = (scene.rank + scene.ranks - 1) % scene.ranks;
  const tuttiResult_t result = tuttiPutSignal(call.send, layout.count, call.type, next, call.window,
                                              call.offset, 0, call.comm, nullptr);
  const tuttiWaitSignalDesc_t signal{1, before, 0};
  return result == tuttiSuccess ? tuttiWaitSignal(1, &signal, call.comm, nullptr) : result;
}

using L = const Layout&;
using C = const Call&;
using S = const Scene&;

const std::vector<Collective> kCollectives{
    {"all_reduce", true, false, true, all_reduce,
     [](S, L l, C c) { return tuttiAllReduce(c.send, c.receive, l.count, c.type, c.op, c.comm, nullptr); },
     others_share_twice},
    {"all_gather", false, false, true, all_gather,
     [](S, L l, C c) { return tuttiAllGather(c.send, c.receive, l.count, c.type, c.comm, nullptr); },
     others_share},
    {"reduce_scatter", true, false, true, reduce_scatter,
     [](S, L l, C c) {
       return tuttiReduceScatter(c.send, c.receive, l.count, c.type, c.op, c.comm, nullptr);
     },
     others_share},
    {"broadcast", false, true, true, broadcast,
     [](S s, L l, C c) {
       return tuttiBroadcast(c.send, c.receive, l.count, c.type, s.root, c.comm, nullptr);
     },
     once},
    {"reduce", true, true, true, reduce,
     [](S s, L l, C c) {
       return tuttiReduce(c.send, c.receive, l.count, c.type, c.op, s.root, c.comm, nullptr);
     },
     once},
    {"alltoall", false, false, false, all_to_all,
     [](S, L l, C c) { return tuttiAlltoAll(c.send, c.receive, l.count, c.type, c.comm, nullptr); },
     others_share},
    {"gather", false, true, true, gather,
     [](S s, L l, C c) { return tuttiGather(c.send, c.receive, l.count, c.type, s.root, c.comm, nullptr); },
     others_share},
    {"scatter", false, true, true, scatter,
     [](S s, L l, C c) { return tuttiScatter(c.send, c.receive, l.count, c.type, s.root, c.comm, nullptr); },
     others_share},
    {"sendrecv", false, false, false, send_receive, exchange, once},
    {"put", false, false, false, send_receive, put, once, true},
    {"barrier", false, false, false, barrier, [](S, L, C c) { return tuttiBarrier(c.comm, nullptr); }, once},
    {"all_gatherv", false, false, true, all_gather_v,
     [](S, L l, C c) {
       return tuttiAllGatherV(c.send, l.count, c.receive, l.receive_counts.data(), nullptr, c.type, c.comm,
                              nullptr);
     },
     others_share},
    {"reduce_scatterv", true, false, true, reduce_scatter_v,
     [](S, L l, C c) {
       return tuttiReduceScatterV(c.send, c.receive, l.receive_counts.data(), c.type, c.op, c.comm, nullptr);
     },
     others_share},
    {"alltoallv", false, false, false, all_to_all_v,
     [](S, L l, C c) {
       return tuttiAlltoAllV(c.send, l.send_counts.data(), nullptr, c.receive, l.receive_counts.data(),
                             nullptr, c.type, c.comm, nullptr);
     },
     others_share},
};

}  // namespace

const std::vector<Collective>& collectives() {
  return kCollectives;
}

}  // namespace perf
