#!/usr/bin/env bash
# Starts a command on one of the hosts that benchmarks/compare/network.py made: in its network namespace, and under
# its name, so that no library takes the two for one host. Called as launchers call ssh.
#
#   enter.sh [options] ADDRESS COMMAND...        TUTTI_COMPARE_HOSTS="ADDRESS=NAMESPACE ADDRESS=NAMESPACE"
set -euo pipefail
while [[ $1 == -* ]]; do shift; done
address=$1
shift
for host in $TUTTI_COMPARE_HOSTS; do
  [[ ${host%=*} == "$address" ]] || continue
  exec ip netns exec "${host#*=}" unshare --uts sh -c "hostname ${host#*=}; $*"
done
echo "no host has the address $address" >&2
exit 1
