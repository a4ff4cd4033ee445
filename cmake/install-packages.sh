#!/bin/sh
# Installs the Debian packages of cmake/packages.txt that this machine lacks, and says which; with the argument "softroce"
# those of packages-softroce.txt. With none missing it does nothing and prints nothing. Uses sudo only if not root.
set -eu
list="$(dirname "$0")/packages${1:+-$1}.txt"

if ! command -v dpkg-query >/dev/null; then
  echo "Not a Debian system: please see to the equivalents of these packages yourself:" >&2
  grep -v '^#' "$list" | sed 's/^/  /' >&2
  exit 0
fi

missing=""
for package in $(sed 's/#.*//' "$list"); do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Missing packages:$missing. Install them as root (there is no sudo here)." >&2; exit 1; }
  sudo=sudo
fi
echo "Installing:$missing" >&2
$sudo apt-get update -qq >&2
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
