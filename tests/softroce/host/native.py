"""Runs a command without a machine: in a network namespace of this kernel, where its Soft-RoCE driver knows namespaces.

Whether it does is found out by a ping-pong between two devices made there. Kernels before that support put the devices into
the first namespace instead, where they would reach nobody; then they are taken away again and nothing else has changed."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import job
from errors import BedError, say
from machine import die_with_parent

TIMED_OUT = 124
PROBE_LIMIT_S = 20
TOOLS = ("unshare", "ip", "rdma", "modprobe", "ibv_rc_pingpong")
MODULES = ("ib_uverbs", "rdma_cm", "rdma_ucm", "rdma_rxe", "bridge", "veth")

IN_NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
PING_PONG = "ibv_rc_pingpong -d rxe1_0 -g 1 -n 10 & sleep 1; ibv_rc_pingpong -d rxe0_0 -g 1 -n 10 localhost && wait $!"


def why_not(shape):
    """Why this run cannot be native; None: it can."""
    if shape.machines > 1:
        return "several machines need QEMU"
    if os.geteuid() != 0:
        return "this needs root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"{missing[0]} is missing"
    absent = [name for name in MODULES if not pathlib.Path("/sys/module", name).exists()]
    if absent and subprocess.run(("modprobe", "-a", *absent), capture_output=True).returncode != 0:
        return f"the kernel {os.uname().release} has no rdma_rxe"
    if existing := devices():
        return f"there are Soft-RoCE devices already: {' '.join(existing)}"
    if run(job.Shape(1, 1, 2, 1500, ""), ["sh", "-c", PING_PONG], PROBE_LIMIT_S, None, quiet=True) != 0:
        return f"the driver of {os.uname().release} does not work in network namespaces"
    return None


def devices():
    return sorted(path.name for path in pathlib.Path("/sys/class/infiniband").glob("rxe*_*"))


def run(shape, command, limit_s, out, quiet=False):
    """The command's exit status."""
    with tempfile.TemporaryDirectory(prefix=f"softroce-{os.getpid()}-") as folder:
        shared = out or pathlib.Path(folder) / "out"
        shared.mkdir(parents=True, exist_ok=True)
        job.write_machine(folder, shape, 0, shared)
        job.write_command(folder, shape, 0, shared, command)
        output = subprocess.DEVNULL if quiet else None
        process = subprocess.Popen((*IN_NAMESPACES, job.GUEST / "native", folder), stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output, preexec_fn=die_with_parent)
        try:
            status = process.wait(limit_s)
            if not quiet and not (pathlib.Path(folder) / "begun").exists():
                raise BedError(f"The rails could not be made: {(pathlib.Path(folder) / 'console').read_text()}")
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            if not quiet:
                say(f"the command did not end within {limit_s:g} s (--timeout), so it was ended")
            return TIMED_OUT
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            take_away_devices()


def take_away_devices():
    """Those that a driver without namespaces has put where all see them; the others have gone with the namespace."""
    for name in devices():
        subprocess.run(("rdma", "link", "delete", name), capture_output=True)
