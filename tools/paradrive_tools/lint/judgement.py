# SPDX-License-Identifier: GPL-2.0-or-later
"""All that is to be said of a tree: the project's rules, dtc's checks, the bindings."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from paradrive.devicetree.error import DeviceTreeError
from paradrive_tools.lint import rules
from paradrive_tools.lint.finding import Finding, Location
from paradrive_tools.lint.rules.rule import RULES, Rule
from paradrive_tools.lint.schema import bindings
from paradrive_tools.lint.source import dtc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive_tools.lint.rules.rule import Problem
    from paradrive_tools.lint.subject import Subject


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return the project's own rules by their identifiers; each module in ``rules`` declares some."""
    for module in pkgutil.iter_modules(rules.__path__):
        importlib.import_module(f"{rules.__name__}.{module.name}")
    return dict(sorted(RULES.items()))


def lint(subject: Subject) -> list[Finding]:
    """Return what is wrong with the tree, in the order of its sources; equal trees give equal lists."""
    judgement = bindings.submit(subject)  # made while the rest is done here
    findings = [*_own_findings(subject), *_compiler_findings(subject)]
    return in_order([*findings, *judgement()])


def in_order(findings: list[Finding]) -> list[Finding]:
    """Return each finding once, sorted by where it is."""
    return sorted(
        set(findings),
        # Of two bindings that say the same, the hint tells which is which.
        key=lambda found: (found.location, found.node, found.rule, found.message, found.hint),
    )


def _own_findings(subject: Subject) -> list[Finding]:
    findings = []
    for rule in all_rules().values():
        try:
            findings += [_finding(rule, problem, subject) for problem in rule.check(subject)]
        except DeviceTreeError as error:
            # A property that the rule needs is malformed, which is a finding, too.
            findings.append(
                Finding(rule.identifier, rule.severity, error.reason, Location(subject.name), hint=rule.hint)
            )
    return findings


def _finding(rule: Rule, problem: Problem, subject: Subject) -> Finding:
    path = problem.node.path if problem.node is not None else ""
    location = problem.location or subject.source_map.locate(path, problem.property)
    return Finding(rule.identifier, rule.severity, problem.message, location, path, rule.hint)


def _compiler_findings(subject: Subject) -> list[Finding]:
    """Return what dtc says: of a source it has said it already, when it compiled it."""
    if subject.compiler_findings is not None:
        return list(subject.compiler_findings)
    return dtc.check_blob(subject.blob, subject.name)
