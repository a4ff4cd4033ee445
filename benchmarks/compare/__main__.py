"""Measures tutti and its peers side by side: short runs, one library after the other, round after round, so that all of
them meet the same machine. benchmarks/compare.sh builds what is needed and calls this.

    benchmarks/compare.sh                                     everything: under forty minutes
    benchmarks/compare.sh --quick                             fewer sizes: under five
    benchmarks/compare.sh --smoke                             that everything runs and every result is right: under two
    benchmarks/compare.sh --peers intel,mpich5 --settings shm2 --collectives all_reduce --sizes 8,32768 --rounds 3
    benchmarks/compare.sh --from build/compare/latest.json    tables and pictures again, of what was measured then
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import network
import plan as plans
import tables
from libraries import ROOT, Library, Places, libraries, with_own_memory
from runs import Session, say, scale


def parse() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(prog="benchmarks/compare.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true")
    how.add_argument("--smoke", action="store_true")
    how.add_argument("--from", dest="source", type=Path, help="a JSON file of an earlier run")
    parser.add_argument("--peers", type=names, help="only these: openmpi4 mpich4 openmpi5 mpich5 intel gloo")
    parser.add_argument("--settings", type=names, help="only these: shm2 shm4 tcp2")
    parser.add_argument("--collectives", type=names, help="only these")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], help="bytes, instead of the plan's")
    parser.add_argument("--rounds", type=int, help="process starts of each library")
    parser.add_argument("--seconds", type=float, help="time for each size in each start")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where tutti was built")
    parser.add_argument("--results", type=Path, help="the Markdown file that takes the tables; pictures go beside it")
    parser.add_argument("--plan", action="store_true", help="only say what would be measured")
    return parser.parse_args()


def chosen_plan(arguments: argparse.Namespace) -> plans.Plan:
    plan = plans.smoke() if arguments.smoke else plans.quick() if arguments.quick else plans.full()
    settings = []
    for setting in plan.settings:
        sizes = {collective: arguments.sizes or listed for collective, listed in setting.sizes.items()
                 if not arguments.collectives or collective in arguments.collectives}
        if sizes and (not arguments.settings or setting.name in arguments.settings):
            settings.append(dataclasses.replace(setting, sizes=sizes))
    changes = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    return dataclasses.replace(plan, settings=settings, **{name: value for name, value in changes.items() if value})


def machine() -> str:
    processor = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    kernel = ".".join(platform.release().split(".")[:2])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{processor.group(1) if processor else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {kernel}"


def revision() -> str:
    described = subprocess.run(("git", "-C", str(ROOT), "describe", "--always", "--dirty"), capture_output=True, text=True, check=False)
    return described.stdout.strip() or "of no revision"


def divide(plan: plans.Plan, places: Places, arguments: argparse.Namespace) -> tuple[list[Library], list[dict]]:
    """Those that can run, and why the others cannot."""
    wanted = [library for library in libraries(places)
              if library.name == "tutti" or not arguments.peers or library.name in arguments.peers]
    reasons = {library: library.why_not() for library in wanted}
    for library in wanted:
        if arguments.smoke and not arguments.peers and library.name not in ("tutti", "openmpi4", "mpich4"):
            reasons[library] = "the smoke test keeps to what is in Debian"
        elif library.name == "gloo" and not plan.gloo and not arguments.peers:
            reasons[library] = "it takes seconds to start: only in the whole comparison, or with --peers gloo"
    return ([library for library in wanted if not reasons[library]],
            [{"what": library.title, "why": why} for library, why in reasons.items() if why])


def print_plan(plan: plans.Plan, present: list[Library], absent: list[dict]) -> None:
    names = [library.name for library in present]
    estimate_s = plans.round_seconds(plan, names) * plan.rounds + plan.bound_rounds * 40 + 15
    print(f"{plan.rounds} rounds of {', '.join(library.title for library in present)};", file=sys.stderr)
    for setting in plan.settings:
        sizes = "; ".join(f"{collective} {len(listed)} sizes" for collective, listed in setting.sizes.items())
        print(f"  {setting.title}: {sizes}", file=sys.stderr)
    for one in absent:
        print(f"  not run: {one['what']}: {one['why']}", file=sys.stderr)
    print(f"about {estimate_s / 60:.0f} min; a round that would not end within {plan.budget_s / 60:.0f} min is left out", file=sys.stderr)


def measure(plan: plans.Plan, places: Places, arguments: argparse.Namespace) -> tuple[dict, bool]:
    present, absent = divide(plan, places, arguments)
    if no_network := network.why_not() if any(setting.tcp for setting in plan.settings) else None:
        absent.append({"what": "TCP between two network namespaces", "why": no_network})
        plan = dataclasses.replace(plan, settings=[setting for setting in plan.settings if not setting.tcp])
    print_plan(plan, present, absent)
    if arguments.plan:
        sys.exit(0)
    if not any(library.name == "tutti" for library in present):
        sys.exit("tutti's drivers are not built")
    data = {"machine": machine(), "date": f"{datetime.datetime.now():%Y-%m-%d %H:%M}", "revision": revision(),
            "command": shlex.join(["benchmarks/compare.sh", *sys.argv[1:]]), "seconds": plan.seconds, "absent": absent,
            "libraries": {library.name: library.title for library in present},
            "settings": [dataclasses.asdict(setting) for setting in plan.settings]}
    with network.TwoHosts() if any(setting.tcp for setting in plan.settings) else contextlib.nullcontext() as hosts:
        session = Session(plan, present, with_own_memory(places), places, hosts)
        session.measure()
        data |= session.data | {"congestion": hosts.congestion if hosts else "not used"}
    say("128 processes")
    data["scale"] = scale(places)
    say("")
    return data, session.failed or data["scale"]["failed"]


def keep(data: dict) -> Path:
    folder = ROOT / "build/compare"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.json"
    kept.write_text(json.dumps(data, indent=1) + "\n")
    latest = folder / "latest.json"
    latest.unlink(missing_ok=True)
    latest.symlink_to(kept.name)
    return kept


def pictures(source: Path, folder: Path, places: Places) -> list[str]:
    """The settings that were drawn; none, and a word on why, without matplotlib."""
    python = places.peers / "plots/bin/python"
    if not python.exists():
        print("no pictures: matplotlib is not there (benchmarks/peers/setup.sh plots)", file=sys.stderr)
        return []
    drawn = subprocess.run((str(python), "-B", str(ROOT / "benchmarks/compare/plots.py"), str(source), str(folder)),
                           stdout=subprocess.PIPE, text=True, check=False)
    return drawn.stdout.split()


def smoke_summary(data: dict) -> str:
    went_well = [run for run in data["runs"] if not run["problem"]]
    wrong = sum(row["wrong"] for run in data["runs"] for row in run["rows"])
    return (f"{len(went_well)} of {len(data['runs'])} runs went well, {wrong} wrong elements on rank 0; "
            f"{sum(1 for run in data['runs'] if run['library'].startswith('tutti'))} of the runs were tutti's")


def interrupt(*_) -> None:
    """As the keyboard does: whole rounds are kept, namespaces removed."""
    raise KeyboardInterrupt


def main() -> int:
    arguments = parse()
    signal.signal(signal.SIGTERM, interrupt)
    places = Places(arguments.build.resolve(), Path(os.environ.get("TUTTI_PEERS", ROOT / "build/peers")).resolve())
    failed = False
    if arguments.source:
        data, kept = json.loads(arguments.source.read_text()), arguments.source
    else:
        data, failed = measure(chosen_plan(arguments), places, arguments)
        kept = keep(data)
    if arguments.smoke:
        print(smoke_summary(data))
        return 1 if failed else 0
    results = arguments.results or ROOT / "build/compare/RESULTS.md"
    data |= {"pictures": pictures(kept, results.parent / "results", places), "pictures_folder": "results"}
    tables.write(results, data)
    print(tables.report(data))
    print(f"\nKept: {kept}; tables: {results}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
