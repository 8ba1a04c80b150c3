# SPDX-License-Identifier: GPL-2.0-or-later
"""What a tree must have for the kernel to boot at all, and to say so.

Source: Linux 6.12, arch/powerpc/kernel/prom.c, arch/powerpc/platforms/85xx, arch/powerpc/sysdev/mpic.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.lint.linux.address import resources
from paradrive_tools.lint.linux.interrupts import Interrupts
from paradrive_tools.lint.linux.resources import memory

if TYPE_CHECKING:
    from paradrive.machine.board import Board
    from paradrive_tools.lint.linux.tree import LinuxTree


def why_not(tree: LinuxTree, board: Board) -> str:
    """Return why the kernel does not boot with this tree, "" if it does."""
    if not tree.is_compatible(tree.root, (board.root_compatible,)):
        return f"the root is not compatible with {board.root_compatible}, so the kernel knows no such machine"
    if not any(region.start == 0 for region in memory(tree)):
        return "no memory node describes RAM at 0, where the kernel is"
    mpic = Interrupts(tree).mpic
    if mpic is None:
        return "there is no interrupt controller that the kernel takes for an MPIC"
    if not resources(tree, mpic):
        return f"the registers of the interrupt controller {mpic.path} cannot be found"
    return ""
