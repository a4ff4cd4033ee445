#include "execute/call.hpp"

#include <numeric>

namespace tutti {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {  // splitmix64's finalizer over a running sum
  std::uint64_t z = (hash ^ word) + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

void append_list(std::vector<std::uint64_t>& words, const std::vector<std::size_t>& list) {
  words.push_back(list.size());
  words.insert(words.end(), list.begin(), list.end());
}

}  // namespace

void Call::append_key(std::vector<std::uint64_t>& words) const {
  words.push_back(static_cast<std::uint64_t>(collective) | static_cast<std::uint64_t>(type) << 8 |
                  static_cast<std::uint64_t>(op) << 16 | static_cast<std::uint64_t>(in_place) << 24 |
                  static_cast<std::uint64_t>(static_cast<std::uint32_t>(root)) << 32);
  words.push_back(count);
  if (is_vector()) {
    for (const auto* list : {&counts, &displacements, &receive_counts, &receive_displacements}) {
      append_list(words, *list);
    }
  }
  if (!fused_counts.empty()) append_list(words, fused_counts);
  for (const Transfer& transfer : transfers) {
    words.push_back(static_cast<std::uint64_t>(transfer.sends) << 32 |
                    static_cast<std::uint64_t>(static_cast<std::uint32_t>(transfer.peer)));
    words.push_back(transfer.bytes);
  }
}

std::uint32_t Call::signature() const noexcept {
  std::uint64_t hash = mix(static_cast<std::uint64_t>(collective), static_cast<std::uint64_t>(root));
  if (collective == Collective::send_receive)
    return static_cast<std::uint32_t>(hash);  // lengths are checked by message
  hash = mix(hash, static_cast<std::uint64_t>(type));
  if (reduces(collective)) hash = mix(hash, static_cast<std::uint64_t>(op));
  if (collective == Collective::all_to_all && is_vector()) return static_cast<std::uint32_t>(hash);
  hash = mix(hash, count);
  for (const std::size_t share : counts) hash = mix(hash, share);
  for (const std::size_t part : fused_counts) hash = mix(hash, part);
  return static_cast<std::uint32_t>(hash);
}

std::size_t Call::total_bytes(int size) const noexcept {
  const auto ranks = static_cast<std::size_t>(size);
  const auto sum = [](const std::vector<std::size_t>& list) {
    return std::accumulate(list.begin(), list.end(), std::size_t{0});
  };
  switch (collective) {
    case Collective::all_reduce: return (fused_counts.empty() ? count : sum(fused_counts)) * size_of(type);
    case Collective::reduce:
    case Collective::broadcast: return count * size_of(type);
    case Collective::reduce_scatter:
    case Collective::all_gather:
    case Collective::gather:
    case Collective::scatter:
    case Collective::all_to_all: return (is_vector() ? sum(counts) : count * ranks) * size_of(type);
    case Collective::barrier:
    case Collective::send_receive: return 0;
  }
  return 0;
}

}  // namespace tutti
