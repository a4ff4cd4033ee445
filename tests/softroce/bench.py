"""bench.sh's table. Called as `bench.py inside …` within the machine: measures, and leaves $OUT/figures.json."""

import argparse
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(os.environ.get("TUTTI_PEERS", ROOT / "build/peers"))
LIMIT_S = 120  # of one program

P2P_SIZES = (64 << 10, 256 << 10, 1 << 20, 4 << 20)
REDUCED_SIZES = (8, 2048, 32 << 10, 512 << 10, 8 << 20)


# ---- Inside: each function gives {figure: value}, or nothing where the program failed. run() gives what a program printed, "" for one
# that was cut off, None for one that failed.

def run(words, **environment):
    try:
        done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"cut off: {shlex.join(words)} did not end within {LIMIT_S} s", file=sys.stderr)
        return ""
    if done.returncode != 0:
        print(f"left out: {shlex.join(words)}: {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return done.stdout


def perftest(program, size, iterations, column, *more):
    """A server on host 1 and a client on host 0; the column of the client's row."""
    options = ["-x", "1", "-F", "-s", str(size), "-n", str(iterations), *more]
    server = subprocess.Popen([program, "-d", "rxe1_0", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while subprocess.run(["sh", "-c", "grep -q ':4853 .* 0A ' /proc/net/tcp /proc/net/tcp6"]).returncode != 0:
            if server.poll() is not None:
                return None
        out = run([program, "-d", "rxe0_0", *options, "10.77.0.2"])
    finally:
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    rows = [line.split() for line in (out or "").splitlines() if line.split()[:2] == [str(size), str(iterations)]]
    return float(rows[0][column]) if rows else None


def bare_verbs(_):
    figures = {("latency", 8): perftest("ib_write_lat", 8, 1000, 4)}
    # Both hosts write at once, one message each at a time: what two ranks of an all-reduce cannot do without.
    millions = perftest("ib_write_bw", 8, 2000, 4, "-b", "-t", "1")
    figures["exchange", 8] = 2 / millions if millions else None
    figures["both", P2P_SIZES[-1]] = perftest("ib_write_bw", P2P_SIZES[-1], 5, 3, "-b")  # of both ways together
    for size in P2P_SIZES:
        figures["bandwidth", size] = perftest("ib_write_bw", size, max(5, (8 << 20) // size), 3)
    return figures


# The MPI libraries and perftest's latency test never sleep; in its bandwidth test the receiver sleeps, and leaves its processor to
# the driver. So do tutti's, beside perftest; beside the libraries it runs with its own defaults.
SPINNING, SLEEPING = {"TUTTI_SPIN_US": "1000000"}, {"TUTTI_SPIN_US": "0"}


def point_to_point(build, *arguments):
    figures = {}
    for wanted, environment in (("latency", SPINNING), ("bandwidth", SLEEPING)):
        out = run(["softroce", "ranks", "1", str(build / "benchmarks/micro/point_to_point"), *arguments], **environment)
        rows = [line.split() for line in (out or "").splitlines()]
        figures |= {(what, int(size)): float(value) for what, size, value in rows if what == wanted}
    return figures


def all_reduce(start):
    """start(options) gives what starts two ranks of a driver with these options: words, environment."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        shared, rows = pathlib.Path(folder, "shared"), pathlib.Path(folder, "rows")
        shared.touch()
        options = ["--shared", str(shared), "--json", str(rows), "--collective", "all_reduce", "--places", "0", "--seconds", "0.3", "--slices", "2",
                   "--min-samples", "2", "--sizes", ",".join(map(str, REDUCED_SIZES))]
        words, environment = start(options)
        if run(words, **environment) is None or not rows.exists():
            return {}
        # Who was cut off has left what it had until then.
        measured = [row for row in json.loads(rows.read_text()) if row["wrong"] == 0]
        return {("all_reduce", row["size"]): row["time_us_median"] for row in measured}


def tutti_reduces(build):
    driver = shlex.quote(str(build / "benchmarks/peers/peer_tutti"))
    return all_reduce(lambda options: (
        ["softroce", "ranks", "1", "sh", "-c", f'exec {driver} --rank "$RANK" {shlex.join(options)}'], {}))


# UCX's own test of whether two RoCE devices reach each other knows nothing of the bed's routing tables.
UCX = {"UCX_TLS": "rc_v,self", "UCX_IB_ROCE_REACHABILITY_MODE": "all"}


def on_own_device(rank_variable, driver, options):
    return ["sh", "-c", f'UCX_NET_DEVICES=rxe${{{rank_variable}}}_0:1 exec {shlex.quote(str(driver))} {shlex.join(options)}']


def openmpi(_):
    words = [str(PEERS / "openmpi5/bin/mpirun"), "--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-n", "2",
             "--mca", "pml", "ucx", "--mca", "opal_common_ucx_tls", "any", "--mca", "opal_common_ucx_devices", "any"]
    return all_reduce(lambda options: (
        [*words, *on_own_device("OMPI_COMM_WORLD_RANK", PEERS / "peer_openmpi5", options)], UCX))


def mpich(_):
    words = [str(PEERS / "mpich5/bin/mpiexec.hydra"), "-n", "2"]
    return all_reduce(lambda options: (
        [*words, *on_own_device("PMI_RANK", PEERS / "peer_mpich5", options)],
        {**UCX, "MPIR_CVAR_CH4_NETMOD": "ucx", "MPIR_CVAR_NOLOCAL": "1"}))


PROGRAMS = {
    "perftest": bare_verbs,
    "tutti": lambda build: {**point_to_point(build), **tutti_reduces(build)},
    "tutti, zero copy": lambda build: point_to_point(build, "--tutti-memory"),
    "Open MPI 5.0": openmpi,
    "MPICH 5.0": mpich,
}


def inside(build, rounds):
    samples = {}
    for number in range(rounds):
        order = list(PROGRAMS) if number % 2 == 0 else list(reversed(PROGRAMS))
        for name in order:
            for figure, value in PROGRAMS[name](build).items():
                if value is not None:
                    samples.setdefault(name, {}).setdefault("{} {}".format(*figure), []).append(value)
    medians = {name: {figure: statistics.median(values) for figure, values in own.items()} for name, own in samples.items()}
    pathlib.Path(os.environ["OUT"], "figures.json").write_text(json.dumps({"medians": medians, "samples": samples}))


# ---- Outside: a boot for each MTU, and the tables

def size_text(size):
    return f"{size} B" if size < 1024 else f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"


def text(value):
    return "-" if value is None else f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def ratio(value, reference):
    return f"**{value / reference:.2f}**" if value and reference else "-"


def table(head, rows):
    print("|", " | ".join(head), "|")
    print("|", " | ".join(["---"] + ["---:"] * (len(head) - 1)), "|")
    for row in rows:
        print("|", " | ".join(row), "|")
    print()


def point_to_point_rows(figures):
    for what, sizes in (("latency", (8,)), ("bandwidth", P2P_SIZES)):
        for size in sizes:
            bare, tutti, direct = (figures.get(name, {}).get(f"{what} {size}") for name in ("perftest", "tutti", "tutti, zero copy"))
            label = f"one way, {size_text(size)}, µs" if what == "latency" else f"{size_text(size)}, MiB/s"
            yield [label, text(bare), text(tutti), text(direct), ratio(tutti, bare), ratio(direct, bare)]


def all_reduce_rows(figures):
    latency, exchange, bandwidth, both = (figures.get("perftest", {}).get(figure) for figure in (
        "latency 8", "exchange 8", f"bandwidth {P2P_SIZES[-1]}", f"both {P2P_SIZES[-1]}"))
    for size in REDUCED_SIZES:
        tutti, *peers = (figures.get(name, {}).get(f"all_reduce {size}") for name in ("tutti", "Open MPI 5.0", "MPICH 5.0"))
        best = min((peer for peer in peers if peer), default=None)
        bound = "-"
        if size == REDUCED_SIZES[0]:
            bound = f"{ratio(tutti, latency)} × ib_write_lat, {ratio(tutti, exchange)} × both ways at once"
        elif size == REDUCED_SIZES[-1] and tutti and bandwidth:  # of two ranks, bus bandwidth is size / time
            bus = size / tutti * 1e6 / (1 << 20)
            bound = f"{ratio(bus, bandwidth)} of ib_write_bw, {ratio(bus, both and both / 2)} of its both ways, each"
        yield [size_text(size), text(tutti), *map(text, peers), ratio(best, tutti), bound]


def measure(mtu, build, rounds):
    with tempfile.TemporaryDirectory(prefix="softroce-bench-") as folder:
        command = [str(ROOT / "tests/softroce/run.sh"), "--mtu", str(mtu), "--memory", "3072", "--timeout", str(rounds * 600), "--out",
                   folder, sys.executable, "-B", __file__, "inside", "--build", str(build), "--rounds", str(rounds)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return json.loads(pathlib.Path(folder, "figures.json").read_text())["medians"]


def outside(build, rounds, mtus):
    for mtu in mtus:
        figures = measure(mtu, build, rounds)
        print(f"### MTU of the interfaces {mtu}: {4096 if mtu >= 4200 else 1024} bytes a packet\n")
        table(["point to point", "perftest", "tutti", "zero copy", "tutti / perftest", "zero copy / perftest"],
              point_to_point_rows(figures))
        table(["all-reduce, 2 ranks, µs", "tutti", "Open MPI 5.0", "MPICH 5.0", "ahead", "target"], all_reduce_rows(figures))


def main():
    parser = argparse.ArgumentParser(prog="bench.sh", allow_abbrev=False)
    parser.add_argument("where", nargs="?", choices=("inside",))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--mtus", type=lambda text: [int(word) for word in text.split(",")], default=[1500, 9000])
    options = parser.parse_args()
    if options.where:
        inside(options.build.absolute(), options.rounds)
    else:
        outside(options.build.absolute(), options.rounds, options.mtus)


if __name__ == "__main__":
    main()
