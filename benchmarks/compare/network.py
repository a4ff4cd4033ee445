"""Two network namespaces joined by a veth pair: two hosts on one machine, for as long as the context lasts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

ALLOWED = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
CONGESTION = "cubic"
PREFIX = "tutti-compare-"


def ip(*words: str) -> str:
    return subprocess.run(("ip", *words), check=True, capture_output=True, text=True).stdout


def why_not() -> str | None:
    """Why this machine cannot have them; None: it can."""
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"tutti-probe-{os.getpid()}"
    made = subprocess.run(("ip", "netns", "add", probe), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"this system gives no network namespaces: {made.stderr.strip()}"
    subprocess.run(("ip", "netns", "delete", probe), check=False)
    return None


def remove(name: str) -> None:
    """A namespace and what still runs in it; a veth pair goes with either of its ends."""
    listed = subprocess.run(("ip", "netns", "pids", name), capture_output=True, text=True, check=False)
    for process in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    subprocess.run(("ip", "netns", "delete", name), check=False, capture_output=True)


def remove_orphans() -> None:
    """What a comparison left behind that was killed."""
    for line in ip("netns").splitlines():
        if (match := re.match(rf"({PREFIX}(\d+)-\d)\b", line)) and not Path(f"/proc/{match[2]}").exists():
            remove(match[1])


class TwoHosts:
    interface = "veth"
    addresses = ("10.213.78.1", "10.213.78.2")

    def __init__(self):
        self.names = [f"{PREFIX}{os.getpid()}-{host}" for host in range(2)]
        self.congestion = "what the kernel is set to"
        self._allowed = None

    def __enter__(self) -> TwoHosts:
        remove_orphans()
        try:
            self._allow_congestion()
            for name in self.names:
                ip("netns", "add", name)
            ip("link", "add", self.interface, "netns", self.names[0], "type", "veth",
               "peer", "name", self.interface, "netns", self.names[1])
            for name, address in zip(self.names, self.addresses):
                ip("-n", name, "address", "add", f"{address}/24", "dev", self.interface)
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "link", "set", self.interface, "up")
            self._set_congestion()
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for name in self.names:
            remove(name)
        if self._allowed is not None:
            ALLOWED.write_text(self._allowed)

    @property
    def environment(self) -> dict[str, str]:
        """What enter.sh needs."""
        hosts = zip(self.addresses, self.names)
        return {"TUTTI_COMPARE_HOSTS": " ".join(f"{address}={name}" for address, name in hosts)}

    def iperf3(self) -> dict[str, float] | str:
        """Bytes per second: one stream one way, and two streams, one each way at once, together. Or why not."""
        if shutil.which("iperf3") is None:
            return "iperf3 is not installed"
        return {"one_way": self._iperf3(), "both_ways": self._iperf3("--bidir")}

    def _iperf3(self, *options: str) -> float:
        inside = [("ip", "netns", "exec", name) for name in self.names]
        with subprocess.Popen((*inside[0], "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL) as server:
            try:
                for _ in range(50):  # until it listens
                    if ":5201" in subprocess.run((*inside[0], "ss", "-ltn"), capture_output=True, text=True).stdout:
                        break
                    time.sleep(0.05)
                client = subprocess.run((*inside[1], "iperf3", "-c", self.addresses[0], "-t", "2", "-J", *options),
                                        capture_output=True, text=True, check=True, timeout=30)
            finally:
                server.terminate()
        end = json.loads(client.stdout)["end"]
        return sum(value["bits_per_second"] / 8 for key, value in end.items() if key.startswith("sum_received"))

    def _allow_congestion(self) -> None:
        """A namespace may choose only what the machine allows: cubic is put on that list, and taken off again."""
        try:
            allowed = ALLOWED.read_text().strip()
            if CONGESTION not in allowed.split():
                ALLOWED.write_text(f"{allowed} {CONGESTION}")
                self._allowed = allowed
        except OSError:
            pass

    def _set_congestion(self) -> None:
        for name in self.names:
            done = subprocess.run(("ip", "netns", "exec", name, "sh", "-c",
                                   f"echo {CONGESTION} > /proc/sys/net/ipv4/tcp_congestion_control"),
                                  capture_output=True, check=False)
            if done.returncode != 0:
                return
        self.congestion = CONGESTION

    def _wait_until_up(self) -> None:
        """UCX takes no interface whose link is not up yet, and the kernel takes a moment to say so."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            states = [ip("-n", name, "-brief", "link", "show", self.interface).split()[1] for name in self.names]
            if states == ["UP", "UP"]:
                return
            time.sleep(0.05)
