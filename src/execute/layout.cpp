#include "execute/layout.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace tutti {
namespace {

constexpr std::size_t kLine = 64;
/// Shares longer than this begin at cache lines: shorter ones are better spread evenly.
constexpr std::size_t kAlignedShare = 512;

Pieces piece(std::uint32_t buffer, std::size_t offset, std::size_t bytes) {
  return bytes == 0 ? Pieces{} : Pieces{{buffer, offset, bytes}};
}

/// The call's send or receive buffers, one after the other.
Pieces concatenated(const Call& call, std::uint32_t first_buffer) {
  const std::size_t element = size_of(call.type);
  if (call.fused_counts.empty()) return piece(first_buffer, 0, call.count * element);
  Pieces pieces;
  for (std::size_t i = 0; i < call.fused_counts.size(); ++i) {
    if (call.fused_counts[i] == 0) continue;
    pieces.push_back({static_cast<std::uint32_t>(first_buffer + 2 * i), 0, call.fused_counts[i] * element});
  }
  return pieces;
}

/// all_reduce, reduce, broadcast: the blocks are equal shares of the buffer.
std::vector<BlockPlace> shared_out(const Call& call, int blocks, bool input, bool output) {
  const Pieces send = concatenated(call, kSendBuffer);
  const Pieces receive = concatenated(call, kReceiveBuffer);
  std::size_t total = 0;
  for (const Piece& part : send) total += part.bytes;
  std::vector<BlockPlace> places(static_cast<std::size_t>(blocks));
  for (int b = 0; b < blocks; ++b) {
    const Share share = share_of(total, b, blocks, size_of(call.type));
    BlockPlace& place = places[static_cast<std::size_t>(b)];
    place.bytes = share.bytes;
    place.has_input = input;
    place.has_output = output;
    if (input) append_slice(place.input, send, share.offset, share.bytes);
    if (output) append_slice(place.output, receive, share.offset, share.bytes);
  }
  return places;
}

/// reduce_scatter, all_gather, gather, scatter: block r is rank r's share.
struct Shares {
  std::vector<std::size_t> bytes, offsets;  // per rank, within the buffer that holds them all
};

Shares shares(const Call& call, int size) {
  const std::size_t element = size_of(call.type);
  Shares result;
  std::size_t next = 0;
  for (int r = 0; r < size; ++r) {
    const auto i = static_cast<std::size_t>(r);
    const std::size_t bytes = (call.is_vector() ? call.counts[i] : call.count) * element;
    result.bytes.push_back(bytes);
    result.offsets.push_back(call.displacements.empty() ? next : call.displacements[i] * element);
    next += bytes;
  }
  return result;
}

enum class Holds { nothing, own, all };

std::vector<BlockPlace> per_rank(const Call& call, Rank rank, int size, Holds input, Holds output) {
  const Shares share = shares(call, size);
  std::vector<BlockPlace> places(static_cast<std::size_t>(size));
  for (int r = 0; r < size; ++r) {
    const auto i = static_cast<std::size_t>(r);
    BlockPlace& place = places[i];
    place.bytes = share.bytes[i];
    const auto held = [&](Holds what) { return what == Holds::all || (what == Holds::own && r == rank); };
    const auto where = [&](Holds what, std::uint32_t buffer) {
      return piece(buffer, what == Holds::all ? share.offsets[i] : 0, share.bytes[i]);
    };
    place.has_input = held(input);
    place.has_output = held(output);
    if (place.has_input) place.input = where(input, kSendBuffer);
    if (place.has_output) place.output = where(output, kReceiveBuffer);
  }
  return places;
}

/// Block s*n+d travels from s to d. Blocks between other ranks pass through scratch memory (Bruck).
std::vector<BlockPlace> all_to_all(const Call& call, Rank rank, int size) {
  const std::size_t element = size_of(call.type);
  const auto ranks = static_cast<std::size_t>(size);
  const auto self = static_cast<std::size_t>(rank);
  std::vector<BlockPlace> places(ranks * ranks);
  if (!call.is_vector()) {
    for (BlockPlace& place : places) place.bytes = call.count * element;
  }
  for (std::size_t peer = 0; peer < ranks; ++peer) {
    BlockPlace& outgoing = places[self * ranks + peer];
    BlockPlace& incoming = places[peer * ranks + self];
    const std::size_t sent = (call.is_vector() ? call.counts[peer] : call.count) * element;
    const std::size_t received = (call.is_vector() ? call.receive_counts[peer] : call.count) * element;
    outgoing.bytes = sent;
    outgoing.has_input = true;
    outgoing.input =
        piece(kSendBuffer, (call.is_vector() ? call.displacements[peer] * element : peer * sent), sent);
    incoming.bytes = received;
    incoming.has_output = true;
    incoming.output =
        piece(kReceiveBuffer,
              (call.is_vector() ? call.receive_displacements[peer] * element : peer * received), received);
  }
  return places;
}

std::vector<BlockPlace> transfers(const Call& call) {
  std::vector<BlockPlace> places(call.transfers.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Transfer& transfer = call.transfers[i];
    BlockPlace& place = places[i];
    place.bytes = transfer.bytes;
    place.has_input = transfer.sends;
    place.has_output = !transfer.sends;
    (transfer.sends ? place.input : place.output) =
        piece(static_cast<std::uint32_t>(i + 1), 0, transfer.bytes);
  }
  return places;
}

}  // namespace

