"""tutti on real RDMA devices: what proof.sh lists, in one boot of a machine that plays several hosts, and in one of two
machines. PROOF_BUILD is the build folder whose programs are run."""

import os
import unittest

from support import RUN, BedTest, skip_without_machines

PROOF = RUN.parent / "proof.sh"
LIMIT_S = 900  # minutes on two idle cores


def setUpModule():
    skip_without_machines()


class Proof(BedTest):
    def prove(self, *shape):
        run = self.run_bed(*shape, "--timeout", LIMIT_S, PROOF, os.environ["PROOF_BUILD"], patience_s=LIMIT_S + 300)
        print(run.stdout, flush=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?m)^(\[0\] )?0 of [1-9]\d* steps failed$")

    def test_hosts_of_one_machine(self):
        self.prove("--hosts", 4, "--rails", 2, "--mtu", 9000, "--memory", 3072)

    def test_two_machines(self):
        self.prove("--machines", 2, "--rails", 2)


if __name__ == "__main__":
    unittest.main()
