# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about the interrupts of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.linux.address import cells_of
from paradrive_tools.lint.linux.interrupts import HIGH_LEVEL, EndlessSearch, Interrupt, Interrupts
from paradrive_tools.lint.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.machine.devicetree import Node
    from paradrive_tools.lint.subject import Subject

_NAMES = ("interrupts-extended", "interrupts")


@rule(
    "interrupt-parent", Severity.ERROR, hint="Let interrupt-parent name the MPIC: interrupt-parent = <&mpic>;"
)
def interrupt_parent(subject: Subject) -> Iterator[Problem]:
    """An interrupt goes to a node which does not exist, or is no interrupt controller.

    Where the parent does not exist the driver is told that there is no interrupt; pvctl binds then,
    without the requests of the host. Where it exists and has no driver, the kernel waits for one: the
    probe is deferred, for ever. Where the MPIC does not say that it is an interrupt-controller, the kernel
    looks further up, and comes back to it, without an end.
    """
    if isinstance(subject.interrupts, EndlessSearch):
        yield Problem(subject.interrupts.node, f"the kernel does not boot: {subject.interrupts}")
        return
    for node in _with_interrupts(subject):
        mapped, _ = subject.interrupts.specifier(node) or (None, [])
        parent = mapped or _parent(subject, node)
        if parent is None:
            yield Problem(node, "its interrupt parent does not exist", _property(node))
        elif "interrupt-controller" not in parent.properties:
            yield Problem(node, f"its interrupt parent {parent.path} is no controller", _property(node))
        elif parent is not Interrupts(subject.linux).mpic:
            yield Problem(node, f"its interrupt parent {parent.path} has no driver", _property(node))


def _parent(subject: Subject, node: Node) -> Node | None:
    """Return the node that the first interrupt of a node goes to."""
    extended = cells_of(node, "interrupts-extended")
    if "interrupts-extended" in node.properties:
        return subject.linux.by_phandle(extended[0]) if extended else None
    return Interrupts(subject.linux).parent(node)


@rule(
    "interrupt-specifier",
    Severity.ERROR,
    hint="Write as many cells as #interrupt-cells of the controller says.",
)
def interrupt_specifier(subject: Subject) -> Iterator[Problem]:
    """An interrupt has not as many cells as its controller asks for.

    How many cells an interrupt has is said by #interrupt-cells of its controller: 2 or 4 for an MPIC, a
    source and its sense. With fewer the driver is told that there is no interrupt; a rest is ignored.
    """
    for node in _with_interrupts(subject):
        name = _property(node)
        if name == "interrupts-extended":
            yield from _check_extended(subject, node)
            continue
        parent = Interrupts(subject.linux).parent(node)
        width = subject.linux.read_u32(parent, "#interrupt-cells") if parent is not None else None
        count = len(node.properties[name]) / 4
        if width is not None and (width == 0 or count % width or not count):
            yield Problem(node, f"its {name} has {count:g} cells, not groups of {width}", name)


def _check_extended(subject: Subject, node: Node) -> Iterator[Problem]:
    name = "interrupts-extended"
    cells = cells_of(node, name)
    position = 0
    while position < len(cells):
        parent = subject.linux.by_phandle(cells[position])
        width = subject.linux.read_u32(parent, "#interrupt-cells") if parent is not None else None
        if width is None:
            return  # the business of the rule interrupt-parent
        position += 1 + width
    if position != len(cells) or not cells or len(node.properties[name]) % 4:
        yield Problem(node, f"its {name} ends within an interrupt", name)


@rule(
    "interrupt-number",
    Severity.ERROR,
    hint="Choose one of the sources of the platform bus: 5 to 14 on ppce500.",
)
def interrupt_number(subject: Subject) -> Iterator[Problem]:
    """The interrupt controller has no such source.

    The kernel cannot map the interrupt, and tells the driver that there is none; pvctl binds then,
    without the requests of the host.
    """
    for node in _with_interrupts(subject):
        interrupts = Interrupts(subject.linux)
        controller, cells = interrupts.specifier(node) or (None, [])
        if controller is interrupts.mpic and cells and not interrupts.exists(cells[0]):
            yield Problem(node, f"the MPIC has no source {cells[0]}", _property(node))


@rule("interrupt-sense", Severity.WARNING, hint="Write 2, active high level, into the second cell.")
def interrupt_sense(subject: Subject) -> Iterator[Problem]:
    """The sense of an interrupt is not the device's.

    The line of pvctl is a level, active high, for as long as a request is pending (sense 2 of the MPIC).
    To an edge, requests that come while another is handled get lost; an active low level interrupts
    without end.
    """
    for node in _with_interrupts(subject):
        found = Interrupts(subject.linux).first(node)
        if isinstance(found, Interrupt) and found.sense and found.sense != HIGH_LEVEL:
            yield Problem(
                node, f"the sense of its interrupt is {found.sense}, not {HIGH_LEVEL}", _property(node)
            )


@rule("interrupt-taken", Severity.ERROR, hint="Give each device a source of its own.")
def interrupt_taken(subject: Subject) -> Iterator[Problem]:
    """The interrupt belongs to another device, and is not shared.

    pvctl does not share its interrupt, so request_threaded_irq() fails with -EBUSY for the second one,
    and so does its probe. A source that is mapped with another sense already cannot be mapped again at
    all.
    """
    owners: dict[int, Node] = {}
    if isinstance(subject.interrupts, EndlessSearch):
        return
    for node in subject.tree.root.walk():
        found = subject.interrupts.specifier(node)
        if found is None or not found[1] or not subject.linux.is_available(node):
            continue
        owner = owners.setdefault(found[1][0], node)
        pair = (owner, node) if node in subject.driver_nodes else (node, owner)
        if owner is not node and pair[1] in subject.driver_nodes:
            yield Problem(pair[1], f"{pair[0].path} has its interrupt {found[1][0]}, too", _property(pair[1]))


def _with_interrupts(subject: Subject) -> list[Node]:
    """Return the driver's nodes that have interrupts, none where the kernel would search for ever."""
    if isinstance(subject.interrupts, EndlessSearch):
        return []
    return [node for node in subject.driver_nodes if any(name in node.properties for name in _NAMES)]


def _property(node: Node) -> str:
    return next((name for name in _NAMES if name in node.properties), "")
