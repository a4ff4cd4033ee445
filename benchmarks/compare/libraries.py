"""tutti and its peers: how each is started, on this host or on two, and why it cannot be."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from network import TwoHosts

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "benchmarks/peers"


@dataclass(frozen=True)
class Places:
    """Where things were built."""
    tutti: Path  # a build of tutti
    peers: Path  # what setup.sh makes

    def driver(self, name: str) -> Path:
        return self.tutti / "benchmarks/peers" / name


@dataclass(frozen=True)
class Start:
    command: list[str]
    environment: dict[str, str]


class Library:
    """One of them. `options` are the driver's; `hosts` None: all ranks on this host, over shared memory."""

    def __init__(self, name: str, title: str, places: Places):
        self.name, self.title, self.places = name, title, places

    def why_not(self) -> str | None:
        raise NotImplementedError

    def start(self, ranks: int, options: list[str], hosts: TwoHosts | None) -> Start:
        raise NotImplementedError


class Tutti(Library):
    def __init__(self, places: Places, name: str = "tutti", title: str = "tutti", extra: tuple[str, ...] = ()):
        super().__init__(name, title, places)
        self._extra = extra

    def why_not(self):
        program = self.places.driver("peer_tutti")
        return None if program.exists() else f"{program.name} is not built"

    def start(self, ranks, options, hosts):
        inside = ["--namespaces", ",".join(hosts.names)] if hosts else []
        return Start([str(self.places.driver("peer_tutti")), *options, *self._extra, "-n", str(ranks), *inside], {})


class Gloo(Library):
    def __init__(self, places: Places):
        super().__init__("gloo", "Gloo (PyTorch 2.13)", places)
        self._python = places.peers / "gloo/bin/python"

    def why_not(self):
        if not (self.places.peers / "gloo/.ready").exists():
            return "PyTorch's wheel is not there (large: benchmarks/peers/setup.sh gloo)"
        return None if self.places.driver("libpeer_gloo.so").exists() else "libpeer_gloo.so is not built"

    def start(self, ranks, options, hosts):
        inside = ["--namespaces", ",".join(hosts.names)] if hosts else []
        environment = {"GLOO_SOCKET_IFNAME": hosts.interface if hosts else "lo"}
        return Start([str(self._python), "-B", "-W", "ignore", str(SCRIPTS / "peer_gloo.py"), "--harness",
                      str(self.places.driver("libpeer_gloo.so")), *options, "-n", str(ranks), *inside], environment)


class Mpi(Library):
    """An MPI: its launcher starts the driver; on two hosts the launcher runs on the first, and enter.sh is its ssh."""

    def __init__(self, name: str, title: str, places: Places, launcher: str, driver: str,
                 environment: dict[str, str] | None = None, tcp: dict[str, str] | None = None):
        super().__init__(name, title, places)
        self._launcher = launcher if "/" not in launcher else str(places.peers / launcher)
        self._driver = places.peers / driver
        self._environment, self._tcp = environment or {}, tcp or {}

    def why_not(self):
        if shutil.which(self._launcher) is None:
            return f"{Path(self._launcher).name} is not there (benchmarks/peers/setup.sh {self.name})"
        return None if self._driver.exists() else f"{self._driver.name} is not built (benchmarks/peers/setup.sh {self.name})"

    def start(self, ranks, options, hosts):
        words = [self._launcher, *self.launch(ranks, hosts), str(self._driver), *options]
        if hosts is None:
            return Start(words, self._environment)
        return Start([str(SCRIPTS / "enter.sh"), hosts.addresses[0], "exec " + shlex.join(words)],
                     self._environment | self._tcp | hosts.environment)

    def launch(self, ranks: int, hosts: TwoHosts | None) -> list[str]:
        raise NotImplementedError


class OpenMpi(Mpi):
    def launch(self, ranks, hosts):
        # Bound, both ranks would sit on core 0: each host's launcher counts its own ranks only.
        words = ["--allow-run-as-root", "--bind-to", "none", "--oversubscribe", "-n", str(ranks)]
        if hosts is None:
            return words
        each = -(-ranks // 2)
        words += ["--host", ",".join(f"{address}:{each}" for address in hosts.addresses), "--mca", "pml", "ob1",
                  "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", hosts.interface]
        if self.name == "openmpi4":
            return [*words, "--mca", "plm_rsh_agent", str(SCRIPTS / "enter.sh"), "--mca", "oob_tcp_if_include", hosts.interface]
        return [*words, "--prtemca", "plm_ssh_agent", str(SCRIPTS / "enter.sh"), "--prtemca", "prte_if_include", hosts.interface]


class Hydra(Mpi):
    """MPICH and what descends from it."""

    def launch(self, ranks, hosts):
        words = ["-n", str(ranks)]
        if hosts is None:
            return words
        return [*words, "-ppn", str(-(-ranks // 2)), "-hosts", ",".join(hosts.addresses), "-iface", hosts.interface,
                "-launcher", "ssh", "-launcher-exec", str(SCRIPTS / "enter.sh")]


def libraries(places: Places) -> list[Library]:
    ucx = {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": TwoHosts.interface}
    return [
        Tutti(places),
        OpenMpi("openmpi4", "Open MPI 4.1", places, "mpirun.openmpi", "peer_openmpi4"),
        Hydra("mpich4", "MPICH 4.0", places, "mpiexec.mpich", "peer_mpich4", tcp=ucx),
        OpenMpi("openmpi5", "Open MPI 5.0", places, "openmpi5/bin/mpirun", "peer_openmpi5"),
        # Of its two ways to TCP, UCX measured faster here than libfabric at every size.
        Hydra("mpich5", "MPICH 5.0", places, "mpich5/bin/mpiexec.hydra", "peer_mpich5",
              tcp=ucx | {"MPIR_CVAR_CH4_NETMOD": "ucx"}),
        Hydra("intel", "Intel MPI 2021.18", places, "intel/bin/mpiexec.hydra", "peer_mpich5",
              {"LD_LIBRARY_PATH": str(places.peers / "intel/lib"), "I_MPI_PIN": "0"},
              tcp={"I_MPI_FABRICS": "ofi", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": TwoHosts.interface}),
        Gloo(places),
    ]


def with_own_memory(places: Places) -> Library:
    return Tutti(places, "tutti_alloc", "tutti, tuttiMemAlloc", ("--alloc",))
