"""What tutti is to reach, and whether it did: by how much not, and where."""

from __future__ import annotations

from dataclasses import dataclass

from bounds import Bounds
from figures import Line, geometric_mean, lines, size_text

MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """`mean`: best peer's time over tutti's, geometric mean over sizes and places; `worst`: at each size and place."""
    mean: float
    worst: float


OTHERS = Target(1.2, 1 / 1.1)
TARGETS = {("shm2", "all_reduce"): Target(1.6, 1.0), ("shm2", ""): OTHERS, ("shm4", ""): Target(1.5, 1.0), ("tcp2", ""): Target(1.25, 1.0)}

PING_FACTOR = 1.4
WIRE_SHARE = 0.9
WIRE_FROM = 8 * MIB
MEMORY_SHARE = 0.8
JOIN_S, PRIVATE_MIB = 5.0, 20.0


@dataclass(frozen=True)
class Verdict:
    what: str
    target: str
    reached: str
    met: bool | None  # None: not measured

    @property
    def text(self) -> str:
        return "not measured" if self.met is None else "met" if self.met else "**missed**"


def where(line: Line) -> str:
    return size_text(line.size) + ("" if line.place == "any" else f" {line.place}")


def of_collective(setting: dict, collective: str, rows: list[Line]) -> list[Verdict]:
    target = TARGETS.get((setting["name"], collective)) or TARGETS[setting["name"], ""]
    counted = [row for row in rows if row.ahead is not None]
    title = f"{setting['title']}: {collective}"
    mean_target, worst_target = f"{target.mean:g} times as fast", f"at least {target.worst:.2g} times"
    if not counted:
        return [Verdict(f"{title}, mean", mean_target, "", None), Verdict(f"{title}, everywhere", worst_target, "", None)]
    mean = geometric_mean(row.ahead for row in counted)
    behind = [row for row in counted if row.ahead < target.worst]
    worst = min(counted, key=lambda row: row.ahead)
    reached = f"{worst.ahead:.2f} at {where(worst)}"
    if behind:
        listed = ", ".join(f"{where(row)} ({row.ahead:.2f})" for row in sorted(behind, key=lambda row: row.ahead)[:6])
        reached = f"behind at {len(behind)} of {len(counted)}: {listed}{', …' if len(behind) > 6 else ''}"
    gap = "" if mean >= target.mean else f" ({(1 - mean / target.mean) * 100:.0f} % short)"
    return [Verdict(f"{title}, mean", mean_target, f"{mean:.2f}{gap}", mean >= target.mean),
            Verdict(f"{title}, everywhere", worst_target, reached, not behind)]


def of_wire(rows: list[Line], bounds: Bounds) -> list[Verdict]:
    """What TCP's all-reduce is measured by besides its peers."""
    verdicts = []
    pings = [(row.tutti.time_us / ping_us, row) for row in rows
             if row.size == 8 and row.tutti and row.tutti.counts and (ping_us := bounds.ping_us(row.place))]
    factor, at = max(pings, key=lambda pair: pair[0], default=(0, None))
    verdicts.append(Verdict("TCP: 8 B over a spinning ping-pong's one way", f"at most {PING_FACTOR}",
                            f"{factor:.2f} at {where(at)} ({at.tutti.time_us:.1f} µs)" if at else "",
                            factor <= PING_FACTOR if at else None))
    rate = bounds.iperf3_rates().get("both_ways")
    shares = [(2 * row.size / (row.tutti.time_us / 1e6) / rate, row) for row in rows
              if rate and row.tutti and row.tutti.counts and row.size >= WIRE_FROM]
    share, at = min(shares, key=lambda pair: pair[0], default=(0, None))
    verdicts.append(Verdict(f"TCP: from {size_text(WIRE_FROM)} up, share of iperf3's both ways at once",
                            f"at least {WIRE_SHARE:.0%}", f"{share:.0%} at {where(at)}" if at else "",
                            share >= WIRE_SHARE if at else None))
    return verdicts


def of_own_memory(rows: list[Line], bounds: Bounds) -> list[Verdict]:
    shares = []
    for row in rows:
        own = row.figures.get("tutti_alloc")
        bound_us = bounds.memory_us(row.size, row.place)
        if own and own.counts and bound_us and row.size >= 64 * MIB:
            shares.append((bound_us / own.time_us, row))
    share, at = min(shares, key=lambda pair: pair[0], default=(0, None))
    return [Verdict("tuttiMemAlloc from 64 MiB up, 2 ranks: share of the memory's bound", f"at least {MEMORY_SHARE:.0%}",
                    f"{share:.0%} at {where(at)}" if at else "", share >= MEMORY_SHARE if at else None)]


def of_scale(scale: dict) -> list[Verdict]:
    joined, reduced = scale.get("join"), scale.get("all_reduce")
    if not joined:
        return []
    well = isinstance(joined, dict)
    return [
        Verdict("128 processes join in", f"under {JOIN_S:g} s", f"{joined['join_s']:.2f} s" if well else joined,
                well and joined["join_s"] < JOIN_S),
        Verdict("… with private memory each of", f"under {PRIVATE_MIB:g} MiB",
                f"{joined['private_mib_most']:.1f} MiB" if well else joined, well and joined["private_mib_most"] < PRIVATE_MIB),
        Verdict("64 ranks all-reduce 1 MiB", "right",
                f"right, {reduced[0]['time_us_median'] / 1e3:.1f} ms" if isinstance(reduced, list) else reduced,
                isinstance(reduced, list))]


def verdicts(data: dict) -> list[Verdict]:
    bounds, every = Bounds(data, usual=True), lines(data)
    made = []
    for setting in data["settings"]:
        of_setting = [line for line in every if line.setting == setting["name"]]
        for collective in setting["sizes"]:
            made += of_collective(setting, collective, [line for line in of_setting if line.collective == collective])
        if setting["tcp"]:
            made += of_wire([line for line in of_setting if line.collective == "all_reduce"], bounds)
    made += of_own_memory([line for line in every if (line.setting, line.collective) == ("shm2", "all_reduce")], bounds)
    return made + of_scale(data.get("scale", {}))
