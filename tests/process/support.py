"""What the tests of whole processes share: tutti-perf started in a world of its own, and its output read.

Nothing here sleeps in order to pass: a test waits for a line of output or for the end of a process, and every
wait has an end.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

PERF = os.environ["PERF_PROGRAM"]  # the path of tutti-perf
PATIENCE_S = 60  # for a run that ends by itself; a build with sanitizers on a busy machine is slow
VERDICT = re.compile(r"# Out of bounds values : 0 OK")
WRONG_COLUMNS = (8, 12)  # of a row: #wrong out of place and in place
COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce", "alltoall", "gather", "scatter",
               "sendrecv", "put", "barrier", "all_gatherv", "reduce_scatterv", "alltoallv")
QUICK = ("-I", "1", "-w", "0")
ENDLESS = ("-N", "0", "-I", "20", "-w", "0")

# What a launcher that started the tests themselves would have set.
LAUNCHERS = re.compile(r"TUTTI_|OMPI_|PMIX?_|SLURM_|TORCHELASTIC_|MPI_|MASTER_|(LOCAL_)?(RANK|WORLD_SIZE)$")
KEPT = ("TUTTI_CACHE_DIR",)


def rows(output):
    """The measured rows, each a list of columns."""
    lines = [line.split("|")[0].split() for line in output.splitlines()]
    return [columns for columns in lines if len(columns) == 13 and columns[0].isdigit()]


def free_ports():
    """A MASTER_PORT: nobody listens there, nor at the eight above it."""
    for first in range(20011 + os.getpid() % 997 * 9, 32000, 9):
        try:
            for port in range(first, first + 9):
                with socket.socket() as probe:
                    probe.bind(("", port))
            return first
        except OSError:
            continue
    raise RuntimeError("no nine free ports in a row")


class Process:
    """One started program. Its output is gathered while it runs."""

    def __init__(self, command, environment):
        self.command = command
        self.child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, start_new_session=True)
        self.out, self.err = "", ""
        self.grown = threading.Condition()
        self.readers = [threading.Thread(target=self._gather, args=(name, pipe), daemon=True)
                        for name, pipe in (("out", self.child.stdout), ("err", self.child.stderr))]
        for reader in self.readers:
            reader.start()

    def _gather(self, name, pipe):
        while chunk := os.read(pipe.fileno(), 65536):
            with self.grown:
                setattr(self, name, getattr(self, name) + chunk.decode(errors="replace"))
                self.grown.notify_all()
        with self.grown:
            self.grown.notify_all()

    def wait_for(self, condition, what, within_s=PATIENCE_S):
        """Until condition(self) holds on what has been printed; fails if the program ends or time runs out."""
        end = time.monotonic() + within_s
        with self.grown:
            while not condition(self):
                ended = self.child.poll() is not None and not any(reader.is_alive() for reader in self.readers)
                if ended or time.monotonic() > end:
                    raise AssertionError(f"{what} did not come\n{self}")
                self.grown.wait(0.1)

    def wait_for_rows(self, count=3):
        self.wait_for(lambda me: len(rows(me.out)) >= count, f"{count} rows of measurements")

    def finish(self, within_s=PATIENCE_S):
        """The exit code; a program that does not end is an error of the test."""
        try:
            self.child.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {within_s} s\n{self}") from None
        for reader in self.readers:  # a grandchild that lives on holds the pipe
            reader.join(5)
        return self.child.returncode

    def kill(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        for reader in self.readers:
            reader.join(5)
        self.child.stdout.close()
        self.child.stderr.close()

    def children(self):
        """The pids of its child processes: the ranks of tutti-perf -n."""
        path = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def __str__(self):
        return (f"{' '.join(self.command)}\nexit code {self.child.poll()}\n"
                f"--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-5000:]}")


class ProcessTest(unittest.TestCase):
    """Starts programs with an environment free of launchers and a TMPDIR of the test's own; ends what is left."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tutti-process-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.base = {name: value for name, value in os.environ.items() if name in KEPT or not LAUNCHERS.match(name)}
        self.base.update(TMPDIR=self.folder, TUTTI_CONFIG_FILE=os.path.join(self.folder, "tutti.conf"))
        pathlib.Path(self.base["TUTTI_CONFIG_FILE"]).touch()

    def start(self, *arguments, prefix=(), **environment):
        """tutti-perf with these arguments; prefix is what it is started by (ip netns exec …)."""
        process = Process([*prefix, PERF, *map(str, arguments)], {**self.base, **environment})
        self.addCleanup(process.kill)
        return process

    def run_perf(self, *arguments, **keywords):
        process = self.start(*arguments, **keywords)
        process.finish()
        return process

    def start_ranks(self, size, *arguments, per_rank=lambda rank: {}, absent=(), **environment):
        """One process per rank, the last first, as torchrun would start them; but none for the absent ranks.
        per_rank adds arguments, prefix or variables."""
        environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_ports()), **environment}
        started = {}
        for rank in (rank for rank in reversed(range(size)) if rank not in absent):
            own = dict(per_rank(rank))
            more, prefix = own.pop("arguments", ()), own.pop("prefix", ())
            identity = {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
            started[rank] = self.start(*arguments, *more, prefix=prefix, **{**identity, **environment, **own})
        return [started[rank] for rank in sorted(started)]

    def assert_right(self, process, measured=None):
        """It ended well, printed rows (`measured` of them), and found no wrong element."""
        self.assertEqual(process.finish(), 0, process)
        found = rows(process.out)
        self.assertEqual(len(found), measured or max(len(found), 1), process)
        for row in found:
            for column in WRONG_COLUMNS:
                self.assertIn(row[column], ("0", "N/A"), process)
        self.assertRegex(process.out, VERDICT, process)

    def assert_fails(self, process, pattern, within_s=PATIENCE_S):
        """It ends with an error, and what it printed says why."""
        code = process.finish(within_s)
        self.assertGreater(code, 0, process)  # not 0, and not a signal
        self.assertRegex(process.err, re.compile(pattern, re.DOTALL), process)
