# SPDX-License-Identifier: GPL-2.0-or-later
"""The good and bad variants of the machines' trees (dts/variants), and what each says of itself.

The comment at the head of a variant ends in lines for machines, "Machine:" and "CPU:" where they are not
the default:

     * Lint: in-soc-node, in-ccsr-window
     * Kernel: /soc@fe0000000/pvctl@f0000: bound

``Lint`` names the rules that must catch a bad variant. ``Kernel`` says, a line for each pvctl, what becomes
of a node, or only that the kernel "does not boot".
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.source.reading import read_tree
from paradrive_tools.options import DEFAULT_CPU, DEFAULT_MACHINE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIANTS = TREE_SOURCES / "variants"
_NO_BOOT = "does not boot"
_LINE = re.compile(r"^ \* (?P<key>Machine|CPU|Lint|Kernel): (?P<value>.+)$", re.MULTILINE)


class Variant(NamedTuple):
    """One variant: ``rules`` must catch it, ``outcomes`` of nodes by path; none where it does not boot."""

    path: Path
    machine: str
    cpu: str
    rules: frozenset[str]
    outcomes: Mapping[str, str]
    boots: bool

    @property
    def is_good(self) -> bool:
        """Whether nothing is to be found wrong with it."""
        return self.path.parent.name == "good"

    def blob(self) -> bytes:
        """Return it compiled, even where dtc takes it for an error; InputError when it is no tree."""
        return read_tree(str(self.path)).blob


def variants() -> list[Variant]:
    """Return all variants, the bad ones first; ValueError where one does not say what it has to."""
    return [_read(path) for path in sorted(VARIANTS.glob("*/*.dts"))]


def good_blobs() -> list[bytes]:
    """Return the good variants of the default machine, compiled."""
    return [
        variant.blob()
        for variant in variants()
        if variant.is_good and (variant.machine, variant.cpu) == (DEFAULT_MACHINE, DEFAULT_CPU)
    ]


def _read(path: Path) -> Variant:
    head = path.read_text("utf-8").partition("*/")[0]
    values: dict[str, list[str]] = {"Machine": [], "CPU": [], "Lint": [], "Kernel": []}
    for match in _LINE.finditer(head):
        values[match["key"]].append(match["value"])
    if not values["Kernel"]:
        raise ValueError(f"{path}: does not say what the kernel does with it")
    boots = values["Kernel"] != [_NO_BOOT]
    outcomes = {}
    for line in values["Kernel"] if boots else ():
        node, separator, outcome = line.partition(": ")
        if not separator:
            raise ValueError(f"{path}: {line!r} is not a node and what becomes of it")
        outcomes[node] = outcome
    return Variant(
        path,
        (values["Machine"] or [DEFAULT_MACHINE])[0],
        (values["CPU"] or [DEFAULT_CPU])[0],
        frozenset(rule for rules in values["Lint"] for rule in rules.split(", ")),
        MappingProxyType(outcomes),
        boots,
    )
