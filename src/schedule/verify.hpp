// The verifier: runs the programs of all ranks symbolically, with one slot a connection and in program order,
// and proves that what comes out is the collective. verify.cpp says how.
//
// It believes nothing: a program may come from a file. It never throws for a wrong program and never crashes
// on one.
#pragma once

#include <string>
#include <vector>

#include "schedule/collective.hpp"
#include "schedule/program.hpp"

namespace tutti {

struct Verdict {
  bool proved = false;
  std::string
      reason;  // empty if proved; else the first thing that is wrong, naming rank, operation and block

  // Of a proved program, what an Algorithm row claims beside (algorithms/algorithm.hpp):
  bool pipelines = false;     // any two operations of a rank that share a block carry the same list of blocks
  bool reproducible = false;  // every result is a single pass over all contributions in rank order
};

/// `programs`: one per rank. Checks, beside the result: every send meets a receive with the same blocks and
/// round; no deadlock with a single slot a connection; every block reduced holds each contribution exactly
/// once; `completes` is set on just the reductions that make a block complete; rounds as program.hpp demands;
/// results bit-identical on all ranks (the same folds in the same order).
///
/// A connection is here an ordered pair of ranks, and a send to several peers waits for the slots of them
/// all: what is free of deadlock so is also free of it where a multicast has a slot of its own. send_receive
/// has no result of its own to check: its blocks are numbered by each rank for itself, so that only their
/// number must agree.
[[nodiscard]] Verdict verify(Collective collective, const std::vector<Program>& programs, Rank root = 0);

}  // namespace tutti
