"""What run.sh promises to whoever gives it a command: that it runs as it would here, that what it leaves comes back, that
mistakes and mishaps end with a sentence and a status, and that nothing is left running."""

import os
import signal
import textwrap
import unittest

from support import BED_FAILED, RUN, BedTest, skip_without_machines

NO_APT = """#!/bin/sh
case $1 in
  depends) echo "  Depends: linux-image-6.1.0-0-amd64" ;;
  show) printf 'Version: 6.1.0-1\\nSize: 70000000\\n' ;;
  *) echo "E: Failed to fetch the archive: Could not resolve 'mirror.invalid'" >&2; exit 100 ;;
esac
"""


def setUpModule():
    skip_without_machines()


class Commands(BedTest):
    def test_the_command_runs_as_it_would_here(self):
        script = r"""
            printf '<%s>' "$@"; echo
            echo "$HERE_AND_THERE"
            pwd
            echo apart >&2
            echo kept >"$OUT/file name"
            python3 -c 'import mmap, os; file = open(os.environ["OUT"] + "/mapped", "w+b"); file.truncate(5)
            mmap.mmap(file.fileno(), 5)[:] = b"kept\n"'
            sleep 1000 & # is not waited for
            exit 3"""
        script = textwrap.dedent(script)
        words = ("a b", "it's", '"$HOME"', "", "*", "new\nline")
        run = self.run_bed("--out", self.folder, "sh", "-c", script, "sh", *words, HERE_AND_THERE="x 'y' $z \\")
        self.assertEqual(run.returncode, 3, run)
        expected = ["".join(f"<{word}>" for word in words), "x 'y' $z \\", os.getcwd()]
        self.assertEqual(run.stdout, "\n".join(expected) + "\n", run)
        self.assertEqual(run.stderr, "apart\n")
        for name in ("file name", "mapped"):
            self.assertEqual((self.folder / name).read_text(), "kept\n")

    def test_the_host_is_read_only(self):
        path = self.folder / "untouched"
        run = self.run_bed("sh", "-c", f"echo x >'{path}' && cat '{path}'")
        self.assertEqual((run.returncode, run.stdout), (0, "x\n"), run)
        self.assertFalse(path.exists())

    def test_a_command_that_is_not_there(self):
        run = self.run_bed("no-such-command")
        self.assertEqual(run.returncode, 127, run)
        self.assertIn("no-such-command", run.stderr)

    def test_much_output(self):
        run = self.run_bed("sh", "-c", "seq 200000; seq 200000 >&2")
        self.assertEqual(run.returncode, 0, run)
        expected = "".join(f"{number}\n" for number in range(1, 200001))
        self.assertTrue(run.stdout == expected and run.stderr == expected)  # printing them would help nobody


class Mishaps(BedTest):
    def test_a_command_that_hangs_is_ended(self):
        run = self.run_bed("--timeout", 10, "sh", "-c", "echo before; sleep 1000")
        self.assertEqual((run.returncode, run.stdout), (124, "before\n"), run)
        self.assertIn("did not end within 10 s (--timeout)", run.stderr)
        self.assert_nothing_runs()

    def test_a_kernel_that_panics_is_quoted(self):
        run = self.run_bed("sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 1000")
        self.assertEqual(run.returncode, BED_FAILED, run)
        self.assertIn("The machine ended by itself", run.stderr)
        self.assertIn("Kernel panic", run.stderr)
        self.assert_nothing_runs()

    def test_a_signal_ends_the_machine_too(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(number.name):
                process = self.start_bed("sh", "-c", "echo begun; sleep 1000")
                self.assertEqual(process.stdout.readline(), "begun\n")
                process.send_signal(number)
                process.communicate()
                self.assertEqual(process.returncode, -9 if number == signal.SIGKILL else 128 + number)
                self.assert_nothing_runs()

    def test_a_machine_that_has_no_memory(self):
        run = self.run_bed("--memory", 10**6, "true")
        self.assertEqual(run.returncode, BED_FAILED, run)
        self.assertRegex(run.stderr, "qemu.*memory")

    def test_mistakes_in_the_options(self):
        for arguments, sentence in {
            (): "a command is missing",
            ("--rails", "0.5", "true"): "argument --rails: invalid",
            ("--rails", "17", "true"): "argument --rails: 17 is not from 0 to 16",
            ("--machines", "0", "true"): "argument --machines: 0 is not from 1 to 8",
            ("--mtu", "100", "true"): "argument --mtu: 100 is not from 1280 to 9000",
            ("--no-such-option", "true"): "unrecognized arguments: --no-such-option",
        }.items():
            with self.subTest(arguments):
                run = self.run_bed(*arguments)
                self.assertEqual(run.returncode, 2, run)
                self.assertIn(sentence, run.stderr)


class Native(BedTest):
    """In a machine, for it has the driver; Debian 12's knows no network namespaces."""

    def test_a_driver_without_namespaces_is_found_out_and_left_clean(self):
        run = self.run_bed("--on", "qemu", "--rails", 0, "sh", "-c", f"{RUN} --on native true; echo $?; ibv_devices | grep rxe")
        self.assertEqual(run.stdout, f"{BED_FAILED}\n", run)
        self.assertRegex(run.stderr, "Not natively: the driver of .* does not work in network namespaces")

    def test_a_command_in_namespaces(self):
        script = f"""
            import sys
            sys.path.insert(0, "{RUN.parent}/host")
            import native, job
            no_rails = job.Shape(1, 0, 2, 1500, "")
            print(native.run(no_rails, ["sh", "-c", "sleep 1000 & ls /sys/class/net; exit 3"], 60, None), flush=True)
            print(native.run(no_rails, ["sleep", "1000"], 3, None))"""
        run = self.run_bed("--on", "qemu", "python3", "-c", textwrap.dedent(script))
        self.assertEqual(run.stdout, "lo\n3\n124\n", run)


class Downloads(BedTest):
    """No machine boots here."""

    def without_kernel(self, **programs):
        """Runs with an empty cache, and with these programs before the real ones."""
        for name, text in programs.items():
            path = self.folder / name.replace("_", "-")
            path.write_text(text)
            path.chmod(0o755)
        return self.run_bed("true", SOFTROCE_CACHE=str(self.folder / "cache"), PATH=f"{self.folder}:{os.environ['PATH']}")

    def test_no_network(self):
        run = self.without_kernel(apt_get=NO_APT, apt_cache=NO_APT)
        self.assertEqual(run.returncode, BED_FAILED, run)
        self.assertIn("downloading Debian's kernel, linux-image-6.1.0-0-amd64 6.1.0-1: 67 MiB, once", run.stderr)
        self.assertRegex(run.stderr, "could not be downloaded: E: Failed to fetch.*Is there a network")

    def test_no_package_lists(self):
        run = self.without_kernel(apt_get=NO_APT, apt_cache="#!/bin/sh\n")
        self.assertEqual(run.returncode, BED_FAILED, run)
        self.assertIn("apt knows no linux-image-amd64, Debian's kernel: apt-get update", run.stderr)

    def test_a_cache_folder_that_cannot_be_made(self):
        run = self.run_bed("true", SOFTROCE_CACHE="/proc/no/cache")
        self.assertEqual(run.returncode, BED_FAILED, run)
        self.assertIn("SOFTROCE_CACHE names another", run.stderr)


if __name__ == "__main__":
    unittest.main()
