# SPDX-License-Identifier: GPL-2.0-or-later
"""What a tree must have for the kernel to boot at all, and to say so.

Source: Linux 6.12, arch/powerpc/kernel/prom.c, arch/powerpc/platforms/85xx, arch/powerpc/sysdev/mpic.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.devicetree.linux_address import resources
from paradrive_tools.lint.linux.resources import free_memory, memory

if TYPE_CHECKING:
    from paradrive.devicetree.linux_address import Resource
    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive.machine.board import Board

#: sizeof(struct page) in this kernel, and the size of what it stands for, in bytes.
_PAGE_STRUCTURE = 32
#: RAM from 0 on that the kernel maps for itself: CONFIG_LOWMEM_SIZE, in bytes.
_MAPPED = 768 << 20


def why_not(tree: DeviceTree, board: Board, mpic: Node | None) -> str:
    """Return why the kernel does not boot with this tree, whose MPIC is this, "" if it does."""
    if not tree.root.is_compatible((board.root_compatible,)):
        return f"the root is not compatible with {board.root_compatible}, so the kernel knows no such machine"
    ram = memory(tree)
    if not any(region.start == 0 for region in ram):
        return "no memory node describes RAM at 0, where the kernel is"
    if not _fits(ram, free_memory(tree, ram)):
        return (
            "the memory map of so much RAM, at such addresses, does not fit into what the kernel maps of it "
            "and nothing reserves"
        )
    # Wherever they are: early_init_dt_scan_cpus() looks at all nodes, by their type.
    cpus = [node for node in tree.root.walk() if node.device_type == "cpu"]
    unnumbered = next((node for node in cpus if _numbers_of(node) is None), None)
    if unnumbered is not None:
        return (
            f"{unnumbered.path} has the device_type of a CPU and no reg, which the kernel reads all the same"
        )
    if not any(_is_boot_cpu(tree, node) for node in cpus):
        return f"no CPU node has the reg {tree.boot_cpu} of the CPU that boots"
    if mpic is None:
        return "there is no interrupt controller that the kernel takes for an MPIC"
    if not resources(mpic):
        return f"the registers of the interrupt controller {mpic.path} cannot be found"
    return ""


def _numbers_of(node: Node) -> str | None:
    """Return the property that numbers a CPU's threads, None where it has neither."""
    return next((name for name in ("ibm,ppc-interrupt-server#s", "reg") if name in node.properties), None)


def _is_boot_cpu(tree: DeviceTree, cpu: Node) -> bool:
    """Tell whether a CPU's node is that of the CPU that boots."""
    name = _numbers_of(cpu)
    return name is not None and tree.boot_cpu in cpu.cells(name)


def _fits(ram: list[Resource], free: list[Resource]) -> bool:
    """Tell whether the array of a struct page for each page up to the last one fits (alloc_node_mem_map)."""
    last = max(region.end for region in ram)
    largest = max((region.size for region in free if region.start < _MAPPED), default=0)
    return last // PAGE_SIZE * _PAGE_STRUCTURE < min(largest, _MAPPED)
