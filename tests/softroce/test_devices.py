"""One machine that plays two hosts: what a device of the one sends to a device of the other goes over the wire between them,
and the wire is as it was ordered."""

import re
import unittest

from support import BedTest, skip_without_machines

# What the scripts say. bandwidth SERVER CLIENT [ARGUMENTS…]: ib_write_bw between two devices; prints its row of figures.
WORDS = """
bandwidth() {
  server=$1 client=$2; shift 2
  ib_write_bw -d $server "$@" >server.log 2>&1 &
  for attempt in $(seq 50); do # it may not listen yet
    ib_write_bw -d $client "$@" localhost >client.log 2>&1 && break
    sleep 0.2
  done
  grep '^ 65536 ' client.log || cat client.log server.log
  wait $!
}
sent() { cat /sys/class/net/$1/statistics/tx_packets; }
cd "$OUT"
"""


def setUpModule():
    skip_without_machines()


class OneMachine(BedTest):
    def run_script(self, *arguments):
        *options, script = arguments
        run = self.run_bed(*options, "--timeout", 120, "sh", "-euc", WORDS + script)
        self.assertEqual(run.returncode, 0, run)
        return run.stdout.splitlines()

    def test_rails_and_what_goes_over_them(self):
        lines = self.run_script("--rails", 2, """
            ibv_devices | grep -o 'rxe[0-9_]*' | paste -sd ' '
            softroce devices 1
            softroce address 1 0
            for rail in 0 1; do
              before=$(sent net0_$rail)
              bandwidth rxe1_$rail rxe0_$rail -x 1 -s 65536 -n 100
              echo $(($(sent net0_$rail) - before))
            done""")
        self.assertEqual(lines[:3], ["rxe0_0 rxe1_0 rxe0_1 rxe1_1", "rxe1_0 rxe1_1", "10.77.0.2"])
        for row, packets in (lines[3:5], lines[5:7]):
            self.assertRegex(row, r"^ 65536 +100 ")
            self.assertGreater(int(packets), 100 * 65536 / 1024)

    def test_ipv6(self):
        lines = self.run_script("""
            before=$(sent net0_0)
            bandwidth rxe1_0 rxe0_0 -x 2 -s 65536 -n 100
            echo $(($(sent net0_0) - before))""")
        self.assertRegex(lines[0], r"^ 65536 +100 ")
        self.assertGreater(int(lines[1]), 100 * 65536 / 1024)

    def test_rdma_cm(self):
        self.run_script("""
            rping -s -a 10.77.0.2 -C 2 &
            for attempt in $(seq 50); do
              rping -c -a 10.77.0.2 -I 10.77.0.1 -C 2 && break
              sleep 0.2 # it does not listen yet
            done
            wait $!""")

    def test_jumbo_frames(self):
        lines = self.run_script("--mtu", 9000, """
            ibv_devinfo -d rxe0_0 | grep active_mtu
            bandwidth rxe1_0 rxe0_0 -x 1 -s 65536 -n 100""")
        self.assertRegex(lines[0], "4096")
        self.assertRegex(lines[1], r"^ 65536 +100 ")

    def test_a_cut_link_and_a_restored_one(self):
        lines = self.run_script("--rails", 2, """
            state() { cat /sys/class/infiniband/rxe0_$1/ports/1/state; }
            softroce link cut 0
            state 0
            state 1
            ip -4 -brief address show net0_0
            softroce link restore 0
            until state 0 | grep -q ACTIVE; do sleep 0.1; done
            bandwidth rxe1_0 rxe0_0 -x 1 -s 65536 -n 10""")
        self.assertEqual(lines[:2], ["1: DOWN", "4: ACTIVE"])
        self.assertIn("10.77.0.1/24", lines[2])
        self.assertRegex(lines[3], r"^ 65536 +10 ")

    def test_loss_delay_and_rate(self):
        lines = self.run_script("--loss", "1%", "--delay", "1ms", "--rate", "800mbit", """
            tc qdisc show dev net0_0
            bandwidth rxe1_0 rxe0_0 -x 1 -s 65536 -n 50
            tc -s qdisc show dev net0_0 | grep -o 'dropped [0-9]*'
            softroce netem 0 delay 3ms
            tc qdisc show dev net1_0
            softroce netem 0
            tc qdisc show dev net1_0""")
        self.assertRegex(lines[0], "netem .* delay 1ms loss 1% rate 800Mbit")
        self.assertRegex(lines[1], r"^ 65536 +50 ")
        self.assertGreater(int(re.search(r"\d+", lines[2])[0]), 0)
        self.assertRegex(lines[3], "netem .* delay 3ms *$")
        self.assertNotIn("netem", lines[4])

    def test_mistakes_in_what_is_asked_of_the_wire(self):
        run = self.run_bed("sh", "-c", "softroce link cut 1; softroce link cut 0 7; softroce link mend; softroce netem x loss 1%")
        for sentence in ("there is no rail 1: SOFTROCE_RAILS is 1", "host 7 is not in this machine, which has: 0 1",
                         "softroce devices HOST ", "a rail is a number below 1, not 'x'"):
            self.assertIn(sentence, run.stderr)
        self.assertEqual(run.returncode, 2)


if __name__ == "__main__":
    unittest.main()
