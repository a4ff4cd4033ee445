"""What a machine is to do, written into the folder that it shares with the host: `machine`, variables that the scripts of
guest/ read, and `command`, which gives the user's command the folder, the environment and the arguments that it would have
had here."""

import dataclasses
import os
import pathlib
import re
import shlex

from kernel import GUEST

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PORT = 29500  # torchrun's default
UNSHARED_OUT = "/softroce-out"  # $OUT where the user wants no files back


@dataclasses.dataclass
class Shape:
    """How many machines, which hosts each of them plays, and the wire among them."""

    machines: int
    rails: int
    hosts_per_machine: int
    mtu: int
    netem: str  # arguments of netem on every interface; "": none

    def hosts_of(self, machine):
        first = machine * self.hosts_per_machine
        return range(first, first + self.hosts_per_machine)


def assignments(variables, export=""):
    return "".join(f"{export}{name}={shlex.quote(str(value))}\n" for name, value in variables.items())


def identity(shape, machine):
    """The variables that tell a command where it is."""
    return {
        "SOFTROCE_MACHINES": shape.machines,
        "SOFTROCE_MACHINE": machine,
        "SOFTROCE_RAILS": shape.rails,
        "SOFTROCE_HOSTS": " ".join(map(str, shape.hosts_of(machine))),
    }


def write_machine(folder, shape, machine, shared):
    """shared: the folder of the host that is $OUT, or None."""
    variables = {**identity(shape, machine), "RAIL_MTU": shape.mtu, "RAIL_NETEM": shape.netem, "GUEST_FOLDER": GUEST,
                 "OUT": shared or UNSHARED_OUT, "OUT_IS_SHARED": "yes" if shared else "no"}
    (pathlib.Path(folder) / "machine").write_text(assignments(variables))


def write_command(folder, shape, machine, shared, command):
    variables = {name: value for name, value in os.environ.items() if VARIABLE.fullmatch(name)}
    variables.setdefault("MASTER_ADDR", "127.0.0.1" if shape.machines == 1 else "10.76.0.1")
    variables.setdefault("MASTER_PORT", str(PORT))
    variables.update(identity(shape, machine), OUT=shared or UNSHARED_OUT,
                     PATH=f"{GUEST}/bin:{os.environ.get('PATH', os.defpath)}")
    text = (assignments(variables, export="export ") +
            f"cd {shlex.quote(os.getcwd())} || exit 125\n"
            "ulimit -l unlimited\n"
            f"exec {shlex.join(command)}\n")
    (pathlib.Path(folder) / "command").write_text(text, errors="surrogateescape")
