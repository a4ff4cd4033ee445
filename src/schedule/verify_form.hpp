// The first part of the verifier: what can be said of each program by looking at it, without running
// anything.
#pragma once

#include <string>
#include <vector>

#include "schedule/collective.hpp"
#include "schedule/program.hpp"

namespace tutti {

/// "rank 3, operation 7 (round 2  send     block 4 -> 5)": how every reason begins.
[[nodiscard]] std::string place_of(Rank rank, std::size_t index, const Operation& operation);

/// The first thing that is wrong with the programs' form, or an empty text: numbers of blocks and rounds,
/// ranks and blocks that exist, rounds that never decrease. What runs afterwards may index by rank and block
/// without looking.
[[nodiscard]] std::string check_form(Collective collective, const std::vector<Program>& programs, Rank root);

/// Any two operations of the program that share a block carry the same list of blocks.
[[nodiscard]] bool cut_alike(const Program& program);

}  // namespace tutti
