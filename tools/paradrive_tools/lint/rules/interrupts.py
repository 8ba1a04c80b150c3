# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about the interrupts of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devicetree.linux_interrupts import NoInterrupt, find_interrupt, find_interrupt_parent
from paradrive.devicetree.node import CELL
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.linux.interrupts import HIGH_LEVEL, Interrupt
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.subject import Subject

_EXTENDED = "interrupts-extended"


@rule(
    "interrupt-parent", Severity.ERROR, hint="Let interrupt-parent name the MPIC: interrupt-parent = <&mpic>;"
)
def interrupt_parent(subject: Subject) -> Iterator[Problem]:
    """An interrupt goes to a node which does not exist, or is no interrupt controller.

    The kernel takes the controller from interrupts-extended, or else from the interrupt-parent of the node
    itself or of the nearest node above that has one (of_irq_find_parent). What follows from a wrong one
    depends on what is wrong:

    - It does not exist: the driver is told that there is no interrupt. pvctl binds then, but no request of
      the host ever reaches the guest.
    - It exists, and no driver has made an interrupt controller of it: the kernel waits for that driver, and
      the probe is deferred (-EPROBE_DEFER), for ever.
    - It has #interrupt-cells but does not say interrupt-controller: the kernel looks for a controller
      further up. Where that leads back to the node, it does so without an end, and does not boot.

    Wrong, as the UART is no controller:

        pvctl@0 { interrupt-parent = <&serial0>; interrupts = <5 2>; ... };

    Right, or without interrupt-parent, where the root has it:

        pvctl@0 { interrupt-parent = <&mpic>; interrupts = <5 2>; ... };
    """
    if subject.endless_search is not None:
        yield Problem(
            subject.endless_search.node, f"the kernel does not boot: {subject.endless_search.reason}"
        )
    for node in _with_interrupts(subject):
        parent = _parent(subject, node)
        if parent is None:
            yield Problem(node, "its interrupt parent does not exist", _property(node))
        elif "interrupt-controller" not in parent.properties:
            yield Problem(node, f"its interrupt parent {parent.path} is no controller", _property(node))
        elif parent is not subject.interrupts.mpic:
            yield Problem(node, f"its interrupt parent {parent.path} has no driver", _property(node))


def _parent(subject: Subject, node: Node) -> Node | None:
    """Return the controller of a node's first interrupt, or else the node that it is said to be."""
    specifier = find_interrupt(node)
    if not isinstance(specifier, NoInterrupt):
        return specifier.controller
    if _EXTENDED in node.properties:
        return next(map(subject.tree.by_phandle, node.cells(_EXTENDED)[:1]), None)
    return find_interrupt_parent(node)


@rule(
    "interrupt-specifier",
    Severity.ERROR,
    hint="Write as many cells as #interrupt-cells of the controller says.",
)
def interrupt_specifier(subject: Subject) -> Iterator[Problem]:
    """An interrupt has not as many cells as its controller asks for.

    How many cells an interrupt has is said by #interrupt-cells of its controller: 2 or 4 for an MPIC, of
    which the first are a source and its sense. In interrupts-extended, a phandle goes before them. With
    fewer cells the driver is told that there is no interrupt, and pvctl binds without the requests of the
    host; what is left over at the end, the kernel ignores without a word.

    Wrong, with an MPIC of two cells:

        interrupts = <5>;

    Right, source 5, active high level:

        interrupts = <5 2>;
    """
    for node in _with_interrupts(subject):
        name = _property(node)
        if name == _EXTENDED:
            yield from _check_extended(subject, node)
            continue
        parent = find_interrupt_parent(node)
        width = parent.read_u32("#interrupt-cells") if parent is not None else None
        size = len(node.properties[name])
        if parent is not None and width is not None and (not size or not width or size % (CELL * width)):
            cells = f"{size / CELL:g} cells, but an interrupt at {parent.path} has {width}"
            yield Problem(node, f"its {name} has {cells}", name)


def _check_extended(subject: Subject, node: Node) -> Iterator[Problem]:
    cells = node.cells(_EXTENDED)
    position = 0
    while position < len(cells):
        parent = subject.tree.by_phandle(cells[position])
        width = parent.read_u32("#interrupt-cells") if parent is not None else None
        if width is None:
            return  # the business of the rule interrupt-parent
        position += 1 + width
    size = len(node.properties[_EXTENDED])
    if position * CELL != size or not cells:
        yield Problem(
            node, f"its {_EXTENDED} has {size / CELL:g} cells, but its interrupts have {position}", _EXTENDED
        )


