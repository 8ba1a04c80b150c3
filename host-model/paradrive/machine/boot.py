# SPDX-License-Identifier: GPL-2.0-or-later
"""Booting: where kernel, device tree and initrd go, and the state in which the kernel is entered.

Placement and entry state are those of QEMU's hw/ppc/e500.c; the state follows ePAPR 1.1, section 5.4
(the boot CPU's initial register values and initial mapped area).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.cpu.ports import Memory
    from paradrive.cpu.vcpu import Vcpu
    from paradrive.devicetree.node import DeviceTree, Node
    from paradrive.machine.elf_kernel import Kernel

EPAPR_MAGIC = 0x45504150
#: QEMU's initial stack pointer; the kernel sets its own before it uses one.
INITIAL_STACK = (16 << 20) - 8
#: The randomness which ``chosen`` offers where the tree has none: constant, so that runs are identical.
RNG_SEED = bytes(range(32))
#: Linux's COMMAND_LINE_SIZE for PowerPC, with the terminating NUL.
COMMAND_LINE_SIZE = 2048

# The distances of QEMU: device tree and initrd are so far behind the kernel, rounded down to a multiple.
DEVICE_TREE_DISTANCE, DEVICE_TREE_ALIGNMENT = 0x180_0000, 0x10_0000
INITRD_DISTANCE, INITRD_ALIGNMENT = 0x200_0000, 0x100_0000
#: QEMU leaves the memory below to a boot program, u-boot, and counts the initrd's distance from here.
BOOT_PROGRAM_END = 32 << 20
#: Linux reads the tree through its first mapping, which covers so much from the kernel's start.
KERNEL_FIRST_MAPPING = 64 << 20
#: The largest page below 4 GiB, whose size r7 cannot hold: the tree must end below, to be mapped.
LARGEST_INITIAL_MAPPING = 1 << 30

_USER_AND_SUPERVISOR_ALL = 0b111111


class Initrd(NamedTuple):
    """The initial RAM disk or initramfs; ``source`` names its file."""

    source: str
    contents: bytes


class Image(NamedTuple):
    """``contents`` which are loaded at the physical ``address``."""

    address: int
    contents: bytes

    @property
    def end(self) -> int:
        """The physical address behind the last byte."""
        return self.address + len(self.contents)


class BootImages(NamedTuple):
    """What every boot loads into ``ram``."""

    ram: Memory
    kernel: Kernel
    device_tree: Image
    initrd: Image | None

    def load(self) -> None:
        """Write the images into RAM, as on the first so on every later boot."""
        for segment in self.kernel.segments:
            self._store(segment.physical, segment.data)
            zeros = segment.memory_size - len(segment.data)
            self._store(segment.physical + len(segment.data), bytes(zeros))
        self._store(*self.device_tree)
        if self.initrd:
            self._store(*self.initrd)

    def enter(self, vcpu: Vcpu) -> None:
        """Give a CPU that has just been reset the state in which a boot program enters the kernel."""
        mapped_size = self._initial_mapping_size()
        vcpu.mmu.tlb1[0] = TlbEntry(
            epn=0, rpn=0, size=mapped_size, valid=True, permissions=_USER_AND_SUPERVISOR_ALL
        )
        gpr = vcpu.state.gpr
        gpr[1] = INITIAL_STACK
        gpr[3] = self.device_tree.address
        gpr[6] = EPAPR_MAGIC
        gpr[7] = mapped_size
        for number in (4, 5, 8, 9):
            gpr[number] = 0
        vcpu.state.pc = self.kernel.entry

    def ranges(self) -> list[tuple[int, int]]:
        """Return the physical address and the size of each part of RAM that ``load`` writes."""
        images = [self.device_tree, *([self.initrd] if self.initrd else [])]
        return [(segment.physical, segment.memory_size) for segment in self.kernel.segments] + [
            (image.address, len(image.contents)) for image in images
        ]

    def _store(self, address: int, contents: bytes | memoryview) -> None:
        offset = address - self.ram.base
        self.ram.contents[offset : offset + len(contents)] = contents

    def _initial_mapping_size(self) -> int:
        """Return the smallest page size (a power of 4 KiB) that covers all from 0 to the tree's end."""
        size = PAGE_SIZE
        while size < self.device_tree.end:
            size *= 4
        return size


