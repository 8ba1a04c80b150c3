# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading a kernel: what the ELF file says, and every file that is none."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from paradrive.host.inputs import InputError
from paradrive.host.printable import printable
from paradrive.machine.elf_kernel import KernelError, load_kernel, parse_kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make_elf(
    *segments: tuple[int, ...], entry: int = 0xC000_0000, elf_class: int = 1, order: int = 2, kind: int = 2,
    machine: int = 20, data: bytes = b"code",
) -> bytes:  # fmt: skip
    """Return an ELF file; a segment is (offset, virtual, physical, size in the file, size in memory)."""
    identification = struct.pack(">4s3B9x", b"\x7fELF", elf_class, order, 1)
    header = struct.pack(">HHIIIIIHHHHHH", kind, machine, 1, entry, 52, 0, 0, 52, 32, len(segments), 0, 0, 0)
    table = b"".join(struct.pack(">8I", 1, *segment, 7, 4096) for segment in segments)
    return identification + header + table + data


TEXT = (84, 0xC000_0000, 0, 4, 0x100)


def test_segments_and_physical_entry_are_read() -> None:
    kernel = parse_kernel(make_elf(TEXT, entry=0xC000_0002), "vmlinux")
    assert kernel.entry == 2
    assert (kernel.start, kernel.end, kernel.virtual_offset) == (0, 0x100, 0xC000_0000)
    assert bytes(kernel.segments[0].data) == b"code"


def test_segments_agree_with_pyelftools(assemble: Callable[[str], Path]) -> None:
    path = assemble("b _start\n.data\n.long 42\n.bss\n.space 100")
    with path.open("rb") as file:
        expected = [
            (segment["p_vaddr"], segment["p_paddr"], segment.data(), segment["p_memsz"])
            for segment in ELFFile(file).iter_segments("PT_LOAD")
        ]
    found = load_kernel(str(path)).segments
    assert [(s.virtual, s.physical, bytes(s.data), s.memory_size) for s in found] == expected


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"#!/bin/sh\n",
        make_elf(TEXT)[:40],
        make_elf(TEXT)[:60],
        make_elf(TEXT)[:86],
        make_elf(TEXT, elf_class=2),
        make_elf(TEXT, elf_class=9),
        make_elf(TEXT, order=1),
        make_elf(TEXT, machine=62),
        make_elf(TEXT, kind=1),
        make_elf(),
        make_elf((84, 0xC000_0000, 0, 4, 2)),
        make_elf(TEXT, entry=0x100),
    ],
)
def test_what_is_no_kernel_is_told_in_one_line(contents: bytes) -> None:
    with pytest.raises(KernelError) as error:
        parse_kernel(contents, "vmlinux")
    assert str(error.value).startswith("vmlinux: ")


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_damage_gives_a_kernel_or_an_error(data: st.DataObject) -> None:
    contents = bytearray(make_elf(TEXT, TEXT))
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    try:
        kernel = parse_kernel(bytes(contents), "vmlinux")
    except KernelError:
        return
    assert kernel.start <= kernel.entry < kernel.end


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    with pytest.raises(InputError) as error:
        load_kernel(path)
    assert error.value.source == printable(path)


def test_endless_file_is_refused() -> None:
    with pytest.raises(InputError, match="/dev/zero"):
        load_kernel("/dev/zero")
