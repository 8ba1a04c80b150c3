# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of each rule, which says what it is about and why: ``paradrive lint --explain RULE``."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from paradrive.host.inputs import InputError
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.judgement import all_rules
from paradrive_tools.lint.schema import bindings

DTC_PREFIX = "dtc:"
UNLOADABLE = "unloadable"


class Page(NamedTuple):
    """A rule in words: a line, and all of it; ``hint`` says how what it finds is put right."""

    identifier: str
    severity: Severity
    hint: str
    text: str

    @property
    def summary(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]


def _page(identifier: str, severity: Severity, hint: str, text: str) -> Page:
    return Page(identifier, severity, hint, textwrap.dedent(text).strip())


#: What is not a rule of this project's own.
_FOREIGN = (
    _page(
        bindings.RULE,
        Severity.ERROR,
        "Change the node to what its binding says, or the binding, if the node is right.",
        """
        The tree breaks a binding.

        A binding (a schema in YAML) says what the node of a device has to contain, and what it may contain.
        Linux keeps one for each device in Documentation/devicetree/bindings; the generic ones, for buses,
        CPUs or interrupts, come with dtschema. This linter asks dtschema, as "make dtbs_check" does, with
        its own schemas and those in dts/bindings. The hint of a finding names the schema.

        dtschema may also fail to read a property at all, because its length fits no number of cells or a
        phandle leads nowhere. It judges nothing else of such a tree.

        A bus compatible with "qemu,platform" may bear the name that QEMU gives it.
        """,
    ),
    _page(
        bindings.UNDOCUMENTED_RULE,
        Severity.WARNING,
        "Correct the spelling, or write a binding below dts/bindings.",
        """
        No binding describes a compatible string.

        Either it is misspelt, and no driver will know it, or nobody has written down yet what such a node
        means. Linux accepts no driver without a binding (scripts/checkpatch.pl asks for it), because a tree
        outlives the kernel it was written for.
        """,
    ),
    _page(
        UNLOADABLE,
        Severity.ERROR,
        "Put right what dtc complains of.",
        """
        dtc has written a tree that cannot be loaded.

        dtc is told to write the tree in spite of errors, so that all of them can be shown. What it writes may
        not be a proper tree any more; the finding says why. Nothing else has been checked.
        """,
    ),
)


def all_pages() -> list[Page]:
    """Return the pages of all rules, the project's own first; dtc's checks share one."""
    own = [_page(rule.identifier, rule.severity, rule.hint, rule.page) for rule in all_rules().values()]
    return [*own, *_FOREIGN, _dtc_page("NAME")]


def page_of(identifier: str) -> Page:
    """Return the page of a rule; InputError when there is no such rule."""
    if identifier.startswith(DTC_PREFIX):
        return _dtc_page(identifier.removeprefix(DTC_PREFIX))
    for page in all_pages():
        if page.identifier == identifier:
            return page
    raise InputError(identifier, "there is no such rule (paradrive lint --list-rules shows all)")


def _dtc_page(check: str) -> Page:
    return _page(
        DTC_PREFIX + check,
        Severity.WARNING,
        f"Look for the check {check} in checks.c of dtc.",
        f"""
        The check {check} of dtc, the device tree compiler.

        dtc checks a tree against the Devicetree specification: names and unit addresses, the lengths of reg
        and ranges, phandles, interrupts, and what some buses demand. All of its checks are on here, those
        that are off by default included. Its errors are findings like its warnings, and linting goes on if
        a tree is left at all; where there is none, the exit status is 2.

        What dtc does not know is what a kernel does with the tree; that is what this linter's own rules are
        for.
        """,
    )
