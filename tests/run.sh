#!/usr/bin/env bash
# Builds tutti and runs its tests. A second call does again only what has changed.
#
#   tests/run.sh                  the development build
#   tests/run.sh asan tsan        those presets of CMakePresets.json, one after the other
#
# TUTTI_PRESETS gives the presets where no argument does; CTEST_ARGS adds arguments to ctest
# (CTEST_ARGS="-R shm" runs the tests whose names match).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read -ra presets <<<"${*:-${TUTTI_PRESETS:-dev}}"
read -ra ctest_args <<<"${CTEST_ARGS:-}"

export CCACHE_NOHASHDIR=1 # several build folders share what they compile alike
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="second_deadlock_stack=1:${TSAN_OPTIONS:-}"

# The thread sanitizer of gcc 12 and clang 14 cannot map its shadow where addresses are randomised by more than 28 bits.
fixed_addresses=()
if [[ $(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0) -gt 28 ]] && setarch -R true 2>/dev/null; then
  fixed_addresses=(setarch -R)
fi

run_preset() {
  local preset=$1
  echo "== $preset: configure and build"
  cmake --preset "$preset"
  cmake --build --preset "$preset"
  echo "== $preset: test"
  "${fixed_addresses[@]}" ctest --preset "$preset" "${ctest_args[@]}"
}

cmake/install-packages.sh
for preset in "${presets[@]}"; do
  run_preset "$preset"
done
