// A call as the executor sees it: what is asked for, and where its blocks lie. Pointers are no part of it, so
// a plan serves every call with the same words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/element.hpp"
#include "schedule/collective.hpp"
#include "schedule/program.hpp"

namespace tutti {

/// One point-to-point message of a group.
struct Transfer {
  bool sends;
  Rank peer;
  std::size_t bytes;
};

/// What a user asked for. `counts` and `displacements` are in elements.
struct Call {
  Collective collective = Collective::all_reduce;
  ElementType type = ElementType::uint8;
  Operator op = Operator::sum;
  Rank root = 0;
  bool in_place = false;
  /// Elements, as the API function's own count: the whole buffer (all_reduce, reduce, broadcast) or one
  /// rank's share.
  std::size_t count = 0;

  /// The vector variants (and only they): a share per rank. all_gather: of each rank; reduce_scatter: of each
  /// rank; all_to_all: what this rank sends to each.
  std::vector<std::size_t> counts = {};
  std::vector<std::size_t> displacements = {};
  /// all_to_all: what this rank receives from each.
  std::vector<std::size_t> receive_counts = {};
  std::vector<std::size_t> receive_displacements = {};

  /// Several all_reduce calls of one group as one: their counts. Buffers come in pairs (send, receive), in
  /// order.
  std::vector<std::size_t> fused_counts = {};
  /// send_receive: the messages of the group in call order, a buffer each.
  std::vector<Transfer> transfers = {};

  [[nodiscard]] bool is_vector() const noexcept { return !counts.empty(); }
  /// The words that tell plans apart; appended to `words`.
  void append_key(std::vector<std::uint64_t>& words) const;
  /// The same on every rank that takes part in the same call: travels with each message. Collective, type and
  /// operator can be read from it (describe_signature), root and counts are hashed into the rest.
  [[nodiscard]] std::uint32_t signature() const noexcept;
  /// Bytes of the whole operation (the buffer that holds every share): what algorithms are priced by.
  [[nodiscard]] std::size_t total_bytes(int size) const noexcept;
};

/// "all_reduce of float with sum"; "" for what no signature() is.
[[nodiscard]] std::string describe_signature(std::uint32_t signature);

}  // namespace tutti
