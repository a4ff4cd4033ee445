"""The tables as Markdown. In a file, what stands between the two marks is replaced; all else is kept."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from bounds import Bounds
from figures import FEWEST_STARTS, Line, geometric_mean, lines, size_text, time_text
from targets import verdicts

BEGIN, END = "<!-- compare: from here on written by benchmarks/compare.sh -->", "<!-- compare: until here -->"
PLACE_TITLES = {"smt": "one physical core", "l3": "two cores, one L3", "far": "two L3s"}


def markdown(header: list[str], rows: list[list[str]], numbers_from: int) -> str:
    rule = ["---"] * numbers_from + ["---:"] * (len(header) - numbers_from)
    every = [header, rule, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in every)


def head(data: dict) -> str:
    return (f"{data['machine']}; {data['date']}; tutti {data['revision']}. Command: `{data['command']}`; {data['rounds']} rounds, "
            f"{data['seconds']:g} s for each size of a process start; congestion control {data['congestion']}.\n\n"
            "Times in µs: the median, over process starts, of each start's median. *Ahead*: the fastest peer's time over tutti's; "
            f"above 1, tutti is faster. In brackets: fewer than {min(FEWEST_STARTS, data['rounds'])} starts saw that place of "
            "the cores; such a figure counts only as a peer's that is faster than those that count, and rows of such figures alone are "
            "left out. *Bound*: what the machine permits, from its own measurements in the same run, and what sets it (README.md, "
            "\"Bounds\").")


def targets(data: dict) -> str:
    rows = [[verdict.what, verdict.target, verdict.reached, verdict.text] for verdict in verdicts(data)]
    return markdown(["what", "target", "reached", ""], rows, 4)


def collective_table(rows: list[Line], names: dict[str, str], bounds: Bounds) -> str:
    shown = [name for name in names if any(name in row.figures for row in rows)]
    header = ["place", "size", *(names[name] for name in shown), "ahead", "bound", "tutti / bound", "the bound is"]
    cells = []
    for row in rows:
        best = row.best_peer[0] if row.best_peer else None
        times = []
        for name in shown:
            figure = row.figures.get(name)
            text = "" if figure is None else time_text(figure.time_us)
            text = f"({text})" if figure and not figure.counts else text
            times.append(f"*{text}*" if name == best else text)
        bound = bounds.of(row.setting, row.collective, row.size, row.place)
        cells.append([row.place, size_text(row.size), *times, f"**{row.ahead:.2f}**" if row.ahead else "",
                      time_text(bound.time_us) if bound else "",
                      f"{row.tutti.time_us / bound.time_us:.2f}" if bound and row.tutti and row.tutti.counts else "",
                      bound.by if bound else ""])
    if all(row.place == "any" for row in rows):
        header, cells = header[1:], [row[1:] for row in cells]
    return markdown(header, cells, 1 if header[0] == "size" else 2)


def mean_line(rows: list[Line]) -> str:
    ahead = [row.ahead for row in rows if row.ahead is not None]
    if not ahead:
        return "No size was measured both of tutti and of a peer."
    return f"Geometric mean: **{geometric_mean(ahead):.2f}** ahead, over {len(ahead)} rows; least {min(ahead):.2f}, most {max(ahead):.2f}."


def settings(data: dict) -> str:
    bounds, text = Bounds(data), []
    names = data["libraries"] | {"tutti_alloc": "tutti, tuttiMemAlloc"}
    titles = {setting["name"]: setting["title"] for setting in data["settings"]}
    for setting, in_setting in groupby(lines(data), key=lambda line: line.setting):
        text.append(f"## {titles[setting]}")
        if setting in data.get("pictures", []):
            text.append(f"![{titles[setting]}: each peer's time over tutti's]({data['pictures_folder']}/{setting}.png)")
        for collective, rows in groupby(in_setting, key=lambda line: line.collective):
            rows = [row for row in rows if any(figure.counts for figure in row.figures.values())]
            if not rows:
                continue
            text += [f"### {collective}, {titles[setting][0].lower() + titles[setting][1:] if setting != 'tcp2' else titles[setting]}",
                     collective_table(rows, names, bounds), mean_line(rows)]
        text += problems(data, setting)
    return "\n\n".join(text)


def problems(data: dict, setting: str) -> list[str]:
    names = data["libraries"] | {"": "", "tutti_alloc": "tutti, tuttiMemAlloc"}
    said = [f"- {names.get(one['library'], one['library'])}: {one['what']}" for one in data["problems"] if one["setting"] == setting]
    return ["Cut off or failed:", "\n".join(said)] if said else []


def machine(data: dict) -> str:
    """What the machine was measured to do."""
    bounds = Bounds(data)
    places = [place for place in PLACE_TITLES if bounds.line_us(place)]
    said = [f"a cache line one way {', '.join(f'{bounds.line_us(place) * 1e3:.0f} ns ({place}: {PLACE_TITLES[place]})' for place in places)}"]
    if switch_us := bounds.switch_us():
        said.append(f"a switch between two processes on one core {switch_us:.1f} µs")
    said += [f"hand-over between the cores {rate / 1e3:.1f} GB/s each way ({place})" for place in places
             if (rate := bounds.hand_over_rate(place))]
    said += [f"TCP, 8 B one way, spinning {ping_us:.1f} µs ({place})" for place in places if (ping_us := bounds.ping_us(place))]
    if rates := bounds.iperf3_rates():
        said.append(f"iperf3 {rates['one_way'] / 1e9:.2f} GB/s one way, {rates['both_ways'] / 1e9:.2f} both ways at once, together")
    said += [f"TCP both ways at once, one socket or iperf3's two, {rate / 1e3:.2f} GB/s each way ({place})" for place in places
             if (rate := bounds.tcp_rate(place, both_ways=True))]
    sizes = sorted({size for kind in ("copy", "stream") for size in bounds.measured(kind, 2, "any")})
    columns = [(kind, cores) for kind in ("copy", "stream", "add", "read") for cores in (1, 2)]
    header = ["size of each core"] + [f"{kind}, {cores} core{'s' * (cores - 1)}" for kind, cores in columns]
    rows = []
    for size in sizes:
        times = [bounds.measured(kind, cores, "any").get(size) for kind, cores in columns]
        rows.append([size_text(size)] + [f"{size * cores / time / 1e3:.1f}" if time else ""
                                         for (_, cores), time in zip(columns, times)])
    return ("- " + "\n- ".join(said) + "\n\nGB/s, counted once (a copy touches twice as much), all cores together; *stream*: a copy "
            "with non-temporal stores:\n\n" + markdown(header, rows, 1))


def absent(data: dict) -> str:
    said = [f"- {one['what']}: {one['why']}" for one in data["absent"]]
    return "Not run:\n\n" + "\n".join(said) if said else ""


def report(data: dict) -> str:
    parts = [head(data), absent(data), "## Targets", targets(data), settings(data), "## What the machine can do", machine(data),
             *problems(data, "bounds"), *problems(data, "all")]
    return "\n\n".join(part for part in parts if part)


def write(path: Path, data: dict) -> None:
    """Replaces what stands between the marks; a file without them is begun anew."""
    block = f"{BEGIN}\n\n{report(data)}\n\n{END}"
    text = path.read_text() if path.exists() else ""
    if BEGIN in text and END in text:
        text = re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)
    else:
        text = f"# Results\n\n{block}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
