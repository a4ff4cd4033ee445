"""tests/softroce/run.sh: runs a command where real Soft-RoCE devices exist. README.md of the folder above is its manual."""

import argparse
import pathlib
import signal
import sys

import native
from accelerator import choose
from errors import BED_FAILED, BedError, say
from job import Shape
from kernel import prepare
from machine import Resources
from qemu import Bed

BOOT_LIMIT_S = 300  # a boot takes six seconds of both cores, which others may be using
BOOTS = 2

BOUNDS = {"rails": (0, 16), "machines": (1, 8), "hosts": (1, 16), "mtu": (1280, 9000), "timeout": (0.1, 10**6), "cpus": (1, 64),
          "memory": (256, 10**6)}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.sh", description="Runs a command where real Soft-RoCE devices exist.",
                                     usage="run.sh [options] COMMAND…", allow_abbrev=False)
    add = parser.add_argument
    add("--rails", type=int, default=1, metavar="N", help="rails, each with one rxe device a host (1)")
    add("--machines", type=int, default=1, metavar="N", help="QEMU machines, the command runs on each (1)")
    add("--hosts", type=int, metavar="N", help="hosts that a machine plays (2 where there is one machine, else 1)")
    add("--mtu", type=int, default=1500, metavar="BYTES", help="of the rails' interfaces: 1500 gives RoCE 1024, 9000 gives 4096")
    add("--loss", metavar="SHARE", help="loss on every rail, each way, as netem takes it: 0.1%%")
    add("--delay", metavar="TIME", help="delay on every rail, each way: 1ms")
    add("--rate", metavar="RATE", help="rate of every rail, each way: 100mbit")
    add("--timeout", type=float, default=600, metavar="S", help="seconds after which the command is ended, status 124 (600)")
    add("--out", type=pathlib.Path, metavar="DIR", help="the command finds this folder, writable, as $OUT; "
        "with several machines DIR/0, DIR/1 …")
    add("--cpus", type=int, default=2, metavar="N", help="of each machine (2)")
    add("--memory", type=int, default=2048, metavar="MIB", help="of each machine (2048)")
    add("--on", choices=("native", "qemu"), help="this kernel or QEMU; unless given, this kernel where it can")
    add("--accelerator", choices=("kvm", "tcg"), help="of QEMU; unless given, kvm where a machine boots with it, else tcg")
    add("--console", type=pathlib.Path, metavar="FILE", help="where to leave what the machines' kernels said")
    add("--update", action="store_true", help="fetches Debian's current kernel even if the cache has one")
    add("command", nargs=argparse.REMAINDER, metavar="COMMAND…")
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if not options.command:
        parser.error("a command is missing")
    for name, (low, high) in BOUNDS.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            parser.error(f"argument --{name}: {value:g} is not from {low} to {high}")
    return options


def shape_of(options):
    netem = " ".join(f"{word} {value}" for word in ("loss", "delay", "rate") if (value := getattr(options, word)))
    hosts = options.hosts or (2 if options.machines == 1 else 1)
    return Shape(options.machines, options.rails, hosts, options.mtu, netem)


def end_on_signal(number, _):
    raise SystemExit(128 + number)


def run_in_qemu(options, shape):
    kernel = prepare(options.update)
    resources = Resources(options.accelerator or choose(kernel), options.cpus, options.memory)
    out = options.out and options.out.absolute()
    for _ in range(BOOTS):
        with Bed(kernel, shape, resources, options.command, out, options.console) as bed:
            if bed.boot(BOOT_LIMIT_S):
                return bed.wait(options.timeout)
    raise BedError(f"No machine booted in {BOOTS} attempts.")


def run(options):
    """The command's exit status."""
    shape = shape_of(options)
    obstacle = None if options.on == "qemu" else native.why_not(shape)
    if options.on == "native" and obstacle:
        raise BedError(f"Not natively: {obstacle}.")
    if options.on == "qemu" or obstacle:
        return run_in_qemu(options, shape)
    return native.run(shape, options.command, options.timeout, options.out and options.out.absolute())


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    try:
        return run(options)
    except BedError as error:
        say(str(error))
        return BED_FAILED


sys.exit(main())
