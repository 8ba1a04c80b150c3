# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules about where in the tree, and in the physical address space, a paravirtual device may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.devicetree.linux_address import resources, windows
from paradrive_tools.lint.driver.pvctl import COMPATIBLE
from paradrive_tools.lint.finding import Severity
from paradrive_tools.lint.linux.resources import memory, reserved_memory
from paradrive_tools.lint.rules.rule import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paradrive_tools.lint.subject import Subject


@rule(
    "in-soc-node",
    Severity.ERROR,
    hint="Move the node to a bus of the hypervisor's own, such as /platform@f00000000.",
)
def in_soc_node(subject: Subject) -> Iterator[Problem]:
    """A paravirtual device is described as a part of the SoC.

    The SoC's node describes a chip: what is in it, and where, is in the chip's reference manual. A device
    that a hypervisor adds is not in that manual. Placed there it takes an address that the chip, or its
    next revision, uses for something else, and it is found by software which knows the chip rather than
    the tree.

    The device belongs on a bus of its own, outside the SoC's node and outside its registers. On ppce500
    that is the platform bus, /platform@f00000000. The kernel does not mind: a device in the SoC's node may
    well bind.

    Wrong:

        soc@fe0000000 { ... pvctl@f0000 { compatible = "qemu,pvctl"; reg = <0xf0000 0x1000>; }; };

    Right:

        platform@f00000000 { ... pvctl@0 { compatible = "qemu,pvctl"; reg = <0x0 0x1000>; }; };
    """
    for node in subject.driver_nodes:
        soc = next((above for above in node.ancestors() if subject.is_soc(above)), None)
        if soc is not None:
            yield Problem(node, f"is a paravirtual device inside the SoC's node {soc.path}")


@rule(
    "in-ccsr-window",
    Severity.ERROR,
    hint="Choose an address outside the SoC's registers, such as one on the platform bus.",
)
def in_ccsr_window(subject: Subject) -> Iterator[Problem]:
    """A paravirtual device lies among the registers of the SoC (CCSR) without being one of them.

    The SoC decodes every address of its configuration, control and status registers (CCSR) itself,
    whether a register is there or not. What another node claims there is at best unreachable, and at
    worst two devices answer. The tree shows the window in the ``ranges`` of the SoC's node: on ppce500 it
    is 0xfe0000000..0xfe00fffff.

    A device that is described inside the SoC's node is the business of the rule in-soc-node.

    Wrong, from a bus of its own:

        bus@fe0080000 { ranges = <0x0 0xf 0xe0080000 0x1000>; ... pvctl@0 { reg = <0x0 0x1000>; }; };

    Right:

        bus@f10000000 { ranges = <0x0 0xf 0x10000000 0x1000>; ... pvctl@0 { reg = <0x0 0x1000>; }; };
    """
    for soc in filter(subject.is_soc, subject.tree.root.walk()):
        for window in windows(soc):
            for node in subject.driver_nodes:
                if soc in node.ancestors():
                    continue
                for resource in resources(node):
                    if resource.overlaps(window):
                        yield Problem(node, f"{resource} lies in CCSR, which is {window}", "reg")


@rule(
    "not-on-a-populated-bus",
    Severity.ERROR,
    hint='Put the node on a bus with compatible = "simple-bus", which is at the root or on such a bus.',
)
def not_on_a_populated_bus(subject: Subject) -> Iterator[Problem]:
    """No platform device is made of the node, so no driver ever sees it.

    On PowerPC the kernel does not make devices of all nodes. The platform's code walks down from the root
    through the buses that it knows (of_platform_bus_probe() with mpc85xx_common_ids: "simple-bus", the
    SoC, and a few more), and makes devices of their children. A node directly under the root, under a
    device, under /cpus or /chosen, or under a bus of another kind is part of the tree in /sys/firmware,
    but not a device.

    A node that is left out because of its own ``status`` is no finding: it says so itself.

    Wrong, directly under the root:

        / { pvctl@f00000000 { compatible = "qemu,pvctl"; ... }; };

    Right:

        / { platform@f00000000 { compatible = "qemu,platform", "simple-bus"; ... pvctl@0 { ... }; }; };
    """
    population = subject.population
    devices = {device.node.path for device in population.devices}
    for node in subject.driver_nodes:
        if node.is_available and node.path not in devices:
            reason = population.left_out.get(node.path, "it is the root")
            yield Problem(node, f"does not become a device: {reason}")
        elif node.parent is subject.tree.root and node.path in devices:
            yield Problem(node, "is directly under the root, and a device only because it is taken for a bus")


