#!/usr/bin/env python3
"""Nanoseconds and instructions of overhead_benchmark, as a Markdown table.

    benchmarks/micro/instructions.py [build/release/benchmarks/micro/overhead_benchmark]

Instructions are callgrind's (Debian: valgrind): what 3000 calls take more than 1000, over 2000. They do not depend on how busy the
machine is; the nanoseconds, the least of five repetitions, do.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW, MANY = 1000, 3000


def run(*words: str, calls: int | None = None) -> str:
    environment = dict(os.environ) if calls is None else os.environ | {"TUTTI_BENCHMARK_CALLS": str(calls)}
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout


def nanoseconds(program: str) -> dict[str, float]:
    report = json.loads(run(program, "--benchmark_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.1"))
    times: dict[str, float] = {}
    for row in report["benchmarks"]:
        if row["run_type"] == "iteration":
            times[row["run_name"]] = min(row["cpu_time"], times.get(row["run_name"], row["cpu_time"]))
    return times


def instructions(program: str, name: str, calls: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, f"--benchmark_filter=^{re.escape(name)}$",
            calls=calls)
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[1])


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    program = sys.argv[1] if len(sys.argv) > 1 else str(root / "build/release/benchmarks/micro/overhead_benchmark")
    print("| what | ns | instructions |\n| --- | ---: | ---: |")
    for name, time_ns in nanoseconds(program).items():
        calls = f"{name}/iterations:%d"
        more = instructions(program, calls % MANY, MANY) - instructions(program, calls % FEW, FEW)
        print(f"| {name} | {time_ns:.0f} | {more / (MANY - FEW):.0f} |", flush=True)


if __name__ == "__main__":
    main()