std::vector<BlockPlace> layout(const Call& call, Rank rank, int size, int blocks) {
  const bool is_root = rank == call.root;
  const Holds all_at_root = is_root ? Holds::all : Holds::nothing;
  switch (call.collective) {
    case Collective::all_reduce: return shared_out(call, blocks, true, true);
    case Collective::reduce: return shared_out(call, blocks, true, is_root);
    case Collective::broadcast: return shared_out(call, blocks, is_root, true);
    case Collective::reduce_scatter: return per_rank(call, rank, size, Holds::all, Holds::own);
    case Collective::all_gather: return per_rank(call, rank, size, Holds::own, Holds::all);
    case Collective::gather: return per_rank(call, rank, size, Holds::own, all_at_root);
    case Collective::scatter: return per_rank(call, rank, size, all_at_root, Holds::own);
    case Collective::all_to_all: return all_to_all(call, rank, size);
    case Collective::barrier: return std::vector<BlockPlace>(static_cast<std::size_t>(blocks));
    case Collective::send_receive: return transfers(call);
  }
  return {};
}

void append_slice(Pieces& result, const Pieces& pieces, std::size_t offset, std::size_t bytes) {
  for (const Piece& part : pieces) {
    if (bytes == 0) return;
    if (offset >= part.bytes) {
      offset -= part.bytes;
      continue;
    }
    const std::size_t taken = std::min(bytes, part.bytes - offset);
    const Piece next{part.buffer, part.offset + offset, taken};
    if (!result.empty() && result.back().buffer == next.buffer &&
        result.back().offset + result.back().bytes == next.offset) {
      result.back().bytes += taken;
    } else {
      result.push_back(next);
    }
    bytes -= taken;
    offset = 0;
  }
  TUTTI_ASSERT(bytes == 0, bytes);
}

Share share_of(std::size_t total, int index, int parts, std::size_t element_bytes) noexcept {
  const auto count = static_cast<std::size_t>(parts);
  const std::size_t even = (total + count - 1) / count;
  const std::size_t granule = even >= kAlignedShare ? kLine : element_bytes;
  const std::size_t step = (even + granule - 1) / granule * granule;
  const std::size_t begin = std::min(total, step * static_cast<std::size_t>(index));
  return {begin, std::min(total, begin + step) - begin};
}

}  // namespace tutti
