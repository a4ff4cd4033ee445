// Conversations of a pair of ranks in which every bit is checked, and memory that was given back is watched.
#pragma once

#include <iosfwd>

#include "transport/verbs_pair.hpp"

namespace tutti::verbs_double {

inline constexpr PairOptions kTalkShapes[] = {{.slots = 2},
                                              {.zero_copy = true, .slots = 4},
                                              {.zero_copy = true, .queue_pairs = 2},
                                              {.zero_copy = true, .queue_pairs = 3, .slots = 4}};

/// Messages that are copied and borrowed, several on their way at once; the ring goes around a few times.
void talk_through_the_ring(Pair& pair);
/// Messages that are placed: written straight to their targets, or in pieces where memory is not registered.
void talk_straight(Pair& pair);
/// Writes into exposed memory; the source is used anew as soon as it is written.
void talk_across(Pair& pair);
/// All that the options allow.
void talk(Pair& pair, const PairOptions& options);

void PrintTo(Manner manner, std::ostream* out);

}  // namespace tutti::verbs_double
