# SPDX-License-Identifier: GPL-2.0-or-later
"""Booting: placement in RAM, the tree's chosen node, and the state in which the kernel is entered."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paradrive.cpu.clock import Clock
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.vcpu import Vcpu
from paradrive.devices.bus import Bus
from paradrive.devicetree.node import DeviceTree, Node
from paradrive.host.inputs import InputError
from paradrive.machine.boot import RNG_SEED, BootImages, Initrd, prepare
from paradrive.machine.elf_kernel import Kernel, Segment

MIB = 1 << 20


@dataclass
class Memory:
    """RAM of a given size; only what is written needs to be there."""

    base: int
    size: int
    view: memoryview = field(init=False)
    host_address: int = 0

    def __post_init__(self) -> None:
        self.contents = memoryview(bytearray(self.size))


def kernel_of(size: int, start: int = 0, data: bytes = b"\x48\0\0\0") -> Kernel:
    return Kernel("vmlinux", (Segment(0xC000_0000, start, memoryview(data), size),), start, b"")


def boot(
    ppce500: bytes,
    *,
    ram: int = 64 * MIB,
    base: int = 0,
    kernel: Kernel | None = None,
    initrd: bytes | None = b"cpio",
    append: str | None = None,
) -> BootImages:
    initrd_image = None if initrd is None else Initrd("initrd", initrd)
    return prepare(
        kernel or kernel_of(3 * MIB), DeviceTree(ppce500), initrd_image, append, [Memory(base, ram)]
    )


def chosen_of(images: BootImages) -> Node:
    return DeviceTree(images.device_tree.contents).chosen()


@pytest.mark.parametrize(
    ("kernel_size", "tree", "initrd"),
    # Kernel end + 24 MiB, rounded down to 1 MiB; max(kernel end, 32 MiB) + 32 MiB, rounded down to 16 MiB.
    [
        (0x2D_1234, 0x1A0_0000, 0x400_0000),
        (0x88_D000, 0x200_0000, 0x400_0000),
        (37 * MIB, 61 * MIB, 64 * MIB),
    ],
)
def test_images_go_where_qemu_puts_them(ppce500: bytes, kernel_size: int, tree: int, initrd: int) -> None:
    images = boot(ppce500, ram=128 * MIB, kernel=kernel_of(kernel_size))
    assert images.device_tree.address == tree
    assert images.initrd is not None
    assert images.initrd.address == initrd


def test_initrd_is_as_far_behind_the_kernel_where_ram_ends_before_qemus_place(ppce500: bytes) -> None:
    images = boot(ppce500, ram=64 * MIB, kernel=kernel_of(0x2D_1234))
    assert images.initrd is not None
    assert (images.device_tree.address, images.initrd.address) == (0x1A0_0000, 0x200_0000)


def test_small_ram_is_left_to_the_kernel_between_its_end_and_the_images(ppce500: bytes) -> None:
    images = boot(ppce500, ram=4 * MIB, kernel=kernel_of(3 * MIB + 1))
    assert images.initrd is not None
    assert images.initrd.address == 4 * MIB - 4096
    assert images.device_tree.address == images.initrd.address - 4096


class Extent(NamedTuple):
    """RAM into which nothing is written."""

    base: int
    size: int
    view: memoryview = memoryview(b"")
    host_address: int = 0


PAGE = 4096
TREE_PAGES = 1


@example(kernel_end=0x88_D000, start=0, gap=0, initrd_size=9 * MIB, ram_size=64 * MIB, base=0)
@example(kernel_end=40 * MIB, start=0, gap=0, initrd_size=9 * MIB, ram_size=256 * MIB, base=0)
@example(kernel_end=64 * MIB - 1680, start=0, gap=0, initrd_size=1, ram_size=256 * MIB, base=0)
@given(
    kernel_end=st.integers(0, 96 * MIB) | st.integers(0, 96 * MIB // PAGE).map(lambda n: n * PAGE),
    start=st.integers(0, 15) | st.integers(0, 4 * MIB),
    gap=st.integers(0, 8 * MIB),
    initrd_size=st.integers(0, 8192) | st.integers(0, 48 * MIB),
    ram_size=st.integers(1, 256 * MIB // PAGE).map(lambda n: n * PAGE),
    base=st.sampled_from([0, 0, 0x1000_0000, 0x3F00_0000, 0xF000_0000]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_images_never_overlap(
    ppce500: bytes, kernel_end: int, start: int, gap: int, initrd_size: int, ram_size: int, base: int
) -> None:
    """Kernel, its uninitialised data, initrd and tree lie apart in RAM; the initial mapping covers the tree.

    What is refused are exactly those for which there are not enough pages.
    """
    end = max(kernel_end, start + gap + 1)
    text, data = start, start + gap
    kernel = Kernel(
        "vmlinux",
        (
            Segment(0xC000_0000, base + text, memoryview(b""), gap),
            Segment(0xC000_0000 + gap, base + data, memoryview(b""), end - data),
        ),
        base + start,
        b"",
    )
    tree = DeviceTree(ppce500)
    initrd_pages = -(-initrd_size // PAGE)
    fits = -(-end // PAGE) + initrd_pages + TREE_PAGES <= ram_size // PAGE
    mappable = base + -(-end // PAGE) * PAGE + TREE_PAGES * PAGE <= 1 << 30
    try:
        images = prepare(kernel, tree, Initrd("initrd", bytes(initrd_size)), None, [Extent(base, ram_size)])
    except InputError:
        assert not (fits and mappable)
        return
    assert fits
    assert mappable
    # What is empty lies nowhere.
    ranges = sorted((address, size) for address, size in images.ranges() if size)
    assert ranges[0][0] >= base
    for (address, size), (following, _) in pairwise([*ranges, (base + ram_size, 0)]):
        assert address + size <= following
    assert images.device_tree.address % PAGE == 0
    assert images.initrd is not None
    assert images.initrd.address % PAGE == 0
    vcpu = Vcpu(CPU_MODELS["e500v2"], Bus(), Clock(), engine="reference")
    images.enter(vcpu)
    mapped = vcpu.mmu.tlb1[0]
    assert mapped.size == vcpu.state.gpr[7] >= max(images.device_tree.end, kernel.end)
    if kernel.end + 2 * PAGE <= kernel.start + 64 * MIB:
        assert images.device_tree.end <= kernel.start + 64 * MIB


def test_chosen_tells_where_the_initrd_is(ppce500: bytes) -> None:
    chosen = chosen_of(boot(ppce500, initrd=b"x" * 1001))
    assert chosen.cells("linux,initrd-start") == (0x200_0000,)
    assert chosen.cells("linux,initrd-end") == (0x200_0000 + 1001,)


def test_chosen_without_an_initrd_tells_of_none(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    tree.chosen().set_cells("linux,initrd-start", [1])
    assert "linux,initrd-start" not in chosen_of(boot(tree.to_fdt(), initrd=None)).properties


def test_command_line_replaces_the_trees(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    tree.chosen().set_string("bootargs", "quiet")
    contents = tree.to_fdt()
    assert chosen_of(boot(contents)).strings("bootargs") == ("quiet",)
    assert chosen_of(boot(contents, append="panic=-1")).strings("bootargs") == ("panic=-1",)


@pytest.mark.parametrize("append", ["x" * 2048, "k\xe4se"])
def test_command_line_the_kernel_cannot_take_is_refused(ppce500: bytes, append: str) -> None:
    with pytest.raises(InputError, match=r"^--append: "):
        boot(ppce500, append=append)


def test_randomness_is_the_trees_or_a_constant(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    tree.chosen().properties["rng-seed"] = b"own seed"
    assert chosen_of(boot(tree.to_fdt())).properties["rng-seed"] == b"own seed"
    assert chosen_of(boot(ppce500)).properties["rng-seed"] == RNG_SEED


@pytest.mark.parametrize(
    ("options", "source"),
    [
        ({"kernel": kernel_of(65 * MIB)}, "vmlinux"),
        ({"base": MIB}, "vmlinux"),
        ({"ram": 4 * MIB, "initrd": bytes(MIB + 1)}, "initrd"),
        ({"ram": 3 * MIB + 8192, "initrd": bytes(8192)}, "device tree"),
        # No page that r7 can tell of covers it.
        ({"base": 1 << 30, "kernel": kernel_of(MIB, start=1 << 30)}, "device tree"),
    ],
)
def test_ram_that_cannot_hold_all_is_an_error_that_names_what(
    ppce500: bytes, options: dict[str, object], source: str
) -> None:
    with pytest.raises(InputError) as error:
        boot(ppce500, **options)  # type: ignore[arg-type]
    assert error.value.source == source


def test_load_writes_data_and_clears_the_rest(ppce500: bytes) -> None:
    images = boot(ppce500, kernel=kernel_of(0x100, start=0x1000, data=b"kernel"))
    images.ram.contents[:0x2000] = b"\xff" * 0x2000
    images.load()
    assert bytes(images.ram.contents[0xFFF:0x1101]) == b"\xff" + b"kernel".ljust(0x100, b"\0") + b"\xff"
    assert images.initrd is not None
    for image in (images.initrd, images.device_tree):
        assert bytes(images.ram.contents[image.address : image.end]) == image.contents


def test_kernel_is_entered_as_epapr_says(ppce500: bytes) -> None:
    images = boot(ppce500, kernel=kernel_of(3 * MIB, start=0x2000))
    vcpu = Vcpu(CPU_MODELS["e500v2"], Bus(), Clock(), engine="reference")
    images.enter(vcpu)
    registers = [vcpu.state.gpr[number] for number in (1, 3, 4, 5, 6, 7, 8, 9)]
    assert registers == [0xFFFFF8, 0x1B0_0000, 0, 0, 0x45504150, 64 * MIB, 0, 0]
    assert (vcpu.state.pc, vcpu.state.msr) == (0x2000, 0)
    entry, *others = vcpu.mmu.tlb1
    assert (entry.valid, entry.epn, entry.rpn, entry.size) == (True, 0, 0, 64 * MIB)
    assert (entry.permissions, entry.tid, entry.ts) == (0x3F, 0, 0)
    assert not any(other.valid for other in others)
