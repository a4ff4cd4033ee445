// The verifier: runs the programs of all ranks symbolically, with one slot a connection and in program order, and proves
// that what comes out is the collective. See verify.cpp for how.
#pragma once

#include <string>
#include <vector>

#include "schedule/collective.hpp"
#include "schedule/program.hpp"

namespace tutti {

struct Verdict {
  bool proved = false;
  std::string reason;  // empty if proved; else the first thing that is wrong, naming rank, operation and block
};

/// `programs`: one per rank. Checks, beside the result: every send meets a receive with the same blocks and round;
/// no deadlock with a single slot a connection; every block reduced holds each contribution exactly once; `completes` is set on
/// just the reductions that make a block complete; rounds as program.hpp demands; results bit-identical on all ranks
/// (the same folds in the same order).
[[nodiscard]] Verdict verify(Collective collective, const std::vector<Program>& programs, Rank root = 0);

}  // namespace tutti