@rule(
    "board-imitation",
    Severity.ERROR,
    hint="Use a machine that its device tree describes completely, such as ppce500.",
)
def board_imitation(subject: Subject) -> Iterator[Problem]:
    """A machine that imitates a real board has a paravirtual device.

    mpc8544ds is the MPC8544DS board as Freescale built it: software for that board knows its layout from
    the board's manual and not from a tree. A hypervisor that adds a device to it runs a board that does
    not exist. Machines like ppce500, on the other hand, are made for guests: nothing is where it is but
    for the tree.

    A guest of mpc8544ds can therefore not ask its host to power it off. The model of that machine has no
    pvctl either: what the node describes does not answer, and the driver's probe fails with -ENODEV.
    """
    if not any(name in subject.board.paravirtual_models for name in COMPATIBLE):
        for node in subject.driver_nodes:
            yield Problem(node, f"is a paravirtual device on {subject.board.name}, which imitates a board")


@rule("in-ram", Severity.ERROR, hint="Choose an address that no memory node covers.")
def in_ram(subject: Subject) -> Iterator[Problem]:
    """A device's registers lie in memory which the kernel manages.

    The kernel enters all RAM of the memory nodes in its list of resources as busy ("System RAM" in
    /proc/iomem), and so the driver's devm_ioremap_resource() fails with -EBUSY. Were it not so, the kernel
    would keep its own data there. RAM is what the nodes with device_type = "memory" say, whether or not the
    machine has as much.

    Wrong, with 64 MiB of RAM at 0:

        bus@3000000 { ranges = <0x0 0x0 0x3000000 0x1000>; ... pvctl@0 { reg = <0x0 0x1000>; }; };

    Right is any address above, such as one on the platform bus at 0xf00000000.
    """
    reserved, all_memory = reserved_memory(subject.tree), memory(subject.tree)
    for node in subject.driver_nodes:
        for resource in resources(node):
            ram = next((region for region in all_memory if region.overlaps(resource)), None)
            if ram is not None and not any(region.overlaps(resource) for region in reserved):
                yield Problem(node, f"{resource} lies in RAM, which is {ram}", "reg")


@rule(
    "in-reserved-memory",
    Severity.ERROR,
    hint="Choose an address outside of RAM: reserved memory is the kernel's, too.",
)
def in_reserved_memory(subject: Subject) -> Iterator[Problem]:
    """A device's registers lie in RAM that has been reserved for them.

    A reservation (/memreserve/, or a child of /reserved-memory) keeps the kernel's allocator away from
    RAM, but the RAM is still the kernel's, busy in its list of resources: the driver's
    devm_ioremap_resource() fails with -EBUSY. With no-map the range is taken away from the kernel, and it
    can be claimed; but it remains RAM, and no device answers there.

    /reserved-memory counts only if it has ranges and the cells of the root (__reserved_mem_check_root).
    Registers are not memory: they have no place in a memory node at all. Choose an address above.
    """
    reserved = reserved_memory(subject.tree)
    for node in subject.driver_nodes:
        for resource in resources(node):
            for region in reserved:
                if region.overlaps(resource):
                    yield Problem(node, f"{resource} lies in reserved memory, which is {region}", "reg")


@rule("overlaps-device", Severity.ERROR, hint="Give each device addresses of its own.")
def overlaps_device(subject: Subject) -> Iterator[Problem]:
    """Two devices claim the same addresses.

    One driver gets the range and the other one -EBUSY, in the order in which they probe; or, where the first
    does not claim its range, both talk to whichever device answers. The bus that a device is on may have a
    reg that covers it; that is no finding.

    Wrong:

        pvctl@0 { reg = <0x0 0x1000>; ... };    pvctl@800 { reg = <0x800 0x1000>; ... };

    Right:

        pvctl@0 { reg = <0x0 0x1000>; ... };    pvctl@1000 { reg = <0x1000 0x1000>; ... };
    """
    others = [
        (node, resource)
        for node in subject.tree.root.walk()
        if node.is_available and node.device_type != "memory"
        for resource in resources(node)
    ]
    for node in (node for node in subject.driver_nodes if node.is_available):
        related = {node.path, *(at.path for at in node.ancestors()), *(at.path for at in node.walk())}
        for resource in resources(node):
            for other, taken in others:
                if taken.overlaps(resource) and other.path not in related:
                    yield Problem(node, f"{resource} overlaps {other.path}, which is at {taken}", "reg")
