"""From the runs of a comparison to figures: medians by size and place, and how far tutti is ahead."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

PLACES = ["smt", "l3", "far", "any"]
FEWEST_SAMPLES = 5      # of one start in one place; fewer say something only if they are long:
FEWEST_SAMPLED_US = 10_000
FEWEST_STARTS = 3       # a figure of fewer is shown in brackets, and counts only against tutti


@dataclass(frozen=True)
class Figure:
    """The median over process starts, of each start's median."""
    time_us: float
    starts: int
    counts: bool


@dataclass(frozen=True)
class Line:
    """A row of a table: one size in one place."""
    setting: str
    collective: str
    size: int
    place: str
    figures: dict[str, Figure]  # library -> figure

    @property
    def tutti(self) -> Figure | None:
        return self.figures.get("tutti")

    @property
    def best_peer(self) -> tuple[str, Figure] | None:
        """Where one counts. Then one of few starts that is faster still is not left out: it may be the fastest peer there is."""
        peers = [(name, figure) for name, figure in self.figures.items() if not name.startswith("tutti")]
        if not any(figure.counts for _, figure in peers):
            return None
        return min(peers, key=lambda peer: peer[1].time_us)

    @property
    def ahead(self) -> float | None:
        """The best peer's time over tutti's; above 1: tutti is ahead."""
        if self.tutti is None or not self.tutti.counts or self.best_peer is None:
            return None
        return self.best_peer[1].time_us / self.tutti.time_us


def says_something(row: dict) -> bool:
    return row["samples"] >= FEWEST_SAMPLES or row["samples"] * row["time_us_median"] >= FEWEST_SAMPLED_US


def figure(times_us: list[float], rounds: int) -> Figure:
    return Figure(statistics.median(times_us), len(times_us), len(times_us) >= min(FEWEST_STARTS, rounds))


def lines(data: dict) -> list[Line]:
    """Every row of every table, in their order."""
    times = defaultdict(lambda: defaultdict(list))
    for run in data["runs"]:
        for row in run["rows"]:
            if says_something(row):
                key = (run["setting"], run["collective"], row["size"], row["place"])
                times[key][run["library"]].append(row["time_us_median"])
    rounds = data["rounds"]
    made = [Line(*key, {name: figure(starts, rounds) for name, starts in by_library.items()})
            for key, by_library in times.items()]
    settings = [setting["name"] for setting in data["settings"]]
    collectives = list(dict.fromkeys(run["collective"] for run in data["runs"]))
    return sorted(made, key=lambda line: (settings.index(line.setting), collectives.index(line.collective),
                                          PLACES.index(line.place), line.size))


def geometric_mean(ratios: Iterable[float]) -> float | None:
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(statistics.fmean(logs)) if logs else None


def size_text(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def time_text(time_us: float) -> str:
    return f"{time_us:.2f}" if time_us < 10 else f"{time_us:.1f}" if time_us < 1000 else f"{time_us:.0f}"
