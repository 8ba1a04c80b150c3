# SPDX-License-Identifier: GPL-2.0-or-later
"""Booting: where kernel, device tree and initrd go, and the state in which the kernel is entered.

Placement and entry state are those of QEMU's hw/ppc/e500.c; the state follows ePAPR 1.1, section 5.4
(the boot CPU's initial register values and initial mapped area).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.machine.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.cpu.ports import Memory
    from paradrive.cpu.vcpu import Vcpu
    from paradrive.machine.devicetree import DeviceTree
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
    initrd_image, tree_address = _place(kernel, initrd, ram)
    for name, address in (("start", "address"), ("end", "end")):
        chosen.properties.pop(f"linux,initrd-{name}", None)
        if initrd_image:
            chosen.set_cells(f"linux,initrd-{name}", [getattr(initrd_image, address)])
    tree_image = Image(tree_address, tree.to_blob())
    _check_fit(tree_image, tree.source, ram)
    return BootImages(ram, kernel, tree_image, initrd_image)


def _memory_of_kernel(kernel: Kernel, memories: Sequence[Memory]) -> Memory:
    for memory in memories:
        if memory.base <= kernel.start and kernel.end <= memory.base + memory.size:
            return memory
    blocks = ", ".join(f"{memory.base:#x}..{memory.base + memory.size - 1:#x}" for memory in memories)
    raise InputError(kernel.source, f"needs RAM at {kernel.start:#x}..{kernel.end - 1:#x}; there is {blocks}")


def _place(kernel: Kernel, initrd: Initrd | None, ram: Memory) -> tuple[Image | None, int]:
    """Return the initrd placed, and the address of the device tree.

    They go as far behind the kernel as QEMU puts them if RAM reaches so far, else directly behind it.
    QEMU counts from 32 MiB where the kernel ends below: it leaves that to a boot program.
    """
    ram_end = ram.base + ram.size
    contents = initrd.contents if initrd else b""
    address = _round_down(kernel.end + INITRD_DISTANCE, INITRD_ALIGNMENT)
    tree_address = _round_down(kernel.end + DEVICE_TREE_DISTANCE, DEVICE_TREE_ALIGNMENT)
    if address + len(contents) > ram_end:
        address = _round_up_to_page(kernel.end)
        tree_address = _round_up_to_page(address + len(contents))
    if not initrd:
        return None, tree_address
    image = Image(address, contents)
    _check_fit(image, initrd.source, ram)
    return image, tree_address


def _check_fit(image: Image, source: str, ram: Memory) -> None:
    if image.end > ram.base + ram.size:
        size = f"{len(image.contents)} bytes at {image.address:#x}"
        raise InputError(source, f"does not fit into {ram.size >> 20} MiB of RAM behind the kernel ({size})")


def _round_down(address: int, alignment: int) -> int:
    return address & -alignment


def _round_up_to_page(address: int) -> int:
    return (address + PAGE_SIZE - 1) & -PAGE_SIZE
