"""The rules of the source tree. A rule is a function from a Source to findings: (line, sentence that names the remedy)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from source import Source

Finding = tuple[int, str]
Rule = Callable[[Source], Iterator[Finding]]

# A layer includes those before it and itself.
LAYERS = ["base", "reduce", "device", "topology", "schedule", "simulate", "select", "transport", "bootstrap",
          "execute", "onesided", "observe", "comm", "api"]
PUBLIC_HEADERS_ALLOWED_IN = {"comm", "api"}

MAX_FILE_LINES, WARN_FILE_LINES, WARN_FUNCTION_LINES = 600, 400, 70

# Headers of other projects: pattern -> the only places that include them.
FOREIGN_HEADERS = {
    r"openssl/": ["src/bootstrap/"],
    r"spdlog/": ["src/base/log.cpp"],
    r"infiniband/": ["src/transport/verbs/"],
    r"cuda": ["src/device/cuda/"],
    r"(hwloc|nvml)": ["src/topology/"],
}

EVERYWHERE, SRC = "", "src/"


def _call(names: str) -> str:
    return rf"(?<![\w.>]){names}\s*\("


# (where it is banned, pattern, what to use instead, files that may)
BANNED = [
    (EVERYWHERE, _call(r"(?:std::)?ato(?:i|l|ll|f)"), "std::from_chars: it reports what it could not parse", []),
    (EVERYWHERE, _call(r"(?:std::)?strtok(?:_r)?"), "std::string_view::find", []),
    (EVERYWHERE, _call(r"(?:std::)?v?sprintf"), "fmt::format", []),
    (EVERYWHERE, _call(r"(?:std::)?str(?:cpy|cat)"), "std::string", []),
    (EVERYWHERE, _call(r"(?:std::)?s?rand"), "a seeded std::mt19937_64", []),
    (EVERYWHERE, _call(r"gethostby(?:name|addr)"), "getaddrinfo", []),
    (EVERYWHERE, r"\bstd::endl\b", "'\\n'", []),
    (EVERYWHERE, r"(?<!<)(?<!operator )\bnew\b(?!\s*\()", "std::make_unique or a container", []),
    (EVERYWHERE, r"(?<!operator )(?<!= )\bdelete\b", "an owner type: std::unique_ptr, base/handle.hpp", []),
    (EVERYWHERE, r"(?<!__ )(?<!asm )(?<!__asm__ )\bvolatile\b", "std::atomic, with the memory order said", []),
    (SRC, r"\b(?:secure_)?getenv\s*\(", "a Setting: base/settings.hpp", ["src/base/settings.cpp"]),
    (SRC, r"\b(?:f|d|v|vf)?printf\s*\(|\bstd::c(?:out|err|log)\b|\bf?puts\s*\(", "TUTTI_LOG: base/log.hpp",
     ["src/base/log.cpp", "src/base/assert.cpp"]),
]


def layer_of(source: Source) -> str | None:
    parts = source.path.parts
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def layers(source: Source) -> Iterator[Finding]:
    own = layer_of(source)
    if own is None:
        return
    if own not in LAYERS:
        yield 1, f"src/{own} is no layer; the layers are: {' '.join(LAYERS)}"
        return
    for line, header in source.includes:
        name = header[1:-1].split("/")[0]
        if header.startswith("<tutti/") and own not in PUBLIC_HEADERS_ALLOWED_IN:
            yield line, f"{own} includes {header}: public headers are for {' and '.join(sorted(PUBLIC_HEADERS_ALLOWED_IN))}"
        elif header[0] == '"' and name not in LAYERS:
            yield line, f'{header} does not begin with a layer: write "{own}/{header[1:-1]}"'
        elif header[0] == '"' and LAYERS.index(name) > LAYERS.index(own):
            yield line, f"{own} includes {header}, but {name} is above {own}: pass it in instead, or move the code"


def foreign_headers(source: Source) -> Iterator[Finding]:
    if not str(source.path).startswith(SRC):
        return
    for line, header in source.includes:
        for pattern, homes in FOREIGN_HEADERS.items():
            if re.match(f"<{pattern}", header) and not any(str(source.path).startswith(home) for home in homes):
                yield line, f"{header} is included only in {' and '.join(homes)}"


def banned_calls(source: Source) -> Iterator[Finding]:
    path = str(source.path)
    rules = [(re.compile(pattern), remedy) for where, pattern, remedy, homes in BANNED
             if path.startswith(where) and path not in homes]
    for number, line in enumerate(source.code, 1):
        line = re.sub(r"unique_ptr<[^;]*\(new\b", "", line)  # a private constructor: owned at once
        for pattern, remedy in rules:
            if match := pattern.search(line):
                yield number, f"{match.group(0).strip(' (')} is banned: use {remedy}"


def sleeps_in_tests(source: Source) -> Iterator[Finding]:
    """A test may sleep between two looks at its condition, never instead of looking."""
    if source.path.parts[0] != "tests":
        return
    sleep = re.compile(r"(?<![.>\w])(?:u|nano)?sleep(?:_for|_until)?\s*\(")
    reach = 5
    for number, line in enumerate(source.code, 1):
        looks = any(re.search(r"\bwhile\b", text) for text in source.code[max(0, number - reach):number])
        if sleep.search(line) and not looks:
            yield number, "a test that sleeps is slow, flaky or both: wait for the condition itself, with a deadline"


def unfinished(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        if match := re.search(r"\b(?:TODO|FIXME|XXX|HACK)\b", line):
            yield number, f"{match.group(0)}: finish it, or open an issue"


def machine_paths(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        if match := re.search(r"(?<![\w.$}])/(?:home|root|work|Users|mnt)/\w+", line):
            yield number, f"{match.group(0)} exists on one machine only: use a relative path or an argument"


def memory_orders(source: Source) -> Iterator[Finding]:
    """An atomic operation says why its order suffices, within a few lines."""
    if not str(source.path).startswith(SRC):
        return
    reach = 12
    for number, line in enumerate(source.code, 1):
        near = source.lines[max(0, number - 1 - reach):number + 1]
        if re.search(r"\bmemory_order", line) and not any("//" in text for text in near):
            yield number, "a memory order with no comment near it that says why it suffices"


def file_length(source: Source) -> Iterator[Finding]:
    if len(source.lines) > MAX_FILE_LINES:
        yield 1, f"{len(source.lines)} lines, more than {MAX_FILE_LINES}: one idea a file"


def long_things(source: Source) -> Iterator[Finding]:
    """Reported, not failed: what is on its way to be too long."""
    if len(source.lines) > WARN_FILE_LINES:
        yield 1, f"{len(source.lines)} lines"
    for function in source.functions:
        if function.length > WARN_FUNCTION_LINES:
            yield function.line, f"{function.name} has {function.length} lines"


FAILING: dict[str, Rule] = {
    "layers": layers,
    "foreign-headers": foreign_headers,
    "banned-calls": banned_calls,
    "sleeps": sleeps_in_tests,
    "unfinished": unfinished,
    "machine-paths": machine_paths,
    "memory-orders": memory_orders,
    "file-length": file_length,
}
WARNING: dict[str, Rule] = {"long": long_things}
