# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings in the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS Standard, 2020).

Section numbers below are the standard's. Predictions are results of the kind "informational" (3.27.9).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import paradrive
from paradrive_tools.lint.output.pages import page_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paradrive_tools.lint.finding import Finding, Location
    from paradrive_tools.lint.output.pages import Page
    from paradrive_tools.lint.output.report import Expectation, Report

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_PREDICTION = "prediction"


def render(reports: Sequence[Report]) -> str:
    """Return one log with one run (3.14), which has the results of all trees and the pages of their rules."""
    identifiers = sorted({finding.rule for report in reports for finding in report.findings})
    driver = {
        "name": "paradrive lint",
        "version": paradrive.__version__,
        "rules": [_rule(page_of(identifier)) for identifier in identifiers],
    }
    results = [result for report in reports for result in _results(report, identifiers)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(page: Page) -> dict[str, object]:
    """Return the descriptor of a rule (3.49)."""
    return {
        "id": page.identifier,
        "shortDescription": {"text": page.summary},
        "fullDescription": {"text": page.text},
        "help": {"text": f"{page.text}\n\n{page.hint}"},
        "defaultConfiguration": {"level": page.severity.value},
    }


def _results(report: Report, identifiers: list[str]) -> Iterator[dict[str, object]]:
    for finding in report.findings:
        yield _finding(finding, identifiers.index(finding.rule))
    if report.failure:
        message = {"text": f"the kernel does not boot: {report.failure}"}
        yield {"ruleId": _PREDICTION, "kind": "informational", "level": "none", "message": message}
    for expectation in report.expectations:
        yield _prediction(expectation)


def _finding(finding: Finding, rule_index: int) -> dict[str, object]:
    """Return a finding as a result (3.27)."""
    hint = f"\n{finding.hint}" if finding.hint else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}{hint}"},
        "locations": [_location(finding.location, finding.node)],
    }


def _prediction(expectation: Expectation) -> dict[str, object]:
    return {
        "ruleId": _PREDICTION,
        "kind": "informational",
        "level": "none",
        "message": {"text": f"{expectation.outcome}: {expectation.reason}"},
        "locations": [_location(expectation.location, expectation.node)],
    }


def _location(location: Location, node: str) -> dict[str, object]:
    """Return where a result is (3.28): in a file, and in the tree."""
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(location.file)}}
    if location.line:
        column = {"startColumn": location.column} if location.column else {}
        physical["region"] = {"startLine": location.line, **column}
    result: dict[str, object] = {"physicalLocation": physical}
    if node:
        result["logicalLocations"] = [{"fullyQualifiedName": node, "kind": "object"}]
    return result
