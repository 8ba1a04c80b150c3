# SPDX-License-Identifier: GPL-2.0-or-later
"""Searching generated trees for one with which the kernel does not do what the linter predicts."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings

from paradrive_dev.agreement.comparison import compare
from paradrive_dev.agreement.generator import trees
from paradrive_tools.lint.judgement import all_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_dev.agreement.comparison import Comparison, Disagreement
    from paradrive_tools.lint.subject import Subject

#: What a tree that no rule complains of counts under.
NO_RULE = "no rule"


@dataclass
class Tally:
    """How many trees have been compared; ``by_rule`` counts those in which each rule finds something."""

    agreed: int = 0
    disagreed: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)

    @property
    def trees(self) -> int:
        """All trees."""
        return self.agreed + self.disagreed

    def add(self, other: Tally) -> None:
        """Count what ``other`` has counted."""
        self.agreed += other.agreed
        self.disagreed += other.disagreed
        self.by_rule.update(other.by_rule)

    def count(self, comparison: Comparison) -> None:
        """Count one tree."""
        self.agreed += not comparison.disagreements
        self.disagreed += bool(comparison.disagreements)
        self.by_rule.update(_rules_that_fire(comparison.subject) or {NO_RULE})


class DisagreementError(Exception):
    """A tree, as a blob, with which the kernel does something else, and what; and the tally of all."""

    def __init__(self, blob: bytes, disagreements: Sequence[Disagreement], tally: Tally) -> None:
        self.blob = blob
        self.tally = tally
        super().__init__("\n".join(map(str, disagreements)))


def _rules_that_fire(subject: Subject) -> set[str]:
    """Return the identifiers of the project's own rules that find something in a tree."""
    return {rule.identifier for rule in all_rules().values() if any(True for _ in rule.check(subject))}


def search(good: Sequence[bytes], count: int, start: int) -> Tally:
    """Compare ``count`` trees, made of the ``good`` ones by the random numbers that begin with ``start``.

    Raises DisagreementError with the smallest tree that Hypothesis can find for a disagreement.
    """
    tally = Tally()

    @seed(start)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(trees(good))
    def agree(blob: bytes) -> None:
        comparison = compare(blob)
        tally.count(comparison)
        if comparison.disagreements:
            raise DisagreementError(blob, comparison.disagreements, tally)

    agree()
    return tally


def search_batch(good: Sequence[bytes], count: int, start: int) -> tuple[Tally, str]:
    """Search as ``search`` does; return the tally, and the smallest tree that disagrees as a source."""
    try:
        return search(good, count, start), ""
    except DisagreementError as error:
        command = ["dtc", "-f", "-q", "-I", "dtb", "-O", "dts"]
        source = subprocess.run(command, input=error.blob, capture_output=True, check=False, timeout=60)
        # Shrinking has found the same disagreement many times.
        tally = Tally(error.tally.agreed, 1, error.tally.by_rule)
        return tally, f"seed {start}:\n{error}\n{source.stdout.decode('ascii', 'replace')}"
