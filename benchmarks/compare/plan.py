"""What is measured: settings, collectives, sizes, how long, and how long all of it takes."""

from __future__ import annotations

from dataclasses import dataclass

COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "alltoall")
KIB, MIB = 1 << 10, 1 << 20

STEP_OF_FOUR = [8, 512, 2 * KIB, 8 * KIB, 32 * KIB, 128 * KIB, 512 * KIB, 2 * MIB, 8 * MIB, 32 * MIB]


@dataclass(frozen=True)
class Setting:
    name: str
    title: str
    ranks: int
    tcp: bool
    sizes: dict[str, list[int]]  # collective -> bytes

    @property
    def places(self) -> bool:
        """Whether samples are tagged with where the cores are: whatever passes between two cores depends on it, TCP too."""
        return self.ranks == 2


@dataclass(frozen=True)
class Plan:
    settings: list[Setting]
    rounds: int
    seconds: float        # for each size of a start
    limit_s: float        # of a peer's start; then it is cut off
    own_limit_s: float    # of a start of tutti's, and of what measures the machine
    budget_s: float       # no new round begins that would not end in it
    bound_sizes: list[int]
    bound_rounds: int
    alloc_sizes: list[int]
    gloo: bool = False
    options: tuple[str, ...] = ()  # more of them for every driver
    asserts_ends: bool = False     # whether a start of tutti's that is cut off is a failure, not only a slow machine


def settings(all_reduce: dict[str, list[int]], others: dict[str, list[int]]) -> list[Setting]:
    """`others` are the sizes of the other collectives; none: these are left out."""
    titles = {"shm2": "Shared memory, 2 ranks", "shm4": "Shared memory, 4 ranks on two cores",
              "tcp2": "TCP between two network namespaces, 2 ranks"}

    def sizes(name: str) -> dict[str, list[int]]:
        by_collective = {collective: others.get(name, []) for collective in COLLECTIVES}
        return {collective: listed for collective, listed in (by_collective | {"all_reduce": all_reduce[name]}).items() if listed}

    return [Setting(name, title, int(name[-1]), name.startswith("tcp"), sizes(name))
            for name, title in titles.items() if name in all_reduce]


def full() -> Plan:
    return Plan(
        settings=settings(
            {"shm2": [*STEP_OF_FOUR, 64 * MIB, 128 * MIB, 256 * MIB],
             "shm4": [8, 2 * KIB, 32 * KIB, 512 * KIB, 8 * MIB, 64 * MIB],
             "tcp2": [8, 2 * KIB, 32 * KIB, 128 * KIB, 512 * KIB, 2 * MIB, 8 * MIB, 32 * MIB, 128 * MIB]},
            {"shm2": [8, 2 * KIB, 8 * KIB, 32 * KIB, 128 * KIB, 512 * KIB, 2 * MIB, 8 * MIB, 32 * MIB],
             "shm4": [32, 32 * KIB, 512 * KIB, 8 * MIB],
             "tcp2": [8, 32 * KIB, 512 * KIB, 8 * MIB]}),
        rounds=7, seconds=0.12, limit_s=20, own_limit_s=60, budget_s=38 * 60,
        bound_sizes=[2 * KIB, 32 * KIB, 128 * KIB, 512 * KIB, 2 * MIB, 8 * MIB, 32 * MIB, 128 * MIB, 256 * MIB],
        bound_rounds=5, alloc_sizes=[64 * MIB, 128 * MIB, 256 * MIB], gloo=True)


def quick() -> Plan:
    few = [8, 2 * KIB, 32 * KIB, 512 * KIB, 8 * MIB, 64 * MIB]
    return Plan(
        settings=settings({"shm2": few, "shm4": few[:-1:2] + [8 * MIB], "tcp2": few[:-1]},
                          {"shm2": [8, 32 * KIB, 2 * MIB], "shm4": [], "tcp2": []}),
        rounds=5, seconds=0.06, limit_s=8, own_limit_s=30, budget_s=4.5 * 60,
        bound_sizes=[2 * KIB, 32 * KIB, 512 * KIB, 8 * MIB, 64 * MIB], bound_rounds=1, alloc_sizes=[64 * MIB])


def smoke() -> Plan:
    """One round of everything that needs nothing but Debian: that it runs and that results are right."""
    few = [8, 32 * KIB, 2 * MIB]
    return Plan(settings=settings({name: few for name in ("shm2", "shm4", "tcp2")}, {name: few for name in ("shm2", "tcp2")}),
                rounds=1, seconds=0.02, limit_s=10, own_limit_s=60, budget_s=100, bound_sizes=[2 * KIB, 2 * MIB], bound_rounds=1,
                alloc_sizes=[2 * MIB], options=("--slices", "2", "--min-samples", "2", "--max-samples", "50"), asserts_ends=True)


def start_seconds(library: str, sizes: list[int], seconds: float) -> float:
    """About how long one start takes: coming up, its time for each size, and calls that alone take longer."""
    comes_up = {"tutti": 0.15, "openmpi4": 0.5, "openmpi5": 1.3, "gloo": 4.5}.get(library, 0.25)
    slow = 0.4e-9 if library == "gloo" else 0.25e-9  # seconds for each byte of a call
    return comes_up + sum(max(seconds * 1.3, 14 * size * slow) + 3e-9 * size for size in sizes)


def round_seconds(plan: Plan, names: list[str]) -> float:
    """About how long one round takes."""
    calls = [(library, sizes) for setting in plan.settings for sizes in setting.sizes.values() for library in names]
    return sum(start_seconds(library, sizes, plan.seconds) for library, sizes in calls)
