// The collectives: what goes in and what must come out, in terms of blocks. The verifier proves programs
// against this page, and the executor finds from it where blocks lie.
//
//   collective       blocks              input at rank r        output at rank r
//   all_reduce       B (the program's)   all, one contribution  all, complete
//   reduce           B                   all, one contribution  all, complete, at root only
//   broadcast        B                   all, at root only      all (root too)
//   reduce_scatter   n                   all, one contribution  block r, complete
//   all_gather       n                   block r                all
//   gather           n                   block r                all, at root only
//   scatter          n                   all, at root only      block r
//   all_to_all       n*n                 r*n+d for every d      s*n+r for every s    (block s*n+d: from s to
//   d) barrier          1 of no bytes       -                      every rank has entered before any leaves
//   send_receive     one a message       blocks it sends        blocks it receives   (a group of
//   point-to-point calls)
//
// The B blocks of all_reduce, reduce and broadcast are equal shares of the buffer, as many as the program
// says. A rank may hold blocks that are neither in its input nor in its output, on their way to others: those
// lie in scratch memory.
#pragma once

#include <string_view>

namespace tutti {

enum class Collective {
  all_reduce,
  reduce,
  broadcast,
  reduce_scatter,
  all_gather,
  gather,
  scatter,
  all_to_all,
  barrier,
  send_receive,
};
inline constexpr int kCollectives = 10;

/// "all_reduce", …: as tutti-perf and the logs say it.
[[nodiscard]] std::string_view name_of(Collective collective) noexcept;
[[nodiscard]] constexpr bool reduces(Collective collective) noexcept {
  return collective == Collective::all_reduce || collective == Collective::reduce ||
         collective == Collective::reduce_scatter;
}
[[nodiscard]] constexpr bool has_root(Collective collective) noexcept {
  return collective == Collective::reduce || collective == Collective::broadcast ||
         collective == Collective::gather || collective == Collective::scatter;
}

/// The table above as code: whether the block is in the input (output) of `rank`, among `size` ranks. `root`
/// matters only where has_root. The blocks of send_receive are all both.
[[nodiscard]] bool is_input(Collective collective, int size, int root, int rank, int block) noexcept;
[[nodiscard]] bool is_output(Collective collective, int size, int root, int rank, int block) noexcept;
/// How many blocks a program of the collective has; 0: as many as it says.
[[nodiscard]] int blocks_of(Collective collective, int size) noexcept;

}  // namespace tutti
