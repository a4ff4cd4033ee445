#!/bin/sh
# The proof that tutti works on real RDMA devices, for inside the test bed: run.sh … proof.sh BUILD [STEP…]
#
# BUILD is a build folder with tutti-perf, transport_verbs_conformance_test and transport_verbs_faults_test. Every step of the
# machine's shape is run, or those named; each prints a line, and what its programs printed if it failed. Steps with + between,
# which take other devices and leave a processor idle by themselves, are run at once. tutti-perf compares every element.
set -u

build=$1
shift
perf=$build/benchmarks/perf/tutti-perf
logs=$(mktemp -d)
pids=$(mktemp -d)

# What an emulated machine needs: longer waits, and queue pairs that do not take a sleeping processor for a lost packet.
export TUTTI_TEST_SLOWNESS=10 TUTTI_VERBS_TIMEOUT=18 TUTTI_INIT_TIMEOUT_MS=200000

fail() {
  echo "$*"
  return 1
}

# What waits for the address of a neighbour that does not answer holds its queue pair, and that the process that destroys it.
unknown_neighbours_soon() {
  for file in /proc/sys/net/ipv4/neigh/net*/retrans_time_ms; do echo 100 >"$file"; done
}

# ---- Steps

# Messages of 64 MiB only on the plainest wire and the one that copies nothing.
conformance() {
  TUTTI_VERBS_TIMEOUT= TUTTI_TEST_VERBS_DEVICES='rxe0_;rxe1_' \
    GTEST_FILTER="${GTEST_FILTER:--*64_MiB/verbs_two_slots:*64_MiB/verbs_three_pairs}" \
    "$build/tests/transport/transport_verbs_conformance_test"
}

# Calls fail, and completions of sends; completions come late or never; devices say anything. On hosts 2 and 3: on the first two the
# conformance suite is at work.
faults() {
  unknown_neighbours_soon
  TUTTI_TEST_VERBS_DEVICES='rxe2_;rxe3_' "$build/tests/transport/transport_verbs_faults_test"
}

# once N COLLECTIVES OPTIONS…: N ranks on each host, one call to be checked at each size, out of place and in place.
once() {
  number=$1
  shift
  softroce ranks "$number" "$perf" "$@" -I 1 -w 0 -T 120
}

on_hosts() { # HOSTS RAILS FUNCTION…
  (
    SOFTROCE_HOSTS=$(seq -s ' ' 0 $(($1 - 1)))
    SOFTROCE_RAILS=$2
    export SOFTROCE_HOSTS SOFTROCE_RAILS
    shift 2
    "$@"
  )
}

small="-b 4K -e 4K"
middle="-b 0 -e 300K -f 65" # 0, 1, 65, 4225 B, 268 KiB
large="-b 16M -e 16M"

collectives_of_2_hosts_1_rail() { on_hosts 2 1 once 2 all $middle; }
collectives_of_2_hosts_2_rails() { TUTTI_VERBS_QUEUE_PAIRS=2 on_hosts 2 2 once 2 all $middle; }
collectives_of_4_hosts_1_rail() { on_hosts 4 1 once 1 all $middle; }
collectives_of_4_hosts_2_rails() { on_hosts 4 2 once 2 all $small; }
large_messages() { TUTTI_VERBS_QUEUE_PAIRS=2 on_hosts 2 2 once 1 all_reduce,alltoall $large; }
zero_copy() {
  TUTTI_VERBS_QUEUE_PAIRS=2 on_hosts 2 2 once 1 all_reduce,all_gather,alltoall,sendrecv --memory tutti \
    -b 64 -e 5M -f 40
}

one_sided() {
  on_hosts 2 2 once 2 put $middle && on_hosts 2 2 once 1 put $large --memory tutti
}

collectives_across_machines() { TUTTI_VERBS_QUEUE_PAIRS=2 once 2 all $middle; }
large_messages_across_machines() { once 1 all_reduce,alltoall $large; }

lossy() { # SHARE
  softroce netem 0 loss "$1"
  on_hosts 2 1 once 1 all_reduce,all_gather,alltoall -b 8 -e 600K -f 40
  status=$?
  tc -s qdisc show dev net0_0
  tc -s qdisc show dev net0_0 | grep -q 'dropped [1-9]' || fail "nothing was lost" || status=1
  softroce netem 0
  return $status
}
loss_of_a_thousandth() { lossy 0.1%; }
loss_of_a_hundredth() { lossy 1%; }

