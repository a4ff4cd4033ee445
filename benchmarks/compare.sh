#!/usr/bin/env bash
# Measures tutti beside its peers on this machine: fetches what is missing, builds, runs everything in turns, writes
# tables and pictures, keeps JSON in build/compare. A second call fetches and builds only what has changed.
#
#   benchmarks/compare.sh                   everything: under forty minutes, tables to benchmarks/RESULTS.md
#   benchmarks/compare.sh --quick           under five minutes, tables to build/compare/RESULTS.md
#   benchmarks/compare.sh --smoke           that everything runs and every result is right; fetches nothing
#   benchmarks/compare.sh --help            the rest
#
# TUTTI_PEERS names the folder where the peers are, or are put (build/peers).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

given() { # given OPTION: among the arguments?
  local argument
  for argument in "${arguments[@]}"; do
    [[ $argument != "$1" && $argument != "$1="* ]] || return 0
  done
  return 1
}

build() {
  local log=build/release/benchmarks-compare.log
  mkdir -p build/release
  echo "Building the drivers in build/release …" >&2
  if ! { cmake --preset release && cmake --build --preset release --target peers; } >"$log" 2>&1; then
    tail -40 "$log" >&2
    echo "The build failed; the whole log is $log." >&2
    exit 1
  fi
}

arguments=("$@")
peers=()
if given --help || given -h || given --plan; then
  :
elif given --from; then
  peers=(plots)
elif given --smoke; then
  peers=(--offline openmpi4 mpich4)
elif given --quick; then # a large wheel is not fetched for it, but used if it is there
  peers=(openmpi4 mpich4 openmpi5 mpich5 intel plots iperf3)
else
  peers=(openmpi4 mpich4 openmpi5 mpich5 intel gloo plots iperf3)
  [[ $# -gt 0 ]] || arguments=(--results benchmarks/RESULTS.md) # a part of it does not replace the whole
fi
if [[ ${#peers[@]} -gt 0 ]]; then
  given --smoke || given --from || cmake/install-packages.sh
  benchmarks/peers/setup.sh "${peers[@]}" >&2
  given --build || given --from || build
fi
exec python3 -B benchmarks/compare "${arguments[@]}"
