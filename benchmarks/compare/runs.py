"""Starts drivers, one after the other, round after round, and keeps what they measured."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from figures import size_text
from libraries import Library, Places, Start
from network import TwoHosts
from plan import Plan, Setting, round_seconds

MARK = "TUTTI_COMPARE_RUN"  # in the environment of everything that is started: finds what a launcher leaves behind
LINE_KINDS = ("line", "process_switch")
MEMORY_KINDS = ("copy", "stream", "add", "read")
HAND_OVER_KINDS = ("hand_over", "hand_over_streaming")


def say(text: str) -> None:
    """One line that the next one overwrites, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{text[:100]:100}\r", end="", file=sys.stderr, flush=True)


def started() -> list[Path]:
    """What this process started and what that started, in /proc: known by the mark in its environment."""
    mark = f"{MARK}={os.getpid()}".encode()

    def is_ours(process: Path) -> bool:
        try:
            return process.name.isdigit() and int(process.name) != os.getpid() and \
                mark in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False
    return [process for process in Path("/proc").iterdir() if is_ours(process)]


def end_leftovers() -> None:
    """Ends what this process started and its launcher did not end."""
    for process in started():
        try:
            os.kill(int(process.name), signal.SIGKILL)
        except ProcessLookupError:
            pass


def shared_files() -> set[Path]:
    """Of those that run, the files in shared memory: a library that is killed leaves them there."""
    files = set()
    for process in started():
        try:
            files |= {Path(file) for file in re.findall(r" (/dev/shm/\S+)$", (process / "maps").read_text(), re.MULTILINE)}
        except OSError:
            pass
    return files


@dataclass
class Outcome:
    rows: list | dict = field(default_factory=list)
    seconds: float = 0
    problem: str = ""    # empty: it went well
    cut_off: bool = False


