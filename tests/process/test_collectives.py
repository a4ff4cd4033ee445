"""Every collective, over both wires, with processes and with threads; every type and operator; every algorithm."""

import unittest

from support import COLLECTIVES, QUICK, ProcessTest

SWEEPS = {  # name: sizes, how many of them, for which numbers of ranks
    "few elements, or none": (("-b", 0, "-e", 20, "-i", 4), 6, (2, 3, 4)),
    "odd counts up to 1 MiB": (("-b", 1004, "-e", "2M", "-f", 33), 3, (1, 2, 3, 4)),
}
FEW = ("-b", 1000, "-e", 1000)
ALGORITHMS = {  # one host; those of two levels are in test_hosts.py
    "all_reduce": ("ring", "tree", "recursive_doubling", "rabenseifner", "one_shot", "two_shot"),
    "reduce": ("binomial", "tree", "chain", "one_shot", "two_shot"),
    "broadcast": ("binomial", "tree", "chain", "scatter_all_gather", "one_shot"),
    "reduce_scatter": ("ring", "pairwise", "recursive_halving", "pat", "two_shot"),
    "all_gather": ("ring", "recursive_doubling", "bruck", "pat", "direct", "one_shot"),
    "alltoall": ("pairwise", "bruck", "direct"),
}
NEEDS_SHARED_MEMORY = ("one_shot", "two_shot")
WIRES = ("shm", "tcp")


class Collectives(ProcessTest):
    def sweep(self, wire, kind):
        for collective in COLLECTIVES:
            for name, (sizes, count, numbers_of_ranks) in SWEEPS.items():
                for ranks in numbers_of_ranks:
                    with self.subTest(collective, ranks=ranks, sizes=name):
                        run = self.run_perf(collective, kind, ranks, "--transport", wire, *sizes, *QUICK)
                        self.assert_right(run, measured=1 if collective == "barrier" else count)

    def test_processes_over_shm(self):
        self.sweep("shm", "-n")

    def test_processes_over_tcp(self):
        self.sweep("tcp", "-n")

    def test_threads_over_shm(self):
        self.sweep("shm", "-t")

    def test_threads_over_tcp(self):
        self.sweep("tcp", "-t")

    def test_processes_of_several_threads(self):
        for wire in WIRES:
            for collective in COLLECTIVES:
                with self.subTest(collective, wire=wire):
                    self.assert_right(self.run_perf(collective, "-n", 2, "-t", 2, "--transport", wire, *FEW, *QUICK))

    def test_several_in_one_run(self):
        self.assert_right(self.run_perf("all_reduce,barrier,sendrecv", "-n", 2, *FEW, *QUICK), measured=3)
        self.assert_right(self.run_perf("all", "-n", 2, *FEW, *QUICK), measured=len(COLLECTIVES))

    def test_every_root(self):
        for collective in ("broadcast", "reduce", "gather", "scatter"):
            for wire in WIRES:
                with self.subTest(collective, wire=wire):
                    run = self.run_perf(collective, "-n", 4, "-r", "all", "--transport", wire, *FEW, *QUICK)
                    self.assert_right(run, measured=4)

    def test_every_type_and_operator(self):
        for collective in COLLECTIVES:
            types, operators = 12, 6 if "reduce" in collective else 1
            for wire in WIRES:
                with self.subTest(collective, wire=wire):
                    run = self.run_perf(collective, "-n", 3, "-d", "all", "-o", "all", "--transport", wire, *FEW, *QUICK)
                    self.assert_right(run, measured=types * operators)

    def test_reproducible_sums(self):
        for collective in ("all_reduce", "reduce_scatter", "reduce"):
            for kind in ("-n", "-t"):
                with self.subTest(collective, kind=kind):
                    run = self.run_perf(collective, kind, 3, "--reproducible", "-d", "bfloat16", *FEW, *QUICK)
                    self.assert_right(run, measured=1)


class Algorithms(ProcessTest):
    def force(self, collective, algorithm, ranks, wire, *more):
        run = self.run_perf(collective, "-n", ranks, "--transport", wire, "--algorithm", algorithm, *more, *QUICK,
                            TUTTI_LOG_LEVEL="info")
        self.assert_right(run)
        return run

    def test_each_forced(self):
        for collective, names in ALGORITHMS.items():
            for algorithm in names:
                for ranks in (2, 3, 4):
                    for wire in ("shm",) if algorithm in NEEDS_SHARED_MEMORY else WIRES:
                        with self.subTest(collective, algorithm=algorithm, ranks=ranks, wire=wire):
                            run = self.force(collective, algorithm, ranks, wire, "-b", 1000, "-e", 300_000, "-f", 299)
                            if algorithm == "recursive_doubling" and collective == "all_gather" and ranks == 3:
                                continue  # for powers of two only: another one takes its place
                            name = "all_to_all" if collective == "alltoall" else collective
                            self.assertRegex(run.err, rf"{name} of [0-9.]+ [KM]?i?B over {ranks} ranks: {algorithm},")

    def test_lanes_and_chunks(self):
        for collective, names in ALGORITHMS.items():
            for wire in WIRES:
                with self.subTest(collective, wire=wire):
                    run = self.force(collective, names[0], 3, wire, "--lanes", 2, "--chunk", "4K", "-b", "1M", "-e", "1M")
                    self.assertRegex(run.err, rf"{names[0]}, 2 lanes, chunks of 4 KiB")


if __name__ == "__main__":
    unittest.main()
