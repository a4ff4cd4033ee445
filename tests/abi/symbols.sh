#!/bin/sh
# symbols.sh NM LIBRARY LIST HEADER: the library shows exactly the functions of the list, and the header declares just these.
set -eu
nm=$1 library=$2 list=$3 header=$4

# "tuttiSend@@TUTTI_0 T" -> "tuttiSend@@TUTTI_0"; A is the version's own name.
shown=$("$nm" -D -P --defined-only "$library" | awk '$2 != "A" { print $1 }' | sort)
declared=$(sed -n 's/^TUTTI_EXPORT .*[ *]\(tutti[A-Za-z]*\)(.*/\1@@TUTTI_0/p' "$header" | sort)
wanted=$(grep -v '^#' "$list" | sed 's/$/@@TUTTI_0/' | sort)

complain() {
  echo "$1 (left: $2, right: $3):" >&2
  printf '%s\n' "$4" >"${TMPDIR:-/tmp}/left.$$"
  printf '%s\n' "$5" | diff "${TMPDIR:-/tmp}/left.$$" - >&2 || true
  rm -f "${TMPDIR:-/tmp}/left.$$"
  exit 1
}
[ "$shown" = "$wanted" ] ||
  complain "libtutti's symbols changed" "$library" "$list" "$shown" "$wanted"
[ "$declared" = "$wanted" ] ||
  complain "the header's functions are not those of the list" "$header" "$list" "$declared" "$wanted"
