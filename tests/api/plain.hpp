// The plain collectives under one name each: what goes in at each rank, and what must come out, straight from
// their definitions in tutti.h. Elements are int32, sums wrap.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tutti/tutti.h>

namespace tutti_tests {

enum class Plain {
  all_reduce,
  reduce,
  broadcast,
  reduce_scatter,
  all_gather,
  all_to_all,
  gather,
  scatter,
};
inline constexpr Plain kPlain[] = {Plain::all_reduce,     Plain::reduce,     Plain::broadcast,
                                   Plain::reduce_scatter, Plain::all_gather, Plain::all_to_all,
                                   Plain::gather,         Plain::scatter};

[[nodiscard]] inline bool has_root(Plain what) {
  return what == Plain::reduce || what == Plain::broadcast || what == Plain::gather || what == Plain::scatter;
}

struct Sizes {
  std::size_t send, receive;  // elements; 0 where the buffer is ignored
};

[[nodiscard]] inline Sizes sizes_of(Plain what, int rank, int size, std::size_t count, int root) {
  const std::size_t all = count * static_cast<std::size_t>(size);
  const bool is_root = rank == root;
  switch (what) {
    case Plain::all_reduce: return {count, count};
    case Plain::reduce: return {count, is_root ? count : 0};
    case Plain::broadcast: return {is_root ? count : 0, count};
    case Plain::reduce_scatter: return {all, count};
    case Plain::all_gather: return {count, all};
    case Plain::all_to_all: return {all, all};
    case Plain::gather: return {count, is_root ? all : 0};
    case Plain::scatter: return {is_root ? all : 0, count};
  }
  return {0, 0};
}

/// Element `index` of the rank's input: a hash, so that no two places look alike.
[[nodiscard]] inline std::int32_t input_at(int rank, std::size_t index) {
  auto hash = (static_cast<std::uint64_t>(rank) + 3) * 0x9e3779b97f4a7c15U + index * 0xc2b2ae3d27d4eb4fU;
  hash = (hash ^ (hash >> 31)) * 0xbf58476d1ce4e5b9U;
  return static_cast<std::int32_t>(hash >> 32);
}

[[nodiscard]] inline std::int32_t sum_at(int size, std::size_t index) {
  std::uint32_t sum = 0;
  for (int rank = 0; rank < size; ++rank) sum += static_cast<std::uint32_t>(input_at(rank, index));
  return static_cast<std::int32_t>(sum);
}

/// Element `index` of what the rank must receive.
[[nodiscard]] inline std::int32_t output_at(Plain what, int rank, int size, std::size_t count, int root,
                                            std::size_t index) {
  const std::size_t own = static_cast<std::size_t>(rank) * count;
  const int block = static_cast<int>(index / count);
  const std::size_t within = index % count;
  switch (what) {
    case Plain::all_reduce:
    case Plain::reduce: return sum_at(size, index);
    case Plain::broadcast: return input_at(root, index);
    case Plain::reduce_scatter: return sum_at(size, own + index);
    case Plain::all_gather:
    case Plain::gather: return input_at(block, within);
    case Plain::all_to_all: return input_at(block, own + within);
    case Plain::scatter: return input_at(root, own + index);
  }
  return 0;
}

inline tuttiResult_t call(Plain what, const void* send, void* receive, std::size_t count,
                          tuttiDataType_t type, tuttiRedOp_t op, int root, tuttiComm_t comm) {
  switch (what) {
    case Plain::all_reduce: return tuttiAllReduce(send, receive, count, type, op, comm, nullptr);
    case Plain::reduce: return tuttiReduce(send, receive, count, type, op, root, comm, nullptr);
    case Plain::broadcast: return tuttiBroadcast(send, receive, count, type, root, comm, nullptr);
    case Plain::reduce_scatter: return tuttiReduceScatter(send, receive, count, type, op, comm, nullptr);
    case Plain::all_gather: return tuttiAllGather(send, receive, count, type, comm, nullptr);
    case Plain::all_to_all: return tuttiAlltoAll(send, receive, count, type, comm, nullptr);
    case Plain::gather: return tuttiGather(send, receive, count, type, root, comm, nullptr);
    case Plain::scatter: return tuttiScatter(send, receive, count, type, root, comm, nullptr);
  }
  return tuttiInternalError;
}

}  // namespace tutti_tests
