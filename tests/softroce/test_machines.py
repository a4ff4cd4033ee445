"""Several machines: the command runs on each, and their devices reach each other over the cables between."""

import unittest

from support import BedTest, skip_without_machines

# Machine 1 serves, machine 0 measures, rail by rail.
ACROSS = """
for rail in $(seq 0 $((SOFTROCE_RAILS - 1))); do
  if [ $SOFTROCE_MACHINE = 1 ]; then
    ib_write_bw -d rxe1_$rail -x 1 -s 65536 -n 50 >/dev/null
  elif [ $SOFTROCE_MACHINE = 0 ]; then
    for attempt in $(seq 50); do
      ib_write_bw -d rxe0_$rail -x 1 -s 65536 -n 50 machine1 >log 2>&1 && break
      sleep 0.2
    done
    grep '^ 65536' log
  fi
done
"""


def setUpModule():
    skip_without_machines()


class SeveralMachines(BedTest):
    def test_two_machines_two_rails(self):
        run = self.run_bed("--machines", 2, "--rails", 2, "--out", self.folder, "--timeout", 120, "sh", "-euc", f"""
            cd "$OUT"
            echo $SOFTROCE_MACHINE of $SOFTROCE_MACHINES plays $SOFTROCE_HOSTS, meets at $MASTER_ADDR, is $(hostname)
            echo $SOFTROCE_MACHINE >who
            {ACROSS}""")
        self.assertEqual(run.returncode, 0, run)
        for machine in ("0", "1"):
            self.assertIn(f"[{machine}] {machine} of 2 plays {machine}, meets at 10.76.0.1, is machine{machine}\n", run.stdout)
            self.assertEqual((self.folder / machine / "who").read_text(), machine + "\n")
        self.assertEqual(len([line for line in run.stdout.splitlines() if line.startswith("[0]  65536      50")]), 2, run)

    def test_three_machines(self):
        run = self.run_bed("--machines", 3, "--timeout", 120, "--memory", 512, "sh", "-euc", """
            next=$(softroce address $(((SOFTROCE_MACHINE + 1) % 3)) 0)
            rping -s -a $(softroce address $SOFTROCE_MACHINE 0) -C 1 &
            until rping -c -a $next -C 1; do sleep 0.2; done
            wait
            echo reached""")
        self.assertEqual(run.returncode, 0, run)
        self.assertEqual(sorted(run.stdout.splitlines()), ["[0] reached", "[1] reached", "[2] reached"], run)

    def test_the_first_failure_is_the_status(self):
        run = self.run_bed("--machines", 2, "sh", "-c", "exit $((SOFTROCE_MACHINE * 7))")
        self.assertEqual(run.returncode, 7, run)

    def test_a_hang_of_one(self):
        run = self.run_bed("--machines", 2, "--timeout", 10, "sh", "-c", "[ $SOFTROCE_MACHINE = 0 ] || sleep 1000")
        self.assertEqual(run.returncode, 124, run)
        self.assertIn("did not end within 10 s on machine 1 (--timeout)", run.stderr)
        self.assert_nothing_runs()

    def test_a_panic_of_one(self):
        run = self.run_bed("--machines", 2, "sh", "-c", "[ $SOFTROCE_MACHINE = 0 ] || echo c >/proc/sysrq-trigger; sleep 1000")
        self.assertEqual(run.returncode, 125, run)
        self.assertRegex(run.stderr, "(?s)ended by itself. The last words of machine 1:.*Kernel panic")
        self.assert_nothing_runs()


if __name__ == "__main__":
    unittest.main()