# at_work RAILS COLLECTIVE OPTIONS…: two ranks on two hosts, in the background and behind what looks at them; returns once they are
# at work. Rank r is process $(cat $pids/r).
at_work() {
  rails=$1
  shift
  rm -f "$pids"/*
  : >"$pids/output"
  PIDS=$pids on_hosts 2 "$rails" softroce ranks 1 sh -c 'echo $$ >"$PIDS/$RANK"; exec nice -n 19 "$@"' sh "$perf" "$@" >"$pids/output" 2>&1 &
  ranks=$!
  wait_for_rows 3
}

rows() { grep -c '^ .* float ' "$pids/output"; }

wait_for_rows() { # NUMBER
  for _ in $(seq 600); do
    [ "$(rows)" -lt "$1" ] || return 0
    sleep 0.1
  done
  cat "$pids/output"
  fail "there are no $1 rows after a minute"
}

ends_within() { # SECONDS
  for _ in $(seq $(($1 * 10))); do
    kill -0 "$ranks" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$(cat "$pids/0")" "$(cat "$pids/1")"
  fail "the ranks did not end within $1 s"
}

says() { # PATTERN
  grep -qE "$1" "$pids/output" || fail "no line like: $1"
}

# What is true of two ranks whose work was ended by force.
failed_naming() { # PATTERN
  ends_within 30
  status=$?
  wait "$ranks" && fail "no rank failed" && status=1
  cat "$pids/output"
  says "$1" || status=1
  return $status
}

a_killed_process() {
  at_work 1 all_reduce -b 64K -e 64K -N 0 -I 20 -w 0 || return
  kill -9 "$(cat "$pids/1")"
  failed_naming 'tutti-perf: .*rank 1 .*died'
}

# Long enough for packets to be lost and sent again, shorter than the queue pairs' patience.
a_link_cut_for_a_moment() {
  at_work 1 all_reduce -b 64K -e 64K -N 25 -I 10 -w 0 || return
  softroce link cut 0 1
  sleep 1.5
  before=$(rows)
  softroce link restore 0 1
  wait_for_rows $((before + 3)) || return
  wait "$ranks"
  status=$?
  cat "$pids/output"
  says 'rxe1_0 port 1: .*down' || status=1
  says 'Out of bounds values : 0 OK' || status=1
  return $status
}

a_link_cut_for_good() {
  TUTTI_VERBS_TIMEOUT=15 at_work 1 all_reduce -b 64K -e 64K -N 0 -I 20 -w 0 || return
  softroce link cut 0 1
  failed_naming 'lost its connection with rank [01] .*transport retry counter exceeded.* on rxe[01]_0 port 1'
  status=$?
  softroce link restore 0 1
  return $status
}

# One of two rails is cut while the ranks of one communicator are at work: each rail in turn, and each end of it. Every
# connection has to leave it, and, once it is restored, to go back to it before the other one is cut. CUTS says how often.
# Every row is six calls, of which four are checked.
a_cut_rail() { TUTTI_VERBS_ZERO_COPY=0 cut_in_turn; }
# Large messages take both rails at once.
a_cut_rail_with_zero_copy() { TUTTI_VERBS_ZERO_COPY=1 cut_in_turn --memory tutti; }

cut_in_turn() { # OPTIONS…
  unknown_neighbours_soon
  TUTTI_LOG_LEVEL=info TUTTI_VERBS_QUEUE_PAIRS=2 at_work 2 all_reduce -b 256K -e 256K -N 0 -I 1 -w 0 -c 2 -T 60 "$@" || return
  status=0
  for cut in $(seq "${CUTS:-25}"); do
    cut_and_restore $((cut % 2)) $((cut / 2 % 2)) || status=1
    [ $status = 0 ] || break
  done
  kill -9 "$(cat "$pids/0")" "$(cat "$pids/1")"
  wait "$ranks"
  cat "$pids/output"
  right_rows || status=1
  echo "$cut cuts; connections left a rail $(lines 'leaves rxe') times, went back $(lines 'goes back to rxe') times; $(rows) rows"
  return $status
}

cut_and_restore() { # RAIL HOST
  left=$(lines "leaves rxe._$1")
  softroce link cut "$1" "$2"
  wait_until "nobody left rail $1" more_lines "leaves rxe._$1" "$left" || return
  wait_for_rows $(($(rows) + 1)) || return
  softroce link restore "$1" "$2"
  wait_until "not every connection went back to rail $1" all_are_back || return
  wait_for_rows $(($(rows) + 1))
}

lines() { grep -cE "$1" "$pids/output"; }
more_lines() { [ "$(lines "$1")" -gt "$2" ]; }
all_are_back() { [ "$(lines 'goes back to rxe')" = "$(lines 'leaves rxe')" ]; }

right_rows() {
  awk '$3 == "float" { rows++; if ($9 "" != "0" || $13 "" != "0") wrong++ } END { exit wrong > 0 || rows == 0 }' "$pids/output" ||
    fail "wrong results"
}

wait_until() { # SENTENCE COMMAND…
  sentence=$1
  shift
  for _ in $(seq 600); do
    "$@" && return
    kill -0 "$ranks" 2>/dev/null || break
    sleep 0.1
  done
  fail "$sentence"
}

# ---- All of them

steps_of_one_machine="conformance+faults collectives_of_2_hosts_1_rail collectives_of_2_hosts_2_rails collectives_of_4_hosts_1_rail
  collectives_of_4_hosts_2_rails large_messages zero_copy one_sided loss_of_a_thousandth loss_of_a_hundredth a_killed_process
  a_link_cut_for_a_moment a_link_cut_for_good a_cut_rail a_cut_rail_with_zero_copy"
steps_across_machines="collectives_across_machines large_messages_across_machines"

now() { cut -d. -f1 /proc/uptime; }

run_step() {
  begun=$(now)
  if "$1" >"$logs/$1" 2>&1; then
    echo "ok      $1 ($(($(now) - begun)) s)"
    return
  fi
  echo "FAILED  $1 ($(($(now) - begun)) s):"
  tail -n 60 "$logs/$1" | sed 's/^/    /'
  return 1
}

if [ $# = 0 ]; then
  if [ "$SOFTROCE_MACHINES" = 1 ]; then set -- $steps_of_one_machine; else set -- $steps_across_machines; fi
fi
number=0 failures=0
for steps in "$@"; do
  running=
  for step in $(echo "$steps" | tr + ' '); do
    run_step "$step" &
    running="$running $!"
  done
  for process in $running; do
    number=$((number + 1))
    wait "$process" || failures=$((failures + 1))
  done
done
echo "$failures of $number steps failed"
[ "$failures" = 0 ]
