# SPDX-License-Identifier: GPL-2.0-or-later
"""Two consoles of the same guest, compared test by test and line by line."""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from paradrive_dev.suites.console import Report, Result, count, read_console
from paradrive_dev.suites.explanations import EXPLANATIONS, VARIABLE, Explanation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paradrive_dev.suites.console import Case


class Difference(NamedTuple):
    """What the two say at the same place; None where one of them says nothing."""

    qemu: str | None
    model: str | None


class Comparison(NamedTuple):
    """What the comparison of a suite has found; the counts are the model's."""

    tests: int
    passed: int
    failed: int
    skipped: int
    differing: list[Difference]
    explained: list[tuple[Difference, Explanation]]


def compare(
    suite: str, qemu: str, model: str, explanations: Sequence[Explanation] = EXPLANATIONS
) -> Comparison:
    """Compare the consoles of ``suite``; what no explanation fits is differing."""
    theirs, ours = read_console(qemu), read_console(model)
    differing, explained = [], []
    for difference in _differences(theirs, ours):
        for explanation in explanations:
            if explanation.fits(suite, difference.qemu, difference.model):
                explained.append((difference, explanation))
                break
        else:
            differing.append(difference)
    return Comparison(
        tests=len(ours.tests),
        passed=count(ours.tests, Result.PASSED),
        failed=count(ours.tests, Result.FAILED),
        skipped=count(ours.tests, Result.SKIPPED),
        differing=differing,
        explained=explained,
    )


def _differences(theirs: Report, ours: Report) -> Iterator[Difference]:
    yield from _differing_tests(theirs.tests, ours.tests)
    yield from _differing_tests(theirs.suites, ours.suites)
    yield from _differing_lines(theirs.lines, ours.lines)


def _differing_tests(theirs: Sequence[Case], ours: Sequence[Case]) -> Iterator[Difference]:
    """Yield the tests that have not the same result, or that only one of the two has run."""
    results = [{test.path: test.result for test in tests} for tests in (theirs, ours)]
    for path in dict.fromkeys([*results[0], *results[1]]):
        qemu, model = (result.get(path) for result in results)
        if qemu is not model:
            yield Difference(*(found and f"{path}: {found.value}" for found in (qemu, model)))


def _differing_lines(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[Difference]:
    """Yield the lines that one of the two lacks, side by side where others stand in their place."""
    qemu, model = ([mask(line) for line in lines] for lines in (theirs, ours))
    matcher = SequenceMatcher(None, qemu, model, autojunk=False)
    for kind, qemu_from, qemu_to, model_from, model_to in matcher.get_opcodes():
        if kind != "equal":
            for pair in zip_longest(theirs[qemu_from:qemu_to], ours[model_from:model_to]):
                yield Difference(*pair)


def mask(line: str) -> str:
    """Return the line with a mark for each part that differs from run to run on one machine, too."""
    for variable in VARIABLE:
        line = variable.pattern.sub(variable.replacement, line)
    return line
