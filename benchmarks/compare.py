#!/usr/bin/env python3
"""Measures tutti and its peers side by side: short runs, one library after the other, again and again, so that all of
them meet the same machine; medians by size and by where the two cores lay (benchmarks/peers/README.md).

    benchmarks/peers/setup.sh && benchmarks/compare.py
    benchmarks/compare.py --collectives all_reduce,broadcast --sizes 8,32768 --rounds 3 --peers intel,mpich5
    benchmarks/compare.py --results benchmarks/RESULTS.md      writes its tables there, too
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers"
COLLECTIVES = ["all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce", "alltoall"]
SIZES = [8, 512, 2048, 8192, 32768, 131072, 524288, 2 << 20, 8 << 20, 32 << 20]
FEWEST_SAMPLES = 5  # of one run in one place; fewer say nothing


@dataclass(frozen=True)
class Library:
    """How a driver is started: the launcher takes the place of {n}."""
    name: str
    title: str
    program: Path
    launcher: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, hash=False)

    def command(self, ranks: int, arguments: list[str]) -> list[str]:
        return [part.format(n=ranks) for part in self.launcher] + [str(self.program), *arguments]


def libraries(build: Path) -> list[Library]:
    open_mpi = ("--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-n", "{n}")
    hydra = ("-n", "{n}")
    return [
        Library("tutti", "tutti", build / "benchmarks/peers/peer_tutti"),
        Library("openmpi4", "Open MPI 4.1", PEERS / "peer_openmpi4", ("mpirun.openmpi", *open_mpi)),
        Library("mpich4", "MPICH 4.0", PEERS / "peer_mpich4", ("mpiexec.mpich", *hydra)),
        Library("openmpi5", "Open MPI 5.0", PEERS / "peer_openmpi5", (str(PEERS / "openmpi5/bin/mpirun"), *open_mpi)),
        Library("mpich5", "MPICH 5.0", PEERS / "peer_mpich5", (str(PEERS / "mpich5/bin/mpiexec.hydra"), *hydra)),
        Library("intel", "Intel MPI 2021.18", PEERS / "peer_mpich5", (str(PEERS / "intel/bin/mpiexec.hydra"), *hydra),
                {"LD_LIBRARY_PATH": str(PEERS / "intel/lib"), "I_MPI_PIN": "0"}),
    ]


def have(library: Library) -> bool:
    launcher = library.launcher[:1]
    return library.program.exists() and all("/" not in path or Path(path).exists() for path in launcher)


def run(library: Library, collective: str, arguments: argparse.Namespace) -> list[dict]:
    """The rows of one short run; none if it failed, which is said."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as shared, tempfile.NamedTemporaryFile() as rows:
        options = ["--shared", shared.name, "--json", rows.name, "--collective", collective, "-n", str(arguments.ranks),
                   "--sizes", ",".join(map(str, arguments.sizes)), "--seconds", str(arguments.seconds)]
        try:
            result = subprocess.run(library.command(arguments.ranks, options), env=os.environ | library.environment,
                                    capture_output=True, text=True, timeout=arguments.limit, check=False)
        except subprocess.TimeoutExpired:
            print(f"{library.title}: {collective} did not end in {arguments.limit} s", file=sys.stderr)
            return []
        if result.returncode != 0:
            print(f"{library.title}: {collective} failed: {result.stderr[-500:].strip()}", file=sys.stderr)
            return []
        return json.load(rows)


class Medians:
    """For each (size, place) and library: the medians of its runs."""

    def __init__(self):
        self._runs: dict[tuple[int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, library: Library, rows: list[dict]) -> None:
        for row in rows:
            if row["samples"] >= FEWEST_SAMPLES:
                self._runs[row["size"], row["place"]][library.name].append(row["time_us_median"])

    def keys(self) -> list[tuple[int, str]]:
        places = ["smt", "l3", "far", "any"]
        return sorted(self._runs, key=lambda key: (places.index(key[1]), key[0]))

    def of(self, key: tuple[int, str]) -> dict[str, float]:
        """Library -> median of its runs' medians, in microseconds."""
        return {name: statistics.median(runs) for name, runs in self._runs[key].items()}


def size_text(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def time_text(time_us: float | None) -> str:
    return "" if time_us is None else f"{time_us:.2f}" if time_us < 10 else f"{time_us:.1f}" if time_us < 1000 else f"{time_us:.0f}"


def table(medians: Medians, measured: list[Library]) -> str:
    """Markdown: a line for each place and size, a column for each library, and tutti's time over the best peer's."""
    header = ["place", "size", *(library.title + ", µs" for library in measured), "tutti / best peer"]
    lines = [header, ["---"] * 2 + ["---:"] * (len(header) - 2)]
    for key in medians.keys():
        times = medians.of(key)
        others = [time for name, time in times.items() if name != "tutti"]
        ratio = f"**{times['tutti'] / min(others):.2f}**" if "tutti" in times and others else ""
        lines.append([key[1], size_text(key[0]), *(time_text(times.get(library.name)) for library in measured), ratio])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)


def machine() -> str:
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{processor.group(1) if processor else platform.machine()}, {os.cpu_count()} cores, Linux {kernel}"


def write_section(path: Path, title: str, body: str) -> None:
    """Replaces the section of that title, or adds it at the end."""
    text = path.read_text() if path.exists() else "# Results\n\nWritten by benchmarks/compare.py from its own runs.\n"
    section = f"## {title}\n\n{body}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    text = pattern.sub(lambda _: section + "\n", text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}"
    path.write_text(text.rstrip() + "\n")


def progress(text: str) -> None:
    """One line that the next one overwrites, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{text:60}\r", end="", file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    def names(text):
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collectives", type=names, default=COLLECTIVES)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=SIZES, help="bytes")
    parser.add_argument("-n", "--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="process starts of each library")
    parser.add_argument("--seconds", type=float, default=0.2, help="time for each size in each run")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a run is given up")
    parser.add_argument("--peers", type=names, help="only these: openmpi4 mpich4 openmpi5 mpich5 intel")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where tutti was built")
    parser.add_argument("--results", type=Path, help="a Markdown file that takes the tables")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    wanted = {"tutti", *(arguments.peers or [library.name for library in libraries(arguments.build)])}
    chosen = [library for library in libraries(arguments.build) if library.name in wanted]
    measured = [library for library in chosen if have(library)]
    for library in chosen:
        if library not in measured:
            print(f"{library.title} is not there: run benchmarks/peers/setup.sh", file=sys.stderr)

    failed = False
    for collective in arguments.collectives:
        medians = Medians()
        for round_, library in itertools.product(range(arguments.rounds), measured):
            progress(f"{collective}: round {round_ + 1} of {arguments.rounds}, {library.title}")
            rows = run(library, collective, arguments)
            failed |= library.name == "tutti" and not rows
            medians.add(library, rows)
        body = table(medians, measured)
        title = f"{collective}, {arguments.ranks} local ranks"
        progress("")
        print(f"{title}\n\n{body}\n", flush=True)
        if arguments.results:
            source = (f"{machine()}; {datetime.date.today()}; float32; median of the medians of {arguments.rounds} process "
                      f"starts of {arguments.seconds} s a size.")
            write_section(arguments.results, title, f"{source}\n\n{body}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
