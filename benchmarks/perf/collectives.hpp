// The collectives that can be measured: for each, what a rank's buffers hold before and after, how it is
// called, and how its time becomes bandwidth. Sizes and factors are those of nccl-tests.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <tutti/tutti.h>

namespace perf {

/// One rank's view of one size.
struct Scene {
  int rank = 0;
  int ranks = 1;
  int root = 0;
  std::size_t elements = 0;  // of the whole collective: the size column divided by the size of the type
};

/// `count` elements of a receive buffer, from element `at` on, hold elements of rank `source`'s input (or of
/// the reduction) from element `from` on.
struct Segment {
  static constexpr int kReduced = -1;
  std::size_t at, count;
  int source;
  std::size_t from;
};

/// What the buffers hold, in elements.
struct Layout {
  std::size_t count = 0;     // as nccl-tests prints it: the call's argument
  std::size_t elements = 0;  // what the size column and the bandwidth stand for
  std::size_t send = 0, receive = 0;
  std::vector<Segment> expected{};
  // In place, both are one buffer; these are their beginnings within it.
  std::size_t send_in_place = 0, receive_in_place = 0;
  // Of the calls with a count per rank.
  std::vector<std::size_t> send_counts{}, receive_counts{};
};

/// One call.
struct Call {
  const void* send;
  void* receive;
  tuttiDataType_t type;
  tuttiRedOp_t op;
  tuttiComm_t comm;
  tuttiWindow_t window = nullptr;  // of one-sided calls: all receive buffers of a rank
  std::size_t offset = 0;          // of this one in it
};

struct Collective {
  std::string_view name;
  bool reduces, rooted, in_place;
  Layout (*layout)(const Scene& scene);
  tuttiResult_t (*call)(const Scene& scene, const Layout& layout, const Call& call);
  /// Bus bandwidth divided by algorithm bandwidth.
  double (*bus_factor)(int ranks);
  bool one_sided = false;
};

[[nodiscard]] const std::vector<Collective>& collectives();

}  // namespace perf
