# SPDX-License-Identifier: GPL-2.0-or-later
"""Why QEMU and the model may differ: what is measured or random, and what each does in its own way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Variable(NamedTuple):
    """A part of a line that tells a time or an address; ``replacement`` stands for it on both sides."""

    pattern: re.Pattern[str]
    replacement: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """A difference that is known and right.

    ``pattern`` fits the whole line. In a line of both, nothing differs but its groups.
    """

    suites: str
    pattern: str
    reason: str
    #: The machine that alone says so; None where both say something.
    only: str | None = None

    def fits(self, suite: str, qemu: str | None, model: str | None) -> bool:
        """Tell whether this is the difference."""
        if re.fullmatch(self.suites, suite) is None:
            return False
        said = {name: line for name, line in (("qemu", qemu), ("model", model)) if line is not None}
        if set(said) != ({"qemu", "model"} if self.only is None else {self.only}):
            return False
        fixed = {self._without_groups(line) for line in said.values()}
        return len(fixed) == 1 and None not in fixed

    def _without_groups(self, line: str) -> str | None:
        """Return the line without what the groups fit; None if the pattern does not fit."""
        match = re.fullmatch(self.pattern, line)
        if match is None:
            return None
        for group in range(match.re.groups, 0, -1):
            start, end = match.span(group)
            line = line[:start] + line[end:]
        return line


VARIABLE: tuple[Variable, ...] = ()

#: The suites whose kernel has KUnit and the tests beside it.
_KUNIT = "kunit-.*|preempt-.*|hz-.*|everything-.*|linux-.*"

EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        ".*",
        r"Memory: (\d+K)/\d+K available \(.*, (\d+K) reserved, .*\)",
        "QEMU makes room in a tree that it is given, (size + 10000) * 2 bytes (load_device_tree)",
    ),
    Explanation(
        _KUNIT,
        r"ref_tracker: selftest@([0-9a-f]{8}) .*",
        "a pointer as %p prints it: hashed with a key that comes from when interrupts arrive (vsprintf.c)",
    ),
    Explanation(
        _KUNIT,
        r"\[([0-9a-f]{8})\] \[[0-9a-f]{8}\] .*",
        "where a stack lies: QEMU's tree takes more RAM, so other pages are given out (see above)",
    ),
    Explanation(
        _KUNIT,
        r"CPU: 0 UID: 0 PID: (\d+) Comm: kunit_try_catch .*",
        "a number of a process: how many workers the kernel has started by then depends on durations",
    ),
    *(
        Explanation(
            _KUNIT,
            pattern,
            "a duration: QEMU takes an interrupt at the end of a block, some instructions later or earlier",
        )
        for pattern in (
            r"test_bitops: fns: +(\d+) ns",
            r"test_bitmap: Time spent in \w+:\t(\d+)",
            r"test_div64: Completed .* test, (\d+\.\d+)s elapsed",
            r"', Time: (\d+)",
        )
    ),
)
