"""What the tests of the test bed share: run.sh started with a folder of the test's own."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

RUN = pathlib.Path(__file__).resolve().parent / "run.sh"
BED_FAILED = 125
PATIENCE_S = 700  # a boot takes six seconds, minutes where others take both cores


def skip_without_machines():
    for program, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static")):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"{program} is missing: the package {package} has it")


class BedTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="softroce, test-")))  # QEMU minds commas

    def start_bed(self, *arguments, **environment):
        process = subprocess.Popen((RUN, *map(str, arguments)), env={**os.environ, **environment}, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        self.bed_pid = process.pid
        return process

    def run_bed(self, *arguments, patience_s=PATIENCE_S, **environment):
        """Its returncode, stdout and stderr."""
        process = self.start_bed(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=patience_s)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def assert_nothing_runs(self):
        """No QEMU that the last run started is there: each names its share, which carries the pid of the run."""
        marker = f"softroce-{self.bed_pid}-".encode()
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.assertNotIn(marker, path.read_bytes(), path)
            except (FileNotFoundError, ProcessLookupError):
                pass
