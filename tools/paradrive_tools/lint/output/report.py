# SPDX-License-Identifier: GPL-2.0-or-later
"""What is reported of one tree: the findings, and what the kernel will do with its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.host.inputs import MAX_SOURCE
from paradrive.host.printable import printable
from paradrive_tools.lint.finding import MAX_MESSAGE

if TYPE_CHECKING:
    from paradrive_tools.lint.finding import Finding, Location


class Expectation(NamedTuple):
    """What becomes of a node: the outcome in a few words, why, and where the node is in the sources.

    ``is_paravirtual`` tells that the node is of a device of the hypervisor's, or was meant to be.
    """

    node: str
    outcome: str
    reason: str
    location: Location
    is_paravirtual: bool

    def shown(self) -> Expectation:
        """Return the expectation in texts that can be shown; they quote the tree."""
        return self._replace(
            node=printable(self.node, MAX_SOURCE),
            outcome=printable(self.outcome),
            reason=printable(self.reason, MAX_MESSAGE),
            location=self.location.shown(),
        )


class Report(NamedTuple):
    """One tree: what is wrong, and what is expected of its devices.

    ``failure`` tells why the kernel does not boot with it at all; there are no expectations then, and none of
    a tree that cannot be loaded.
    """

    name: str
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...] = ()
    failure: str = ""

    def shown(self) -> Report:
        """Return the report in texts that can be shown, on a terminal or by whoever reads a format."""
        return Report(
            printable(self.name, MAX_SOURCE),
            tuple(finding.shown() for finding in self.findings),
            tuple(expectation.shown() for expectation in self.expectations),
            printable(self.failure),
        )
