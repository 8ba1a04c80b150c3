# SPDX-License-Identifier: GPL-2.0-or-later
"""The Kernel Test Anything Protocol, version 1 (kernel: dev-tools/ktap.rst), without nested tests."""

from __future__ import annotations

import re
from typing import NamedTuple

_RESULT = re.compile(r"(not ok|ok) (\d+) ([^#]+?)(?: # SKIP (.*))?")
_PLAN = re.compile(r"1\.\.(\d+)(?: # SKIP (.*))?")


class Result(NamedTuple):
    """One test case; ``skipped`` says why it was not executed, None if it was."""

    name: str
    passed: bool
    skipped: str | None = None


class Report(NamedTuple):
    """What one program reports; ``skipped`` says why it has executed no test case at all."""

    planned: int
    results: list[Result]
    skipped: str | None = None

    @property
    def is_complete(self) -> bool:
        return len(self.results) == self.planned


def parse(text: str) -> Report:
    """Return what the lines of ``text`` say. Raises ValueError for what is no KTAP."""
    version, plan, *lines = text.splitlines() or ["", ""]
    planned = _PLAN.fullmatch(plan)
    if version != "KTAP version 1" or planned is None:
        raise ValueError(f"no KTAP: {text!r}")
    results: list[Result] = []
    for line in lines:
        found = _RESULT.fullmatch(line)
        if line.startswith("#"):
            continue
        if found is None or int(found[2]) != len(results) + 1:
            raise ValueError(f"no result number {len(results) + 1}: {line!r}")
        results.append(Result(found[3], found[1] == "ok", found[4]))
    return Report(int(planned[1]), results, planned[2])
