"""What the machine permits: the least time that a collective can take, from what the machine was measured to do in the
same run. benchmarks/README.md ("Bounds") says why these formulas."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass

from figures import says_something

ROUND_TRIPS = 32  # of bounds.cpp's kinds that go there and back


@dataclass(frozen=True)
class Bound:
    time_us: float
    by: str  # what limits


def moved(collective: str, ranks: int) -> tuple[float, float]:
    """For one byte of the whole buffer: bytes of private memory that all ranks read and write, and bytes that a rank
    must take in from others."""
    n = ranks
    return {"all_reduce": (2 * n, 1),
            "all_gather": (n + 1, 1 - 1 / n),
            "reduce_scatter": (n + 1, 1 / n),
            "broadcast": (n, 1),
            "alltoall": (2 * n, 1 - 1 / n)}[collective]


class Bounds:
    def __init__(self, data: dict, usual: bool = False):
        """usual: what the machine did in the median round, to hold medians against; else the best, which is the bound."""
        times = defaultdict(list)
        for run in data["bounds"]:
            for row in run["rows"]:
                if says_something(row):
                    times[run["kind"], run["cores"], row["place"], row["size"]].append(row["time_us_median"])
        least, most = (statistics.median, statistics.median) if usual else (min, max)
        self._times = {key: least(runs) for key, runs in times.items()}
        self._rates = {kind: most([run[kind] for run in data["iperf3"]]) for kind in ("one_way", "both_ways") if data["iperf3"]}
        self._settings = {setting["name"]: setting for setting in data["settings"]}

    def of(self, setting: str, collective: str, size: int, place: str) -> Bound | None:
        ranks, tcp = self._settings[setting]["ranks"], self._settings[setting]["tcp"]
        if collective not in ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "alltoall"):
            return None
        return (self._tcp if tcp else self._memory)(collective, size, ranks, place)

    def _memory(self, collective: str, size: int, ranks: int, place: str) -> Bound | None:
        touched, taken = moved(collective, ranks)
        limits = []
        if ranks == 2 and not self.line_us(place):
            return None  # nothing is known of this place
        if copy_us := self.copy_us(size, place):
            limits.append(Bound(copy_us * touched / 4, "the ranks' memory"))  # two copies at once touch 4 bytes for each
        if ranks == 2:
            line_us, rate = self.line_us(place), self.hand_over_rate(place)
            limits.append(Bound(line_us, "a cache line's way"))
            if collective == "broadcast":
                taken /= 2  # one way only: each core has half of the work
            if rate and size > 64:
                limits.append(Bound(line_us + size * taken / rate, "hand-over between the cores"))
        elif switch_us := self.switch_us():
            limits.append(Bound(switch_us, "a process switch"))
        return max(limits, key=lambda bound: bound.time_us, default=None)

    def _tcp(self, collective: str, size: int, ranks: int, place: str) -> Bound | None:
        if ranks != 2:
            return None
        _, taken = moved(collective, ranks)
        ping_us = self.ping_us(place)
        rate = self.tcp_rate(place, both_ways=collective != "broadcast")
        if ping_us is None or rate is None:
            return None
        wire = Bound(size * taken / rate, "TCP's bandwidth")
        return wire if wire.time_us > ping_us else Bound(ping_us, "TCP's latency")

    # What was measured, in µs and bytes per µs; None: it was not.

    def line_us(self, place: str) -> float | None:
        return self._one_way("line", place)

    def switch_us(self) -> float | None:
        return self._one_way("process_switch", "any")

    def ping_us(self, place: str) -> float | None:
        return self._one_way("tcp_ping", place)

    def copy_us(self, size: int, place: str, cores: int = 2) -> float | None:
        """The ranks copy so much each, at the same time: the better of plain and non-temporal stores."""
        ways = [self.interpolated(kind, cores, place, size) for kind in ("copy", "stream")]
        return min((way for way in ways if way is not None), default=None)

    def memory_us(self, size: int, place: str) -> float | None:
        """Of an all-reduce of two ranks: what its memory alone takes."""
        return self.copy_us(size, place)

    def hand_over_rate(self, place: str) -> float | None:
        """Each way, both ways at once."""
        rates = [size / time for (kind, _, where, size), time in self._times.items()
                 if kind.startswith("hand_over") and where == place]
        return max(rates, default=None)

    def tcp_rate(self, place: str, both_ways: bool) -> float | None:
        """Each way: what our own exchange reached in that place, or iperf3, of whose place nothing is known, if it was faster."""
        kinds = ("tcp",) if both_ways else ("tcp", "tcp_one_way")
        rates = [size / time for (kind, _, where, size), time in self._times.items() if kind in kinds and where == place]
        if rates and self._rates and place != "far":
            rates.append(self._rates["both_ways"] / 2 / 1e6)
            if not both_ways:
                rates.append(self._rates["one_way"] / 1e6)
        return max(rates, default=None)

    def iperf3_rates(self) -> dict[str, float]:
        """Bytes per second."""
        return self._rates

    def measured(self, kind: str, cores: int, place: str) -> dict[int, float]:
        """Size -> µs; place "any": the median over the places."""
        found = defaultdict(list)
        for (one, of_cores, where, size), time in self._times.items():
            if one == kind and of_cores == cores and place in ("any", where):
                found[size].append(time)
        return {size: statistics.median(times) for size, times in sorted(found.items())}

    def interpolated(self, kind: str, cores: int, place: str, size: int) -> float | None:
        """Between two measured sizes along the power law through them; outside, in proportion. Small ones of which
        nothing was measured count as nothing."""
        measured = self.measured(kind, cores, "any") | self.measured(kind, cores, place)
        if not measured:
            return None
        below = max((known for known in measured if known <= size), default=None)
        above = min((known for known in measured if known >= size), default=None)
        if below is None:
            return measured[above] * size / above
        if above is None:
            return measured[below] * size / below
        if below == above:
            return measured[below]
        share = math.log(size / below) / math.log(above / below)
        return math.exp((1 - share) * math.log(measured[below]) + share * math.log(measured[above]))

    def _one_way(self, kind: str, place: str) -> float | None:
        times = self.measured(kind, 2, place)
        return times[8] / (2 * ROUND_TRIPS) if 8 in times else None
