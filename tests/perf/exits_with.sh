#!/bin/sh
# exits_with.sh STATUS COMMAND...: succeeds if the command ends with just this status.
wanted=$1
shift
"$@" 2>&1
status=$?
[ "$status" -eq "$wanted" ] || { echo "exit status $status instead of $wanted"; exit 1; }
echo "exit status $status, as it should be"
