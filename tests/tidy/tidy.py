#!/usr/bin/env python3
"""Holds the source tree to its rules (rules.py), its format (.clang-format) and its map (a README.md in every layer).

    tests/tidy/tidy.py [--root FOLDER] [--no-format]

Prints `path:line: rule: what, and the remedy` for each finding; exit code 1 if there is one. A line that must break a
rule says so, with the reason:  // tidy: banned-calls, since the C library asks for it
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import rules
from source import Source

SUFFIXES = {".c", ".h", ".cpp", ".hpp", ".cc", ".cu", ".cuh"}
FOLDERS = ["include", "src", "plugins", "benchmarks", "examples", "tests"]


def sources(root: Path) -> list[Source]:
    paths = (path for folder in FOLDERS for path in sorted((root / folder).rglob("*")))
    return [Source(path.relative_to(root), path.read_text()) for path in paths
            if path.suffix in SUFFIXES and path.is_file()]


def excused(source: Source, line: int, rule: str) -> bool:
    """Whether the line, or the one above it, says why it breaks the rule."""
    near = source.lines[max(0, line - 2):line]
    return any(re.search(rf"// tidy: {re.escape(rule)}, \w+", text) for text in near)


def findings(all_sources: list[Source], chosen: dict[str, rules.Rule]) -> Iterator[str]:
    for source in all_sources:
        for name, rule in chosen.items():
            for line, sentence in rule(source):
                if not excused(source, line, name):
                    yield f"{source.path}:{line}: {name}: {sentence}"


def twice_defined_types(all_sources: list[Source]) -> Iterator[str]:
    """Two types of one name in one namespace: the linker takes the inline functions of either for both."""
    first: dict[str, str] = {}
    for source in all_sources:
        if source.path.parts[0] != "src":
            continue
        for line, name in source.types:
            place = f"{source.path}:{line}"
            if name in first:
                yield f"{place}: one-definition: {name} is defined at {first[name]}, too: rename one, or give it a namespace"
            first.setdefault(name, place)


def missing_readmes(root: Path) -> Iterator[str]:
    for build_file in sorted(root.glob("src/*/CMakeLists.txt")):
        readme = build_file.with_name("README.md")
        if not readme.exists():
            yield f"{readme.relative_to(root)}:1: readme: a layer says what it is, why, and its invariants"


def badly_formatted(root: Path, all_sources: list[Source]) -> Iterator[str]:
    tool = shutil.which("clang-format")
    if tool is None:
        sys.exit("tidy: clang-format is not installed")
    command = [tool, "--dry-run", "-Werror", *(str(source.path) for source in all_sources)]
    output = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stderr
    wrong = dict.fromkeys(re.findall(r"^(\S+?):\d+:\d+: error:", output, re.MULTILINE))
    for path in wrong:
        yield f"{path}:1: format: run clang-format -i {path}"


def report_lengths(all_sources: list[Source]) -> None:
    files = [len(source.lines) for source in all_sources]
    functions = sorted(function.length for source in all_sources for function in source.functions)
    if len(functions) > 1:
        ninth = statistics.quantiles(functions, n=10)[-1]
        print(f"tidy: {len(files)} files, the longest {max(files)} lines; {len(functions)} functions, "
              f"median {statistics.median(functions):.0f} lines, nine in ten under {ninth:.0f}, longest {functions[-1]}")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--no-format", action="store_true", help="leave out the clang-format check")
    arguments = parser.parse_args(words)

    all_sources = sources(arguments.root)
    for warning in findings(all_sources, rules.WARNING):
        print(f"warning: {warning}")
    report_lengths(all_sources)

    errors = [*findings(all_sources, rules.FAILING), *twice_defined_types(all_sources),
              *missing_readmes(arguments.root)]
    if not arguments.no_format:
        errors += badly_formatted(arguments.root, all_sources)
    for error in errors:
        print(error)
    print(f"tidy: {len(errors)} findings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
