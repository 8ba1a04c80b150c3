# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading a flattened device tree: whatever the bytes, a tree or one clear error."""

from __future__ import annotations

import contextlib
import io
import struct
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfdt import pyfdt

from paradrive.devicetree import fdt
from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.linux_address import dma_ranges, regions
from paradrive.devicetree.linux_interrupts import find_interrupt
from paradrive.devicetree.memory import memory_regions
from paradrive.devicetree.node import DeviceTree

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, END, PROPERTY, NOP, FINISH = 1, 2, 3, 4, 9


def make_blob(structure: bytes, strings: bytes = b"", **changes: int) -> bytes:
    """Return a blob whose header fits its blocks, unless ``changes`` says otherwise."""
    header_size, reservations = 40, bytes(16)
    structure_offset = header_size + len(reservations)
    strings_offset = structure_offset + len(structure)
    header = fdt.Header(
        0xD00DFEED, strings_offset + len(strings), structure_offset, strings_offset, header_size, 17, 16, 0,
        len(strings), len(structure),
    )._replace(**changes)  # fmt: skip
    return struct.pack(">10I", *header) + reservations + structure + strings


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


EMPTY_TREE = words(BEGIN, 0, END, FINISH)


def test_empty_tree_is_read() -> None:
    assert DeviceTree(make_blob(EMPTY_TREE)).root.children == []


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        make_blob(EMPTY_TREE)[:39],
        make_blob(EMPTY_TREE)[:-1],
        make_blob(EMPTY_TREE, magic=0xEDFE0DD0),
        make_blob(EMPTY_TREE, totalsize=1 << 21),
        make_blob(EMPTY_TREE, version=16),
        make_blob(EMPTY_TREE, off_dt_struct=0xFFFF_FFF0),
        make_blob(EMPTY_TREE, off_dt_struct=57),
        make_blob(EMPTY_TREE, size_dt_struct=0x1000),
        make_blob(EMPTY_TREE, size_dt_struct=8),
        make_blob(EMPTY_TREE, size_dt_strings=0x1000),
        make_blob(EMPTY_TREE, off_mem_rsvmap=0x1000),
        make_blob(words(FINISH)),
        make_blob(words(BEGIN, 0, FINISH)),
        make_blob(words(END, FINISH)),
        make_blob(words(BEGIN, 0, END, BEGIN, 0, END, FINISH)),
        make_blob(words(BEGIN, 0, 5, END, FINISH)),
        make_blob(words(BEGIN, 0, PROPERTY, 0xFFFF_FFFC, 0, END, FINISH), b"a\0"),
        make_blob(words(BEGIN, 0, PROPERTY, 0, 99, END, FINISH), b"a\0"),
        make_blob(words(BEGIN, 0, PROPERTY, 0, 0, END, FINISH), b"\xe4\0"),
        make_blob(words(BEGIN, 0, *[PROPERTY, 0, 0] * 2, END, FINISH), b"a\0"),
        make_blob(words(BEGIN, 0) + words(BEGIN, 0x61000000) * 40),
        make_blob(words(BEGIN, 0) + words(NOP) * 20_000 + words(END, FINISH)),
    ],
)
def test_damage_is_told_in_one_line(contents: bytes) -> None:
    with pytest.raises(DeviceTreeError) as error:
        DeviceTree(contents, "board.dtb")
    assert str(error.value).startswith("board.dtb: ")
    assert "\n" not in str(error.value)


def test_every_truncation_is_refused(ppce500: bytes) -> None:
    for size in range(0, len(ppce500), 7):
        with pytest.raises(DeviceTreeError):
            DeviceTree(ppce500[:size])


def test_written_tree_equals_the_one_read(ppce500: bytes) -> None:
    written = DeviceTree(ppce500).to_fdt()
    trees = [pyfdt.FdtBlobParse(io.BytesIO(contents)).to_fdt() for contents in (ppce500, written)]
    assert trees[0].to_dts() == trees[1].to_dts()


def test_nodes_of_one_name_are_kept_as_linux_keeps_them() -> None:
    child = words(BEGIN, 0x61000000, PROPERTY, 0, 0, END)
    contents = make_blob(words(BEGIN, 0, PROPERTY, 0, 0) + child * 2 + words(END, FINISH), b"a\0")
    tree = DeviceTree(DeviceTree(contents).to_fdt())
    assert [node.path for node in tree.root.walk()] == ["/", "/a", "/a"]
    assert list(tree.root.properties) == ["a"]


def test_reservations_and_boot_cpu_survive(compile_tree: Callable[[str], bytes]) -> None:
    source = "/dts-v1/; /memreserve/ 0x1000 0x2000; / { };"
    contents = bytearray(compile_tree(source))
    struct.pack_into(">I", contents, 28, 7)
    parsed = pyfdt.FdtBlobParse(io.BytesIO(DeviceTree(bytes(contents)).to_fdt()))
    assert parsed.fdt_reserve_entries == [{"address": 0x1000, "size": 0x2000}]
    assert parsed.fdt_header["boot_cpuid_phys"] == 7


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_give_a_tree_or_an_error(contents: bytes) -> None:
    read_or_refuse(contents)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from([BEGIN, END, PROPERTY, NOP, FINISH, 0, 1 << 31]), max_size=60),
    st.binary(max_size=9),
)
def test_any_structure_gives_a_tree_or_an_error(structure: list[int], strings: bytes) -> None:
    read_or_refuse(make_blob(words(*structure), strings))


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_damage_to_a_good_blob_gives_a_tree_or_an_error(data: st.DataObject) -> None:
    contents = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(contents))


GOOD = make_blob(
    words(BEGIN, 0, PROPERTY, 4, 0, 1, PROPERTY, 4, 15, 1, BEGIN, 0x6D656D40, 0x30000000, PROPERTY, 7, 27)
    + b"memory\0\0"
    + words(PROPERTY, 8, 39, 0, 0x100000, NOP, END, END, FINISH),
    b"#address-cells\0#size-cells\0device_type\0reg\0",
)


def read_or_refuse(contents: bytes) -> None:
    """Read a blob and use all that a machine uses; nothing but a DeviceTreeError may come of it."""
    try:
        tree = DeviceTree(contents)
    except DeviceTreeError:
        return
    written = tree.to_fdt()
    assert DeviceTree(written).to_fdt() == written
    uses: list[Callable[[], object]] = [partial(memory_regions, tree), tree.cpu_nodes, tree.console_node]
    for node in tree.root.walk():
        uses += [
            partial(regions, node, 8),
            partial(find_interrupt, node),
            partial(dma_ranges, node),
            partial(getattr, node, "compatible"),
        ]
    for use in uses:
        with contextlib.suppress(DeviceTreeError):
            use()


def test_good_blob_of_the_fuzz_test_is_good() -> None:
    assert memory_regions(DeviceTree(GOOD)) == [(0, 0x100000)]
