# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings and predictions for other programs, in JSON.

    {"trees": [{"name": "bad.dts",
                "findings": [{"rule": "...", "severity": "error", "message": "...", "node": "/soc/x@0",
                              "hint": "...", "file": "bad.dts", "line": 7, "column": 3}],
                "failure": "",
                "predictions": [{"node": "/soc/x@0", "outcome": "probe fails with -EBUSY", "reason": "...",
                                 "paravirtual": true,
                                 "file": "bad.dts", "line": 6, "column": 8}]}]}

Lines and columns count from 1; 0 says that only the file is known. ``failure`` tells why the kernel does not
boot with the tree; there are no predictions then, and none of a tree that cannot be loaded. The words of
``outcome`` are those of linux/outcome.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_tools.lint.finding import Finding, Location
    from paradrive_tools.lint.output.report import Expectation, Report


def render(reports: Sequence[Report]) -> str:
    """Return one JSON object with a member for each tree, in the order of the command line."""
    return json.dumps({"trees": [_tree(report) for report in reports]}, indent=2) + "\n"


def _tree(report: Report) -> dict[str, object]:
    return {
        "name": report.name,
        "findings": [_finding(finding) for finding in report.findings],
        "failure": report.failure,
        "predictions": [_prediction(expectation) for expectation in report.expectations],
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "node": finding.node,
        "hint": finding.hint,
        **_place(finding.location),
    }


def _prediction(expectation: Expectation) -> dict[str, object]:
    return {
        "node": expectation.node,
        "outcome": expectation.outcome,
        "reason": expectation.reason,
        "paravirtual": expectation.is_paravirtual,
        **_place(expectation.location),
    }


def _place(location: Location) -> dict[str, object]:
    return {"file": location.file, "line": location.line, "column": location.column}
