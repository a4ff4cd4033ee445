"""The cables between machines: one a rail, and one for the control network. A cable is a pair of connected sockets that two
QEMUs inherit, so it needs no port or path and is gone with them. With more than two machines, machine 0 holds a hub."""

import dataclasses
import socket

CONTROL = "control"


@dataclasses.dataclass
class Nic:
    """A NIC of one machine: QEMU's arguments, and the sockets that they name."""

    arguments: list
    sockets: list

    @property
    def descriptors(self):
        return [end.fileno() for end in self.sockets]


def mac_address(segment, machine):
    """guest/rails finds its interfaces by these."""
    return f"52:54:00:76:00:{machine:02x}" if segment == CONTROL else f"52:54:00:77:{segment:02x}:{machine:02x}"


def nic(name, machine, segment, ends):
    arguments = []
    for number, end in enumerate(ends):
        arguments += ["-netdev", f"socket,id={name}s{number},fd={end.fileno()}"]
    peer = f"{name}s0"
    if len(ends) > 1:
        for number in range(len(ends)):
            arguments += ["-netdev", f"hubport,id={name}h{number},hubid={hub_of(segment)},netdev={name}s{number}"]
        peer = f"{name}h"
        arguments += ["-netdev", f"hubport,id={peer},hubid={hub_of(segment)}"]
    arguments += ["-device", f"virtio-net-pci,netdev={peer},mac={mac_address(segment, machine)},romfile="]
    return Nic(arguments, ends)


def hub_of(segment):
    """A hub's number, which counts within its QEMU: 0 is the control network's."""
    return 0 if segment == CONTROL else 1 + segment


def connect(machines, rails):
    """The NICs of each machine, as a list of lists; none where there is one machine."""
    nics = [[] for _ in range(machines)]
    if machines == 1:
        return nics
    for segment in (CONTROL, *range(rails)):
        cables = [socket.socketpair() for _ in range(machines - 1)]
        nics[0].append(nic(f"net{segment}", 0, segment, [first for first, _ in cables]))
        for machine, (_, second) in enumerate(cables, start=1):
            nics[machine].append(nic(f"net{segment}", machine, segment, [second]))
    return nics
