"""tutti-perf joins what a launcher has started: mpirun, and the variables of torchrun and Slurm."""

import os
import shutil
import unittest

from support import QUICK, ProcessTest

SIZES = ("-b", 8, "-e", "1M", "-f", 50)  # four rows
MPIRUN = shutil.which("mpirun")


def slurm(rank, size, nodes=1):
    """What srun sets for a task of a job step."""
    return {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_PROCID": str(rank), "SLURM_NTASKS": str(size),
            "SLURM_STEP_NUM_TASKS": str(size), "SLURM_LOCALID": str(rank // nodes), "SLURM_NODEID": str(rank % nodes),
            "SLURM_STEP_NUM_NODES": str(nodes), "SLURM_STEP_TASKS_PER_NODE": f"{size // nodes}(x{nodes})"}


class Launchers(ProcessTest):
    def assert_all_right(self, ranks, measured=4):
        self.assert_right(ranks[0], measured)
        for other in ranks[1:]:
            self.assertEqual(other.finish(), 0, other)
            self.assertEqual(other.out, "", "only rank 0 reports")

    @unittest.skipUnless(MPIRUN, "mpirun is not installed")
    def test_mpirun(self):
        prefix = (MPIRUN, "--oversubscribe", "--allow-run-as-root", "-n", "2")
        for collective in ("all_reduce", "alltoall", "sendrecv"):
            with self.subTest(collective):
                self.assert_right(self.run_perf(collective, *SIZES, *QUICK, prefix=prefix), measured=4)

    @unittest.skipUnless(MPIRUN, "mpirun is not installed")
    def test_mpirun_with_another_number_is_refused(self):
        prefix = (MPIRUN, "--oversubscribe", "--allow-run-as-root", "-n", "2")
        run = self.run_perf("all_reduce", "-n", 3, *SIZES, prefix=prefix)
        self.assert_fails(run, r"a launcher started 2 processes, and -n 3 asks for another number")

    def test_torchrun(self):
        """Rank 0 is started last: the others wait for it."""
        for wire in ("shm", "tcp"):
            for size in (1, 2, 3):
                with self.subTest(wire, ranks=size):
                    ranks = self.start_ranks(size, "all_gather", "--transport", wire, *SIZES, *QUICK)
                    self.assert_all_right(ranks)

    def test_torchrun_with_all_it_says(self):
        """LOCAL_WORLD_SIZE says that all share the host: a private file is the rendezvous, and goes."""
        ranks = self.start_ranks(2, "all_reduce", *SIZES, *QUICK, LOCAL_WORLD_SIZE="2", TORCHELASTIC_RUN_ID="none")
        self.assert_all_right(ranks)
        self.assertEqual(os.listdir(self.folder), ["tutti.conf"])

    def test_a_secret_of_the_user(self):
        self.assert_all_right(self.start_ranks(2, "all_reduce", *SIZES, *QUICK, TUTTI_SECRET="con brio"))

    def test_slurm_with_a_rendezvous_file(self):
        path = os.path.join(self.folder, "rendezvous")
        ranks = [self.start("reduce_scatter", *SIZES, *QUICK, TUTTI_RENDEZVOUS_FILE=path, **slurm(rank, 2, nodes=2))
                 for rank in (1, 0)]
        self.assert_all_right(ranks[::-1])
        self.assertFalse(os.path.exists(path), "the rendezvous file goes when all have joined")

    def test_slurm_on_one_node_needs_no_more(self):
        ranks = [self.start("all_reduce", *SIZES, *QUICK, **slurm(rank, 3)) for rank in range(3)]
        self.assert_all_right(ranks)

    def test_slurm_on_two_nodes_says_what_it_needs(self):
        ranks = [self.start("all_reduce", *SIZES, *QUICK, **slurm(rank, 2, nodes=2)) for rank in range(2)]
        for rank in ranks:
            self.assert_fails(rank, r"set MASTER_ADDR .* or TUTTI_RENDEZVOUS_FILE")


if __name__ == "__main__":
    unittest.main()