def prepare(
    kernel: Kernel,
    tree: DeviceTree,
    initrd: Initrd | None,
    command_line: str | None,
    memories: Sequence[Memory],
) -> BootImages:
    """Place the images and complete the tree's ``chosen`` node accordingly.

    ``command_line`` replaces the tree's ``bootargs`` unless it is None. Raises InputError when the
    RAM cannot hold all of them, or the command line is too long.
    """
    ram = _memory_of_kernel(kernel, memories)
    chosen = tree.chosen()
    if command_line is not None:
        if not command_line.isascii() or len(command_line) >= COMMAND_LINE_SIZE:
            raise InputError("--append", f"is not ASCII text of less than {COMMAND_LINE_SIZE} characters")
        chosen.set_string("bootargs", command_line)
    chosen.properties.setdefault("rng-seed", RNG_SEED)
    _tell_initrd(chosen, Image(0, b"") if initrd else None)
    initrd_address, tree_address = _place(kernel, initrd, tree, ram)
    initrd_image = Image(initrd_address, initrd.contents) if initrd else None
    _tell_initrd(chosen, initrd_image)
    return BootImages(ram, kernel, Image(tree_address, tree.to_fdt()), initrd_image)


def _tell_initrd(chosen: Node, initrd: Image | None) -> None:
    for name, address in (("start", "address"), ("end", "end")):
        chosen.properties.pop(f"linux,initrd-{name}", None)
        if initrd:
            chosen.set_cells(f"linux,initrd-{name}", [getattr(initrd, address)])


def _memory_of_kernel(kernel: Kernel, memories: Sequence[Memory]) -> Memory:
    for memory in memories:
        if memory.base <= kernel.start and kernel.end <= memory.base + memory.size:
            return memory
    blocks = ", ".join(f"{memory.base:#x}..{memory.base + memory.size - 1:#x}" for memory in memories)
    raise InputError(kernel.source, f"needs RAM at {kernel.start:#x}..{kernel.end - 1:#x}; there is {blocks}")


def _place(kernel: Kernel, initrd: Initrd | None, tree: DeviceTree, ram: Memory) -> tuple[int, int]:
    """Return the addresses of initrd and device tree; the tree's ``chosen`` has its final size.

    They go where QEMU puts them, else, without room for a boot program, as far behind the kernel. Where RAM
    is too small for that, they go to its end, so that the kernel keeps all that is left behind itself: the
    wrapper of a compressed one unpacks into that. QEMU refuses images that would overlap at its places.
    """
    kernel_end, ram_end = _round_up(kernel.end, PAGE_SIZE), ram.base + ram.size
    tree_size, initrd_size = len(tree.to_fdt()), len(initrd.contents) if initrd else 0
    tree_limit = min(ram_end, LARGEST_INITIAL_MAPPING)
    if kernel_end + tree_size <= kernel.start + KERNEL_FIRST_MAPPING:
        tree_limit = min(tree_limit, kernel.start + KERNEL_FIRST_MAPPING)
    tree_address = min(
        _round_down(kernel.end + DEVICE_TREE_DISTANCE, DEVICE_TREE_ALIGNMENT),
        _round_down(tree_limit - tree_size, PAGE_SIZE),
    )
    behind_tree = _round_up(tree_address + tree_size, INITRD_ALIGNMENT)
    for counted_from in (max(kernel.end, BOOT_PROGRAM_END), kernel.end):
        address = max(_round_down(counted_from + INITRD_DISTANCE, INITRD_ALIGNMENT), behind_tree)
        if kernel_end <= tree_address and address + initrd_size <= ram_end:
            return address, tree_address
    initrd_address = _round_down(ram_end - initrd_size, PAGE_SIZE)
    if initrd and initrd_address < kernel_end:
        raise _does_not_fit(initrd_size, initrd.source, ram)
    tree_address = min(tree_address, _round_down(initrd_address - tree_size, PAGE_SIZE))
    if tree_address < kernel_end:
        raise _does_not_fit(tree_size, tree.source, ram)
    return initrd_address, tree_address


def _does_not_fit(size: int, source: str, ram: Memory) -> InputError:
    return InputError(
        source, f"does not fit into {ram.size >> 20} MiB of RAM behind the kernel ({size} bytes)"
    )


def _round_down(address: int, alignment: int) -> int:
    return address & -alignment


def _round_up(address: int, alignment: int) -> int:
    return (address + alignment - 1) & -alignment
