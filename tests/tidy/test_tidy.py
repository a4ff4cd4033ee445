#!/usr/bin/env python3
"""Plants each violation in a tree of its own and expects exactly that rule to find it; and clean trees to stay clean."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import tidy

FORMAT = Path(__file__).parents[2] / ".clang-format"

# rule, file, content
PLANTED = [
    ("layers", "src/base/clock.cpp", '#include "execute/plan.hpp"\n'),
    ("layers", "src/base/clock.cpp", "#include <tutti/tutti.h>\n"),
    ("layers", "src/base/clock.cpp", '#include "clock.hpp"\n'),
    ("layers", "src/common/x.cpp", "int x;\n"),
    ("foreign-headers", "src/comm/x.cpp", "#include <openssl/hmac.h>\n"),
    ("foreign-headers", "src/base/settings.cpp", "#include <spdlog/spdlog.h>\n"),
    ("banned-calls", "src/base/x.cpp", "int f(const char* s) { return atoi(s); }\n"),
    ("banned-calls", "src/base/x.cpp", "int f(const char* s) { return std::atoi(s); }\n"),
    ("banned-calls", "src/base/x.cpp", "auto f(char* s) { return strtok(s, s); }\n"),
    ("banned-calls", "src/base/x.cpp", "void f(char* s) { sprintf(s, s); }\n"),
    ("banned-calls", "src/base/x.cpp", "void f(char* s) { strcpy(s, s); }\n"),
    ("banned-calls", "examples/x.cpp", "int f() { return rand(); }\n"),
    ("banned-calls", "src/base/x.cpp", "auto f(const char* s) { return gethostbyname(s); }\n"),
    ("sleeps", "tests/base/x.cpp", "void f() { usleep(10); }\n"),
    ("sleeps", "tests/base/x.cpp", "void f() { std::this_thread::sleep_for(1ms); }\n"),
    ("banned-calls", "src/base/x.cpp", "auto f(const char* s) { return std::getenv(s); }\n"),
    ("banned-calls", "tests/base/x.cpp", "void f() { std::cerr << std::endl; }\n"),
    ("banned-calls", "src/base/x.cpp", "auto f() { return new int; }\n"),
    ("banned-calls", "src/base/x.cpp", "void f(int* x) { delete x; }\n"),
    ("banned-calls", "src/base/x.cpp", "void f(char* s) { printf(s); }\n"),
    ("banned-calls", "src/base/x.cpp", "volatile int x;\n"),
    ("unfinished", "src/base/x.cpp", "// TO" + "DO: the rest\n"),
    ("machine-paths", "tests/base/x.cpp", 'const char* path = "/home/someone/data";\n'),
    ("memory-orders", "src/base/x.cpp", "int f() { return x.load(std::memory_order_relaxed); }\n"),
    ("file-length", "src/base/x.cpp", "int x;\n" * 601),
    ("format", "src/base/x.cpp", "int   x ;\n"),
    ("one-definition", "src/base/x.cpp", "namespace a {\nstruct X {\n};\nstruct X {\n};\n}  // namespace a\n"),
    ("readme", "src/base/CMakeLists.txt", "tutti_layer(base)\n"),
]

CLEAN = [
    ("tests/base/x.cpp", "// atoi and printf may be spoken of\nconst char* text = \"atoi(x) new delete // TO\" \"DO\";\n"),
    ("src/execute/x.cpp", '#include "base/clock.hpp"\n#include "transport/transport.hpp"\n'),
    ("src/base/settings.cpp", "auto f(const char* s) { return std::getenv(s); }\n"),
    ("src/base/x.hpp", "struct X {\n  X(const X&) = delete;\n};\n"),
    ("src/base/x.cpp", "#include <new>\nvoid f() { new (place) Thing(); }\n"),
    ("src/base/x.cpp", "// relaxed: a counter that orders nothing\nint f() { return x.load(std::memory_order_relaxed); }\n"),
    ("src/base/x.cpp", "std::unique_ptr<Thing> made(new Thing(1));\n"),
    ("src/base/x.cpp", "// tidy: banned-calls, since the C library frees it\nauto f() { return new int; }\n"),
    ("tests/base/x.cpp", "void f() {\n  while (!there() && !passed(deadline)) usleep(1000);\n}\n"),
    ("src/api/x.cpp", "#include <tutti/tutti.h>\n"),
    ("src/base/x.cpp", "namespace a {\nstruct X;\nstruct X {\n};\nnamespace {\nstruct Y {\n};\n}  // namespace\n"
     "struct Y {\n};\n}  // namespace a\n"),
]

LONG_FUNCTION = "namespace a {\nclass B {\n  int long_one(int x) {\n" + "    ++x;\n" * 80 + "    return x;\n  }\n};\n}\n"


def tidy_says(path: str, content: str, *arguments: str) -> tuple[int, str]:
    """What tidy says of a tree that holds this one file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".clang-format").write_text(FORMAT.read_text())
        target = root / path
        target.parent.mkdir(parents=True)
        target.write_text(content)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = tidy.main(["--root", folder, *arguments])
        return code, output.getvalue()


class Tidy(unittest.TestCase):
    def test_each_planted_violation_is_found_and_no_other(self):
        for rule, path, content in PLANTED:
            with self.subTest(rule=rule, content=content[:60]):
                code, output = tidy_says(path, content, *([] if rule == "format" else ["--no-format"]))
                found = {line.split(": ")[1] for line in output.splitlines() if line.startswith(path.split("/")[0] + "/")}
                self.assertEqual((code, found), (1, {rule}), output)

    def test_what_is_allowed_stays_silent(self):
        for path, content in CLEAN:
            with self.subTest(content=content[:60]):
                code, output = tidy_says(path, content, "--no-format")
                self.assertEqual(code, 0, output)

    def test_a_long_function_is_reported_by_name(self):
        code, output = tidy_says("src/base/x.cpp", LONG_FUNCTION, "--no-format")
        self.assertEqual(code, 0, output)
        self.assertIn("src/base/x.cpp:3: long: long_one has 83 lines", output)


if __name__ == "__main__":
    unittest.main()
