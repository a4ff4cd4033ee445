// The checks of arguments: each throws invalid_argument with one sentence that names the argument, its value
// and what is allowed. Short and inline where they stand before every call; what they throw is made out of
// line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include <tutti/tutti.h>

#include "base/element.hpp"
#include "comm/communicator.hpp"

namespace tutti::api {

[[noreturn]] void refuse_stream();
[[noreturn]] void refuse_type(int type);
[[noreturn]] void refuse_operator(int op);
[[noreturn]] void refuse_rank(const char* argument, int rank, int size);
[[noreturn]] void refuse_null(const char* argument, std::size_t count);
[[noreturn]] void refuse_unequal(const char* left, std::size_t left_value, const char* right,
                                 std::size_t right_value);
[[noreturn]] void refuse_overlap(const void* send, std::size_t send_bytes, const void* receive,
                                 std::size_t receive_bytes);

inline void check_stream(tuttiStream_t stream) {
  if (stream != nullptr) [[unlikely]]
    refuse_stream();
}
inline void check_type(int type) {
  if (type < 0 || type >= kElementTypes) [[unlikely]]
    refuse_type(type);
}
inline void check_operator(int op) {
  if (op < 0) [[unlikely]]
    refuse_operator(op);  // those above the built-in ones are looked up in the communicator
}
inline void check_root(int root, int size) {
  if (root < 0 || root >= size) [[unlikely]]
    refuse_rank("root", root, size);
}
inline void check_peer(int peer, int size) {
  if (peer < 0 || peer >= size) [[unlikely]]
    refuse_rank("peer", peer, size);
}
inline void check_pointer(const void* pointer, std::size_t count, const char* argument) {
  if (pointer == nullptr && count != 0) [[unlikely]]
    refuse_null(argument, count);
}
inline void check_list(const std::size_t* list, const char* argument) {
  if (list == nullptr) [[unlikely]]
    refuse_null(argument, 0);
}
inline void check_equal(std::size_t left, std::size_t right, const char* left_name, const char* right_name) {
  if (left != right) [[unlikely]]
    refuse_unequal(left_name, left, right_name, right);
}

/// Which of the two buffers a rank has to give depends on the collective and on whether it is the root.
inline void check_buffers(const void* send, const void* receive, std::size_t count, Collective collective,
                          bool is_root) {
  const bool sends = is_root || (collective != Collective::broadcast && collective != Collective::scatter);
  const bool receives = is_root || (collective != Collective::reduce && collective != Collective::gather);
  if (sends) check_pointer(send, count, "sendbuff");
  if (receives) check_pointer(receive, count, "recvbuff");
}

/// For buffers that are not in place.
inline void check_apart(const void* send, std::size_t send_bytes, const void* receive,
                        std::size_t receive_bytes) {
  const auto s = reinterpret_cast<std::uintptr_t>(send);
  const auto r = reinterpret_cast<std::uintptr_t>(receive);
  if (send_bytes != 0 && receive_bytes != 0 && s < r + receive_bytes && r < s + send_bytes) [[unlikely]]
    refuse_overlap(send, send_bytes, receive, receive_bytes);
}

/// The pieces of an all-to-all with counts and displacements (in elements of so many bytes): no received one
/// may touch one that is sent.
void check_pieces_apart(const Call& call, const void* send, const void* receive, std::size_t element);

void check_scalar_type(const PreMultiply& op, ElementType type);

/// The first word of Call::append_key, for calls without lists.
[[nodiscard]] inline std::uint64_t key_word(Collective collective, int type, int op, int root,
                                            bool in_place) noexcept {
  return static_cast<std::uint64_t>(collective) | static_cast<std::uint64_t>(type) << 8 |
         static_cast<std::uint64_t>(op) << 16 | static_cast<std::uint64_t>(in_place) << 24 |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(root)) << 32;
}

[[nodiscard]] inline std::size_t total(const std::vector<std::size_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::size_t{0});
}

}  // namespace tutti::api
