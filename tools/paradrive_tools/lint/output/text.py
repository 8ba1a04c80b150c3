# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings as a compiler prints them, so that editors find the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paradrive_tools.lint.finding import Finding
    from paradrive_tools.lint.output.report import Report


def render(reports: Sequence[Report]) -> str:
    """Return the text, tree by tree.

    There is a line for each finding, its hint below it, and then a note of what becomes of each paravirtual
    device.
    """
    return "".join(f"{line}\n" for report in reports for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        yield f"{finding.location}: {finding.severity.value}: {_message(finding)} [{finding.rule}]"
        if finding.hint:
            yield f"    {finding.hint}"
    for expected in report.expectations:
        if expected.is_paravirtual:
            yield f"{expected.location}: note: {expected.node}: {expected.outcome}: {expected.reason}"
    if report.failure:
        yield f"{report.name}: note: the kernel does not boot: {report.failure}"


def _message(finding: Finding) -> str:
    return f"{finding.node}: {finding.message}" if finding.node else finding.message