def execute(make: Callable[[list[str]], Start], limit_s: float) -> Outcome:
    """Runs what `make(options)` gives: the start of a driver with these options. Rows that a driver wrote before it was
    cut off are kept."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="tutti-compare-", dir="/dev/shm") as folder:
        shared, rows = Path(folder) / "shared", Path(folder) / "rows.json"
        shared.touch()
        start: Start = make(["--shared", str(shared), "--json", str(rows)])
        environment = os.environ | start.environment | {MARK: str(os.getpid())}
        began = time.monotonic()
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            abandoned: set[Path] = set()
            process = subprocess.Popen(start.command, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                outcome.cut_off, outcome.problem = True, f"not done after {limit_s:g} s"
                abandoned = shared_files()
                process.terminate()  # launchers then end their ranks
                try:
                    process.wait(2)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                status = 0
            finally:
                end_leftovers()
                for file in abandoned:
                    file.unlink(missing_ok=True)
            if status != 0:
                output.seek(0)
                last = [line.strip() for line in output.read().splitlines() if line.strip(" -\t")][-3:]
                outcome.problem = f"exit status {status}: {' / '.join(last)[-300:]}"
        outcome.seconds = time.monotonic() - began
        if rows.exists() and (status == 0 or outcome.cut_off):
            outcome.rows = json.loads(rows.read_text())
    return outcome


class Session:
    """One comparison. `data` is what is kept: everything that tables and pictures are made from."""

    def __init__(self, plan: Plan, libraries: list[Library], alloc: Library, places: Places, hosts: TwoHosts | None):
        self._plan, self._libraries, self._alloc, self._places, self._hosts = plan, libraries, alloc, places, hosts
        self._gone: dict[tuple[str, str], str] = {}  # (setting, library) -> why it is not started any more
        self._failures: dict[tuple[str, str], int] = {}
        self.failed = False  # tutti, or what measures the machine
        self.data = {"runs": [], "bounds": [], "iperf3": [], "problems": [], "rounds": 0}

    def measure(self) -> None:
        began = time.monotonic()
        longest = round_seconds(self._plan, [library.name for library in self._libraries])
        for round_ in range(self._plan.rounds):
            so_far = time.monotonic() - began
            if so_far + longest > self._plan.budget_s and round_ > 0:
                self._problem("all", "", f"only {round_} of {self._plan.rounds} rounds: the time was up")
                break
            try:
                self._round(round_)
            except KeyboardInterrupt:
                self._problem("all", "", f"interrupted in round {round_ + 1} of {self._plan.rounds}")
                if round_ == 0:
                    raise
                break
            longest = max(time.monotonic() - began - so_far, longest if round_ == 0 else 0)
            self.data["rounds"] = round_ + 1
        say("")

    def _round(self, round_: int) -> None:
        if round_ < self._plan.bound_rounds:
            self._bounds()
        order = self._libraries if round_ % 2 == 0 else self._libraries[::-1]
        for setting in self._plan.settings:
            for collective, sizes in setting.sizes.items():
                for library in order:
                    self._run(round_, setting, collective, sizes, library)
                if (setting.name, collective) == ("shm2", "all_reduce"):
                    self._run(round_, setting, collective, self._plan.alloc_sizes, self._alloc)

    def _run(self, round_: int, setting: Setting, collective: str, sizes: list[int], library: Library) -> None:
        if (setting.name, library.name) in self._gone:
            return
        say(f"round {round_ + 1} of {self._plan.rounds}: {setting.title}, {collective}, {library.title}")
        options = ["--collective", collective, "--sizes", ",".join(map(str, sizes)), "--seconds", str(self._plan.seconds),
                   "--places", str(int(setting.places))]
        options += self._plan.options
        hosts = self._hosts if setting.tcp else None
        limit_s = self._plan.own_limit_s if library.name.startswith("tutti") else self._plan.limit_s
        outcome = execute(lambda files: library.start(setting.ranks, files + options, hosts), limit_s)
        self.data["runs"].append({"round": round_, "setting": setting.name, "collective": collective,
                                  "library": library.name, "seconds": round(outcome.seconds, 2), "rows": outcome.rows,
                                  "problem": outcome.problem})
        if outcome.problem:
            self._failure(setting, collective, library, outcome)

    def _failure(self, setting: Setting, collective: str, library: Library, outcome: Outcome) -> None:
        """A peer that was cut off with more ranks than cores would be again; any other gets a second chance."""
        self.failed |= library.name.startswith("tutti") and self._is_failure(outcome)
        key = (setting.name, library.name)
        self._failures[key] = self._failures.get(key, 0) + 1
        what = f"{collective}: {outcome.problem}"
        if outcome.cut_off and outcome.rows:
            what += f" (it had come to {size_text(max(row['size'] for row in outcome.rows))})"
        if (outcome.cut_off and setting.ranks > (os.cpu_count() or 1)) or self._failures[key] == 2:
            self._gone[key] = what
            what += "; not started again in this setting"
        self._problem(setting.name, library.name, what)

    def _is_failure(self, outcome: Outcome) -> bool:
        return not outcome.cut_off or self._plan.asserts_ends

    def _problem(self, setting: str, library: str, what: str) -> None:
        self.data["problems"].append({"setting": setting, "library": library, "what": what})
        print(f"{setting} {library}: {what}", file=sys.stderr, flush=True)

    def _bounds(self) -> None:
        sizes = self._plan.bound_sizes
        in_cache = [size for size in sizes if size <= 8 << 20]
        for kind in LINE_KINDS:
            self._bound(kind, 2, [8], places=kind == "line", longer=10)
        for kind in MEMORY_KINDS:
            for cores in (1, 2):
                self._bound(kind, cores, sizes)
        for kind in HAND_OVER_KINDS:
            self._bound(kind, 2, in_cache, longer=3)
        if self._hosts:
            self._bound("tcp_ping", 2, [8], tcp=True, longer=10)
            for kind in ("tcp", "tcp_one_way"):
                self._bound(kind, 2, sizes, tcp=True, longer=3)
            say("iperf3")
            try:
                rates = self._hosts.iperf3()
            except (subprocess.SubprocessError, ValueError, KeyError) as error:
                rates = f"iperf3 failed: {error}"
            if isinstance(rates, str):
                self._problem("tcp2", "", rates)
            else:
                self.data["iperf3"].append(rates)

    def _bound(self, kind: str, cores: int, sizes: list[int], tcp: bool = False, places: bool = True,
               longer: int = 1) -> None:
        """`longer`: what depends on the place of the cores has to meet every place."""
        say(f"what the machine can do: {kind}, {cores} cores")
        options = ["--kind", kind, "--cores", str(cores), "--sizes", ",".join(map(str, sizes)),
                   "--seconds", str(self._plan.seconds * longer), "--places", str(int(places))]
        if tcp:
            options += ["--namespaces", ",".join(self._hosts.names), "--address", self._hosts.addresses[0]]
        program = [str(self._places.driver("peer_bounds"))]
        options += self._plan.options
        outcome = execute(lambda files: Start([*program, *files, *options], {}), self._plan.own_limit_s)
        self.data["bounds"].append({"kind": kind, "cores": cores, "rows": outcome.rows})
        if outcome.problem:
            self.failed |= self._is_failure(outcome)
            self._problem("bounds", kind, outcome.problem)


def scale(places: Places) -> dict:
    """128 processes join; 64 make an all-reduce of 1 MiB that is right. What was measured, or the problem."""
    result = {}
    program = str(places.driver("scale_tutti"))
    joined = execute(lambda files: Start([program, *files, "-n", "128"], {}), 60)
    result["join"] = joined.problem or joined.rows
    program = str(places.driver("peer_tutti"))
    options = ["-n", "64", "--sizes", str(1 << 20), "--seconds", "0.5", "--slices", "1"]
    reduced = execute(lambda files: Start([program, *files, *options], {}), 60)
    result["all_reduce"] = reduced.problem or reduced.rows
    result["failed"] = bool(joined.problem or reduced.problem)
    return result
