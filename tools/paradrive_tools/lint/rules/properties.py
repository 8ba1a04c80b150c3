# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about the other properties of a device, and what comes of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.driver.pvctl import DEFAULT_PRIORITY, GUTS_PRIORITY, MAX_PRIORITY, SHARED_PRIORITY
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.linux.outcome import BOUND, NOT_POPULATED
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive.devicetree.node import Node
    from paradrive_tools.lint.subject import Subject

_STATUS = ("okay", "ok", "disabled", "reserved", "fail")


@rule(
    "priority-range", Severity.ERROR, hint=f"Choose a priority from 0 to {MAX_PRIORITY}; the default is 192."
)
def priority_range(subject: Subject) -> Iterator[Problem]:
    """The priority of a restart handler is none.

    restart-handler.yaml wants one cell from 0 to 255. The driver refuses a larger one: its probe fails with
    -EINVAL. It ignores a property that is too short for a cell, and uses the default, 192. The device with
    the highest priority is asked first to power off or to restart the machine.

    Wrong:

        priority = <256>;

    Right:

        priority = <200>;
    """
    for node in subject.pvctl_nodes:
        if "priority" not in node.properties:
            continue
        priority = node.read_u32("priority")
        if priority is None or len(node.properties["priority"]) != 4:
            yield Problem(node, "its priority is not one cell", "priority")
        elif priority > MAX_PRIORITY:
            yield Problem(node, f"its priority {priority} is above {MAX_PRIORITY}", "priority")


@rule(
    "priority-conflict", Severity.ERROR, hint="Give each device, and the SoC's own reset, another priority."
)
def priority_conflict(subject: Subject) -> Iterator[Problem]:
    """Two handlers would restart the machine at the same priority.

    Linux wants the order of handlers settled: it registers no second one at a priority, but for 0, and
    the probe of the second device fails with -EBUSY. 128 is that of the SoC's global utilities, if they have
    fsl,has-rstcr. Without priority, a device has 192: of two devices, one at least has to say another.

    Wrong:

        pvctl@0 { ... };    pvctl@1000 { ... };

    Right, where the second is asked if the first has refused:

        pvctl@0 { ... };    pvctl@1000 { ... priority = <191>; };
    """
    owners: dict[int, Node | None] = {GUTS_PRIORITY: None} if subject.has_guts_reset else {}
    for node in subject.pvctl_nodes:
        if not node.is_available:
            continue
        priority = node.read_u32("priority")
        priority = DEFAULT_PRIORITY if priority is None else priority
        if priority == SHARED_PRIORITY:
            continue
        if priority in owners:
            owner = owners[priority]
            whose = owner.path if owner is not None else "the SoC's global utilities"
            yield Problem(node, f"its priority {priority} is that of {whose}", "priority")
        else:
            owners[priority] = node


@rule("status-value", Severity.ERROR, hint='Write "okay" or "disabled", or leave status out.')
def status_value(subject: Subject) -> Iterator[Problem]:
    """``status`` has a value that the Devicetree specification does not know.

    "okay", "disabled", "reserved", "fail" and "fail-" with a reason are defined (2.3.4); Linux also takes
    "ok". Whatever else it says, "enabled" or "OKAY", too, the kernel makes no device of the node
    (of_device_is_available), nor of what is below. Nothing in the log says so.

    Wrong:

        status = "enabled";

    Right, or without status:

        status = "okay";
    """
    for node in subject.driver_nodes:
        if "status" in node.properties:
            value = next(iter(node.strings("status")), "")
            if value not in _STATUS and not value.startswith("fail-"):
                yield Problem(
                    node,
                    f'its status "{value}" is not one that is defined, so the kernel makes no device of it',
                    "status",
                )


@rule("does-not-bind", Severity.ERROR, hint="See the reason; the other findings on the node say more.")
def does_not_bind(subject: Subject) -> Iterator[Problem]:
    """The kernel makes a device of the node, and the driver does not bind to it.

    What the kernel will do has been thought ahead, step by step: the resources that it makes of ``reg``, who
    has claimed them already, the interrupt that it maps, and what the driver's probe does with a device that
    answers there. This is the verdict; where another rule knows the reason, it is a finding, too.

    -EINVAL: there are no registers, or the priority is none. -EBUSY: the registers, the interrupt or the
    priority belong to something else. -ENODEV: what answers at the address is no pvctl. -EOPNOTSUPP: it is
    one of a version that the driver does not know. -EPROBE_DEFER: the kernel waits for another driver, which
    never comes. -ENOMEM: the registers are larger than what the kernel can map.

    A kernel that does not boot is a finding of the root: it says why, and nothing is predicted then.
    """
    prediction = subject.prediction
    if prediction.failure:
        yield Problem(subject.tree.root, f"the kernel does not boot: {prediction.failure}")
    for node in subject.driver_nodes:
        probe = prediction.nodes.get(node.path)
        if probe is not None and probe.outcome not in (BOUND, NOT_POPULATED):
            yield Problem(node, f"{probe.outcome}: {probe.reason}")
