#!/usr/bin/env python3
"""What calls cost beside their data, as Markdown tables: nanoseconds and instructions of overhead_benchmark, and the instructions that a
message over RDMA takes at either end (verbs_benchmark).

    benchmarks/micro/instructions.py [build/release/benchmarks/micro]

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


def counted(program: str, name: str, calls: int, within: str | None) -> int:
    """All instructions; or those of a function with all that it calls, but for the double of libibverbs."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        only = [f"--toggle-collect=tutti::*::{within}(*"] if within else []
        run("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *only, program,
            f"--benchmark_filter=^{re.escape(name)}/iterations:{calls}$", calls=calls)
        total = int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[1])
        if within is None:
            return total
        table = run("callgrind_annotate", "--inclusive=yes", "--threshold=100", "--show-percs=no", str(out))
        double = re.findall(r"^ *([\d,]+) .*verbs_double::\(anonymous namespace\)::(?:post_send|post_recv|poll_cq)\(", table, re.MULTILINE)
        return total - sum(int(cost.replace(",", "")) for cost in double)


def instructions(program: str, name: str, within: str | None = None) -> float:
    return (counted(program, name, MANY, within) - counted(program, name, FEW, within)) / (MANY - FEW)


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build/release/benchmarks/micro"
    calls, messages = str(folder / "overhead_benchmark"), str(folder / "verbs_benchmark")
    print("| what | ns | instructions |\n| --- | ---: | ---: |")
    for name, time_ns in nanoseconds(calls).items():
        print(f"| {name} | {time_ns:.0f} | {instructions(calls, name):.0f} |", flush=True)
    print("\n| over RDMA, instructions | send | receive |\n| --- | ---: | ---: |")
    for name in nanoseconds(messages):
        sent, received = (instructions(messages, name, path) for path in ("send_path", "receive_path"))
        print(f"| {name} | {sent:.0f} | {received:.0f} |", flush=True)


if __name__ == "__main__":
    main()
