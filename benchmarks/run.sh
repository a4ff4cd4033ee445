#!/usr/bin/env bash
# Builds tutti-perf and runs it. A second call builds again only what has changed.
#
#   benchmarks/run.sh                          all-reduce of two local processes, 8 B to 256 MiB
#   benchmarks/run.sh alltoall -n 4 -e 16M     any arguments of tutti-perf (--help lists them)
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ $# -gt 0 ]] || set -- all_reduce -n 2 -b 8 -e 256M -f 4

cmake/install-packages.sh
log=build/release/benchmarks-run.log
mkdir -p build/release
echo "Building tutti-perf in build/release …" >&2
if ! { cmake --preset release && cmake --build --preset release --target tutti-perf; } >"$log" 2>&1; then
  tail -40 "$log" >&2
  echo "The build failed; the whole log is $log." >&2
  exit 1
fi

perf=$PWD/build/release/benchmarks/perf/tutti-perf
cd "$here"
exec "$perf" "$@"
