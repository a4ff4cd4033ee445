#!/usr/bin/env bash
# How fast tutti is over Soft-RoCE, beside perftest and the MPI libraries of benchmarks/peers: tables in
# Markdown, on standard output. Each wire MTU is one boot, in which everything alternates; about ten minutes on
# two idle cores. Under emulation only ratios within one boot mean anything.
#
#   tests/softroce/bench.sh [--rounds N] [--build DIR] [--mtus 1500,9000]
#
# DIR is a build folder with peer_tutti and point_to_point; without it build/release is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [[ " $* " != *" --build"* ]]; then
  cmake --preset release >&2
  cmake --build --preset release --target peer_tutti point_to_point >&2
fi
benchmarks/peers/setup.sh openmpi5 mpich5 >&2
exec python3 -B tests/softroce/bench.py "$@"
