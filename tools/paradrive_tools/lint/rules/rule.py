# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule of the linter: an identifier, a page that says why, a hint, and the check itself, in one place.

from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.rules.rule import Problem, rule

@rule("reg-missing", Severity.ERROR, hint="Add reg = <address size>;")
def reg_missing(subject):
\"\"\"A device has no reg.

The page that ``paradrive lint --explain reg-missing`` prints.
\"\"\"
for node in subject.paravirtual_nodes:
if "reg" not in node.properties:
yield Problem(node, "has no reg, so its driver finds no registers")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.finding import Location, Severity
    from paradrive_tools.lint.subject import Subject


class Problem(NamedTuple):
    """What a check has found: a node, what is wrong with it, and the property that is to blame, if one is.

    What is not about the tree (the module, the configuration) has no node, but a ``location``.
    """

    node: Node | None
    message: str
    property: str = ""
    location: Location | None = None


Check = Callable[["Subject"], Iterable[Problem]]


class Rule(NamedTuple):
    """One rule; its page is the docstring of its check, whose first line sums it up."""

    identifier: str
    severity: Severity
    hint: str
    check: Check

    @property
    def page(self) -> str:
        """The reason for the rule, some paragraphs of text."""
        return inspect.getdoc(self.check) or ""

    @property
    def summary(self) -> str:
        """The first line of the page."""
        return self.page.partition("\n")[0]


#: All rules that have been declared, by their identifiers.
RULES: dict[str, Rule] = {}


def rule(identifier: str, severity: Severity, *, hint: str) -> Callable[[Check], Check]:
    """Declare the function below as the check of a new rule; ValueError if the identifier is taken."""

    def declare(check: Check) -> Check:
        if identifier in RULES:
            raise ValueError(f"there are two rules {identifier}")
        RULES[identifier] = Rule(identifier, severity, hint, check)
        return check

    return declare
