#include "execute/call.hpp"

#include <numeric>
#include <optional>

#include <fmt/core.h>

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

/// The upper bits of a signature: what can be read from it. The lower ones are a hash of the rest.
struct Signature {
  Collective collective;
  ElementType type;
  Operator op;

  static constexpr int kHashBits = 21, kOperatorBits = 3, kTypeBits = 4;
  static constexpr std::uint32_t kHashMask = (1U << kHashBits) - 1;
  static_assert(kCollectives <= 16 && kElementTypes <= 1 << kTypeBits && kOperators <= 1 << kOperatorBits);

  [[nodiscard]] std::uint32_t word() const noexcept {
    return ((static_cast<std::uint32_t>(collective) << kTypeBits | static_cast<std::uint32_t>(type))
                << kOperatorBits |
            static_cast<std::uint32_t>(op))
           << kHashBits;
  }
  [[nodiscard]] static std::optional<Signature> of(std::uint32_t word) noexcept {
    const auto op = (word >> kHashBits) & ((1U << kOperatorBits) - 1);
    const auto type = (word >> (kHashBits + kOperatorBits)) & ((1U << kTypeBits) - 1);
    const auto collective = word >> (kHashBits + kOperatorBits + kTypeBits);
    if (op >= kOperators || type >= kElementTypes || collective >= kCollectives) return std::nullopt;
    return Signature{static_cast<Collective>(collective), static_cast<ElementType>(type),
                     static_cast<Operator>(op)};
  }
};

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
  const bool private_lengths = collective == Collective::all_to_all && is_vector();
  const bool typed = collective != Collective::send_receive && collective != Collective::barrier;
  std::uint64_t hash = mix(0, static_cast<std::uint64_t>(root));
  if (typed && !private_lengths) {  // else lengths are checked by message
    hash = mix(hash, count);
    for (const std::size_t share : counts) hash = mix(hash, share);
    for (const std::size_t part : fused_counts) hash = mix(hash, part);
  }
  const Signature parts{collective, typed ? type : ElementType{}, reduces(collective) ? op : Operator{}};
  return parts.word() | static_cast<std::uint32_t>(hash & Signature::kHashMask);
}

std::string describe_signature(std::uint32_t signature) {
  const auto parts = Signature::of(signature);
  if (!parts) return {};
  std::string text(name_of(parts->collective));
  if (parts->collective != Collective::send_receive && parts->collective != Collective::barrier)
    text += fmt::format(" of {}", name_of(parts->type));
  if (reduces(parts->collective)) text += fmt::format(" with {}", name_of(parts->op));
  return text;
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
