"""Machines that give little: a small /dev/shm, few open files, little memory."""

import os
import shutil
import subprocess
import unittest

from support import QUICK, ProcessTest

SIZES = ("-b", 1000, "-e", "4M", "-f", 60)  # three rows


def why_no_mount():
    if shutil.which("unshare") is None:
        return "unshare (util-linux) is not installed"
    probe = subprocess.run(("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"), capture_output=True, text=True)
    return f"this user may not mount: {probe.stderr.strip()}" if probe.returncode else None


class Limits(ProcessTest):
    def under(self, *commands):
        """A prefix: the shell commands, then the program in the shell's place."""
        return ("sh", "-ec", "; ".join([*commands, 'exec "$@"']), "sh")

    def test_small_dev_shm(self):
        if reason := why_no_mount():
            self.skipTest(reason)
        small = ("unshare", "-m", *self.under("mount -t tmpfs -o size=64k tmpfs /dev/shm"))
        for kind in ("-n", "-t"):
            for memory in ("private", "tutti"):
                with self.subTest(kind, memory=memory):
                    run = self.run_perf("all_reduce", kind, 3, "--memory", memory, *SIZES, *QUICK, prefix=small)
                    self.assert_right(run, measured=3)

    def test_few_open_files(self):
        for wire in ("shm", "tcp"):
            for limit in (8, 12, 16):
                with self.subTest(wire, limit=limit):
                    run = self.run_perf("alltoall", "-t", 4, "--transport", wire, *SIZES, *QUICK,
                                        prefix=self.under(f"ulimit -n {limit}"), TUTTI_INIT_TIMEOUT_MS="5000")
                    self.assert_fails(run, rf"RLIMIT_NOFILE|ulimit -n")

    @unittest.skipIf("Sanitizer" in os.environ.get("ASAN_OPTIONS", ""), "a sanitizer maps terabytes")
    def test_a_folder_that_cannot_be_written(self):
        """Neither the cache of measurements nor the private rendezvous may be had: only what is needed fails."""
        run = self.run_perf("all_reduce", *SIZES, *QUICK, TUTTI_CACHE_DIR="/proc/nowhere", TMPDIR="/proc/nowhere")
        self.assert_right(run, measured=3)


if __name__ == "__main__":
    unittest.main()
