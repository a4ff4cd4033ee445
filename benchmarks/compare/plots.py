"""Draws a comparison: for each setting a panel for each collective and place, each peer's time over tutti's by size.
Run by the Python that has matplotlib: plots.py DATA.json FOLDER"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bounds import Bounds
from figures import PLACES, Line, lines, size_text

COLOURS = {"openmpi4": "#e69f00", "openmpi5": "#d55e00", "mpich4": "#56b4e9", "mpich5": "#0072b2", "intel": "#009e73", "gloo": "#cc79a7"}
MARKERS = {"openmpi4": "o", "openmpi5": "s", "mpich4": "v", "mpich5": "^", "intel": "D", "gloo": "P"}
PLACE_TITLES = {"smt": "one physical core", "l3": "one L3", "far": "two L3s", "any": ""}
TITLES = {"alltoall": "all-to-all"}
LEAST, MOST = 0.2, 10.0
TICKS = [0.25, 0.5, 1, 2, 4, 8]


def draw_panel(axes, rows: list[Line], bounds: Bounds, libraries: dict[str, str], setting_sizes: dict[str, list[int]]) -> None:
    counted = [row for row in rows if row.tutti and row.tutti.counts]
    sizes = [row.size for row in counted]
    axes.axhspan(LEAST, 1, color="#fbeaea", zorder=0, linewidth=0)
    axes.axhline(1, color="black", linewidth=1.6, zorder=2)
    for name in libraries:
        points = [(row.size, row.figures[name].time_us / row.tutti.time_us) for row in counted
                  if name in row.figures and (row.figures[name].counts or row.best_peer and row.best_peer[0] == name)]
        if name.startswith("tutti") or not points:
            continue
        inside = [min(max(ratio, LEAST), MOST) for _, ratio in points]
        axes.plot([size for size, _ in points], inside, color=COLOURS.get(name), marker=MARKERS.get(name, "x"), markersize=4,
                  linewidth=1.3, label=libraries[name], zorder=3, clip_on=False)
    limits = [(row.size, bounds.of(row.setting, row.collective, row.size, row.place)) for row in counted]
    limits = [(size, bound.time_us) for size, bound in limits if bound]
    tutti = {row.size: row.tutti.time_us for row in counted}
    axes.plot([size for size, _ in limits], [max(bound / tutti[size], LEAST) for size, bound in limits], color="#555555",
              linestyle=(0, (2, 2)), linewidth=1.3, label="the machine's bound", zorder=2)
    if not sizes:
        axes.text(0.5, 0.62, "too few samples", transform=axes.transAxes, ha="center", color="#777777")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(LEAST, MOST)
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    all_sizes = sorted({size for sizes in setting_sizes.values() for size in sizes})
    axes.set_xlim(all_sizes[0] / 1.6, all_sizes[-1] * 1.6)
    axes.xaxis.set_major_locator(FixedLocator([size for size in (8, 512, 32 << 10, 2 << 20, 128 << 20) if size <= all_sizes[-1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size_text(int(value)).replace(" ", "\u2009")))
    axes.grid(True, color="#dddddd", linewidth=0.6, zorder=1)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw(setting: dict, rows: list[Line], bounds: Bounds, libraries: dict[str, str]) -> plt.Figure:
    def compared(place: str) -> int:
        return sum(1 for row in rows if row.place == place and row.ahead is not None)

    most = max(compared(place) for place in PLACES)
    places = [place for place in PLACES if compared(place) >= min(3, most)]
    collectives = [name for name in setting["sizes"] if any(row.collective == name for row in rows)]
    figure, grid = plt.subplots(len(places), len(collectives), squeeze=False, sharey=True,
                                figsize=(1.2 + 3.1 * max(len(collectives), 2), 1.2 + 2.5 * len(places)))
    for place, panels in zip(places, grid):
        for collective, axes in zip(collectives, panels):
            own = [row for row in rows if (row.place, row.collective) == (place, collective)]
            draw_panel(axes, own, bounds, libraries, setting["sizes"])
            where = f", {PLACE_TITLES[place]}" if PLACE_TITLES[place] else ""
            axes.set_title(f"{TITLES.get(collective, collective.replace('_', '-'))}{where}", fontsize=10, loc="left")
        panels[0].set_ylabel("time over tutti's")
    for axes in grid[-1]:
        axes.set_xlabel("size of the buffer")
    shown = {label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels())}
    height = figure.get_figheight()
    wide = len(collectives) > 2
    figure.text(0.01, 1 - 0.12 / height, setting["title"], fontsize=12, fontweight="bold", va="top")
    figure.text(0.01, 1 - 0.36 / height, f"each library's time over tutti's: above 1×, tutti is faster; {MOST:g}× and more at the edge",
                fontsize=9, va="top")
    figure.legend(shown.values(), shown.keys(), loc="upper left", ncol=len(shown) if wide else 4, frameon=False,
                  fontsize=9, bbox_to_anchor=(0.003, 1 - 0.5 / height))
    figure.tight_layout(rect=(0, 0, 1, 1 - (0.72 if wide else 0.9) / height))
    return figure


def main() -> int:
    data, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams |= {"svg.hashsalt": "tutti", "svg.fonttype": "none", "font.size": 9}
    bounds, every = Bounds(data), lines(data)
    for setting in data["settings"]:
        rows = [line for line in every if line.setting == setting["name"]]
        if not any(row.ahead is not None for row in rows):
            continue
        figure = draw(setting, rows, bounds, data["libraries"])
        for suffix, options in (("png", {"dpi": 110}), ("svg", {"metadata": {"Date": None}})):
            figure.savefig(folder / f"{setting['name']}.{suffix}", **options)
        print(setting["name"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
