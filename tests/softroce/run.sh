#!/bin/sh
# Runs a command where real Soft-RoCE devices exist: tests/softroce/run.sh [options] COMMAND…
# README.md beside this file says what the command sees; --help lists the options.
exec python3 -B "$(dirname "$0")/host/main.py" "$@"
