"""A C or C++ source file as the rules see it: its lines with and without comments and strings, and its functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_TOKEN = re.compile(
    r'R"(?P<delimiter>[^\s()\\]{0,16})\(.*?\)(?P=delimiter)"'  # raw string
    r"|//[^\n]*|/\*.*?\*/"  # comments
    r'|"(?:\\.|[^"\\\n])*"'  # string
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'",  # character, not a digit separator
    re.DOTALL,
)
_NOT_A_FUNCTION = re.compile(r"\s*(?:(?:inline\s+)?namespace|extern\s*\"|(?:template\s*<.*>\s*)?(?:class|struct|union|enum))\b",
                             re.DOTALL)


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    length: int


def _blank(match: re.Match) -> str:
    """Spaces of the same shape, so that lines and columns stay; the quotes of a string are kept."""
    text = match.group(0)
    spaces = re.sub(r"[^\n]", " ", text)
    return f'"{spaces[1:-1]}"' if text[0] == '"' else spaces


@dataclass
class Source:
    path: Path  # relative to the root of the repository
    text: str
    lines: list[str] = field(init=False)

    def __post_init__(self):
        self.lines = self.text.splitlines()

    @cached_property
    def code(self) -> list[str]:
        """The lines without comments, strings and characters."""
        return _TOKEN.sub(_blank, self.text).splitlines()

    @cached_property
    def includes(self) -> list[tuple[int, str]]:
        """(line, '<header>' or '"header"') of every include."""
        pattern = re.compile(r'\s*#\s*include\s*([<"][^>"]+[>"])')
        found = ((number, pattern.match(line)) for number, line in enumerate(self.lines, 1))
        return [(number, match.group(1)) for number, match in found if match]

    @cached_property
    def functions(self) -> list[Function]:
        """Every function with a body, found by its braces: what stands before a brace says what the brace opens."""
        found, scopes, head = [], [], ""
        code = "\n".join("" if line.lstrip().startswith("#") else line for line in self.code)
        line = 1
        for character in code:
            if character == "\n":
                line += 1
            if character == "{":
                scopes.append((self._function_name(head, scopes), line))
                head = ""
            elif character == "}":
                name, start = scopes.pop() if scopes else (None, line)
                if name:
                    found.append(Function(name, start, line - start + 1))
                head = ""
            elif character == ";":
                head = ""
            else:
                head += character
        return found

    @cached_property
    def types(self) -> list[tuple[int, str]]:
        """(line, 'a::b::Name') of every type defined at the level of a namespace that has a name."""
        found, spaces = [], []
        for number, line in enumerate(self.code, 1):
            if match := re.match(r"namespace\s*([\w:]*)\s*{", line):
                spaces.append(match.group(1))
            elif line.startswith("}") and spaces and "namespace" in self.lines[number - 1]:
                spaces.pop()
            elif match := re.match(r"(?:struct|class|union|enum(?: class)?)\s+(?:\[\[.*?\]\]\s*)?(\w+)\b(?!\s*<)[^;(]*{", line):
                if all(spaces):
                    found.append((number, "::".join([*spaces, match.group(1)])))
        return found

    @staticmethod
    def _function_name(head: str, scopes: list) -> str | None:
        """The name of the function whose body opens after `head`; '' inside a function; None for any other scope."""
        if scopes and scopes[-1][0] is not None:
            return ""
        if _NOT_A_FUNCTION.match(head) or "(" not in head or head.rstrip().endswith("="):
            return None
        name = re.search(r"([\w:~]+|operator\s*\S+)\s*\(", head)
        return name.group(1) if name else None
