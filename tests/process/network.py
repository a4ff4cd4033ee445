"""Two network namespaces joined by a veth pair: two hosts of one machine."""

import os
import shutil
import subprocess
import unittest


def ip(*words):
    return subprocess.run(("ip", *words), check=True, capture_output=True, text=True).stdout


def why_not():
    """Why this machine cannot have them; None: it can."""
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"tutti-probe-{os.getpid()}"
    made = subprocess.run(("ip", "netns", "add", probe), capture_output=True, text=True)
    if made.returncode != 0:
        return f"this system gives no network namespaces: {made.stderr.strip()}"
    subprocess.run(("ip", "netns", "delete", probe), check=False)
    return None


class TwoHosts:
    """Host 0 and host 1, with `addresses` of each ({"ipv4": …, "ipv6": …}). Used as a context."""

    interface = "veth"
    addresses = ({"ipv4": "10.213.77.1", "ipv6": "fd00:7:7e::1"}, {"ipv4": "10.213.77.2", "ipv6": "fd00:7:7e::2"})

    def __init__(self):
        self.names = [f"tutti-{os.getpid()}-{host}" for host in range(2)]

    def __enter__(self):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        try:
            for name in self.names:
                ip("netns", "add", name)
            ip("link", "add", self.interface, "netns", self.names[0], "type", "veth",
               "peer", "name", self.interface, "netns", self.names[1])
            for name, addresses in zip(self.names, self.addresses):
                ip("-n", name, "address", "add", addresses["ipv4"] + "/24", "dev", self.interface)
                ip("-n", name, "address", "add", addresses["ipv6"] + "/64", "dev", self.interface, "nodad")
                ip("-n", name, "link", "set", "lo", "up")
                ip("-n", name, "link", "set", self.interface, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names:  # the pair goes with either end
            subprocess.run(("ip", "netns", "delete", name), check=False, capture_output=True)

    def on(self, host):
        """What starts a program on this host."""
        return ("ip", "netns", "exec", self.names[host])

    def cut(self):
        ip("-n", self.names[0], "link", "set", self.interface, "down")
