# SPDX-License-Identifier: GPL-2.0-or-later
"""What is reported of one tree: the findings, and what the kernel will do with its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class Report(NamedTuple):
    """One tree: what is wrong, and what is expected of its devices.

    ``failure`` tells why the kernel does not boot with it at all; there are no expectations then, and none of
    a tree that cannot be loaded.
    """

    name: str
    findings: tuple[Finding, ...]
    expectations: tuple[Expectation, ...] = ()
    failure: str = ""
