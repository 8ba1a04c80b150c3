# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest's console says of tests: results in KTAP, those of test_bpf, and of the boot's self-tests.

KTAP is that of the kernel (Documentation/dev-tools/ktap.rst); with it come the lines that
``guest-driver/userland/run_tests.c`` puts around what each program prints.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What printk puts before a message: the time, and who it is from if the kernel is configured so.
_STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
_SUBTEST = re.compile(r"(?P<indent> *)# Subtest: (?P<name>.*)")
_RESULT = re.compile(
    r"(?P<indent> *)(?P<not>not )?ok \d+(?: -)?(?: (?!# )(?P<name>.*?))?(?: # (?P<directive>.*))?"
)
_BPF = re.compile(
    r"test_bpf: (?P<name>(?:\w+: )?#\d+ .*?)(?: jited:[01])? (?P<result>[\d ]*PASS|.*FAIL.*|SKIP)"
)
_PROGRAM = re.compile(r"run_tests: (?P<name>\S+): (?P<event>begins|passed|skipped|.*)")

#: Self-tests that the kernel's initialisation runs: the line with the result of each, and what tells success.
_SELF_TESTS = {
    "locking": (r"Good, all +\d+ testcases passed! \||BUG: +\d+ unexpected failures.*", r"Good.*"),
    "atomic64": (r"atomic64_test: passed.*", r".*"),
    "of_unittest": (r"### dt-test ### end of unittest - .*", r".* - \d+ passed, 0 failed"),
    **{
        name: (rf"{name}: \d+ of \d+ tests passed", r".* (\d+) of \1 tests passed")
        for name in ("XArray", "maple_tree", "IDA")
    },
}


class Result(Enum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Case(NamedTuple):
    """A test's path, of the suites that it is in and its own name, and its result."""

    path: str
    result: Result


class Report(NamedTuple):
    """What a console says: the tests, without the suites that only sum up others, and all other lines."""

    tests: list[Case]
    #: Results of suites: of no test of their own, but to be compared.
    suites: list[Case]
    lines: list[str]


def console_lines(text: str) -> list[str]:
    """Return the lines of a console without what tells the time."""
    return [_STAMP.sub("", line.rstrip("\r")).rstrip() for line in text.split("\n")]


def read_console(text: str) -> Report:
    """Return what the console ``text`` says of tests. No text is wrong: what is no result is a line."""
    reader = _Reader()
    for line in console_lines(text):
        reader.read(line)
    return Report(_numbered(reader.tests), _numbered(reader.suites), reader.lines)


class _Reader:
    """Reads lines one after the other, and knows which suites have begun."""

    def __init__(self) -> None:
        self.tests: list[Case] = []
        self.suites: list[Case] = []
        self.lines: list[str] = []
        self._open: dict[int, str] = {}
        self._program: str | None = None

    def read(self, line: str) -> None:
        if match := _SUBTEST.fullmatch(line):
            self._begin(len(match["indent"]), match["name"])
        elif match := _PROGRAM.fullmatch(line):
            self._program_event(match["name"], match["event"])
        elif match := _RESULT.fullmatch(line):
            self._end(match)
        elif match := _BPF.fullmatch(line):
            result = {"PASS": Result.PASSED, "SKIP": Result.SKIPPED}.get(match["result"][-4:], Result.FAILED)
            self.tests.append(Case(f"test_bpf/{match['name']}", result))
        elif test := _self_test(line):
            self.tests.append(test)
            self.lines.append(line)
        else:
            self.lines.append(line)

    def _begin(self, indent: int, name: str) -> None:
        self._open = {level: suite for level, suite in self._open.items() if level < indent}
        self._open[indent] = name

    def _end(self, match: re.Match[str]) -> None:
        directive = match["directive"] or ""
        indent, name = len(match["indent"]), match["name"] or directive
        result = Result.FAILED if match["not"] else Result.PASSED
        if directive.upper().startswith("SKIP"):
            result = Result.SKIPPED
        above = [suite for level, suite in sorted(self._open.items()) if level <= indent]
        if self._program is not None:
            above.insert(0, self._program)
        # The suite that this line sums up is one level further in.
        sums_up = any(level > indent and suite == name for level, suite in self._open.items())
        self._open = {level: suite for level, suite in self._open.items() if level <= indent}
        (self.suites if sums_up else self.tests).append(Case("/".join((*above, name)), result))

    def _program_event(self, name: str, event: str) -> None:
        if event == "begins":
            self._program, self._open = name, {}
            return
        result = {"passed": Result.PASSED, "skipped": Result.SKIPPED}.get(event, Result.FAILED)
        self.tests.append(Case(name, result))
        self._program = None


def _self_test(line: str) -> Case | None:
    for name, (pattern, success) in _SELF_TESTS.items():
        if re.fullmatch(pattern, line):
            return Case(f"boot/{name}", Result.PASSED if re.fullmatch(success, line) else Result.FAILED)
    return None


def _numbered(tests: Sequence[Case]) -> list[Case]:
    """Return the tests with different paths: of those that have the same, the later ones get a number."""
    seen: dict[str, int] = {}
    numbered = []
    for test in tests:
        count = seen[test.path] = seen.get(test.path, 0) + 1
        numbered.append(test if count == 1 else Case(f"{test.path} ({count})", test.result))
    return numbered


def count(tests: Iterable[Case], result: Result) -> int:
    """Return how many tests ended like this."""
    return sum(test.result is result for test in tests)