@rule(
    "interrupt-number",
    Severity.ERROR,
    hint="Choose one of the sources of the platform bus: 5 to 14 on ppce500.",
)
def interrupt_number(subject: Subject) -> Iterator[Problem]:
    """The interrupt controller has no such source.

    The first cell of an interrupt at the MPIC is its source, from 0 to 255 (the kernel also maps the vectors
    from 2003 to 2042, of errors and timers). Another one the kernel cannot map (mpic_host_map): it tells the
    driver that there is no interrupt, and pvctl binds without the requests of the host.

    On ppce500 the sources 5 to 14 belong to the platform bus. The others belong to the chip: to share one
    with a device of the chip is what the rule interrupt-shared finds.

    Wrong:

        interrupts = <256 2>;

    Right:

        interrupts = <5 2>;
    """
    for node in _with_interrupts(subject):
        specifier = find_interrupt(node)
        if isinstance(specifier, NoInterrupt) or specifier.controller is not subject.interrupts.mpic:
            continue
        if specifier.cells and subject.interrupts.source(specifier.cells) is None:
            cells = " ".join(map(str, specifier.cells))
            yield Problem(node, f"the MPIC has no source <{cells}>, only 0 to 255", _property(node))


@rule("interrupt-sense", Severity.WARNING, hint="Write 2, active high level, into the second cell.")
def interrupt_sense(subject: Subject) -> Iterator[Problem]:
    """The sense of an interrupt is not the device's.

    The line of pvctl is a level, active high, for as long as a request is pending. In the second cell of an
    interrupt, the MPIC's binding counts 0 rising edge, 1 low level, 2 high level, 3 falling edge; only the
    last two bits count. The driver binds whatever it says, but:

    - at an edge, a request that comes while another is being handled gets lost;
    - at a low level, the interrupt is raised without end as long as there is no request.

    Wrong:

        interrupts = <5 0>;

    Right:

        interrupts = <5 2>;
    """
    for node in _with_interrupts(subject):
        found = subject.interrupts.first(node)
        if isinstance(found, Interrupt) and found.sense and found.sense != HIGH_LEVEL:
            sense = f"the sense of its interrupt {found.source} is {found.sense}, not {HIGH_LEVEL}"
            yield Problem(node, sense, _property(node))


@rule("interrupt-taken", Severity.ERROR, hint="Give each device a source of its own.")
def interrupt_taken(subject: Subject) -> Iterator[Problem]:
    """The interrupt belongs to something else that does not share it.

    Source 16 is that of the chip's own errors, whose handler the kernel installs at the start and shares with
    nobody (mpic_err_int_init): the driver's request_irq() fails with -EBUSY, and so does its probe. A source
    that is mapped already with another sense cannot be mapped again; then the driver is told that there is no
    interrupt, and pvctl binds without the requests of the host.

    Wrong:

        pvctl@0 { interrupts = <16 3>; ... };

    Right:

        pvctl@0 { interrupts = <5 2>; ... };
    """
    if subject.endless_search is not None:
        return
    for node in subject.driver_nodes:
        found = subject.interrupts.first(node)
        if isinstance(found, Interrupt) and found.source == subject.interrupts.error_source:
            yield Problem(node, f"its interrupt {found.source} is that of the chip's errors", _property(node))
    for node, other, found in _with_one_interrupt(subject):
        sense = subject.interrupts.first(other)
        if isinstance(sense, Interrupt) and sense.sense and found.sense and sense.sense != found.sense:
            message = f"{other.path} has its interrupt {found.source} as {sense.sense}, not as {found.sense}"
            yield Problem(node, message, _property(node))


@rule("interrupt-shared", Severity.WARNING, hint="Give each device a source of its own.")
def interrupt_shared(subject: Subject) -> Iterator[Problem]:
    """Another device has the same interrupt.

    The driver shares it, so both work. But each interrupt of the other device lets the driver ask its device,
    too, and each such access costs an exit to the host.

    Poor, as both UARTs of the chip have source 42:

        pvctl@0 { interrupts = <42 2>; ... };

    Right:

        pvctl@0 { interrupts = <5 2>; ... };
    """
    if subject.endless_search is not None:
        return
    for node, other, found in _with_one_interrupt(subject):
        sense = subject.interrupts.first(other)
        if not isinstance(sense, Interrupt) or not sense.sense or sense.sense == (found.sense or sense.sense):
            yield Problem(node, f"{other.path} has its interrupt {found.source}, too", _property(node))


def _with_one_interrupt(subject: Subject) -> Iterator[tuple[Node, Node, Interrupt]]:
    """Yield the driver's nodes whose interrupt another node has, too, with that one."""
    owners: dict[int, Node] = {}
    for node in subject.tree.root.walk():
        if not node.is_available:
            continue
        found = subject.interrupts.first(node)
        if isinstance(found, NoInterrupt):
            continue
        owner = owners.setdefault(found.source, node)
        if owner is node:
            continue
        # The tree's order is not that of drivers: a device of the chip was there before.
        other, blamed = (owner, node) if node in subject.driver_nodes else (node, owner)
        if blamed in subject.driver_nodes:
            of_blamed = subject.interrupts.first(blamed)
            assert isinstance(of_blamed, Interrupt)
            yield blamed, other, of_blamed


def _with_interrupts(subject: Subject) -> list[Node]:
    """Return the driver's nodes that have interrupts, none where the kernel would search for ever."""
    if subject.endless_search is not None:
        return []
    return [node for node in subject.driver_nodes if _property(node)]


def _property(node: Node) -> str:
    """Return the property that says a node's interrupts, "" if none does."""
    return next((name for name in (_EXTENDED, "interrupts") if name in node.properties), "")
