# SPDX-License-Identifier: GPL-2.0-or-later
"""What a device tree says: addresses, interrupts, memory, console."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.linux_address import regions
from paradrive.devicetree.memory import memory_regions, set_memory_size
from paradrive.devicetree.node import DeviceTree, Node

if TYPE_CHECKING:
    from collections.abc import Callable


def tree_of(compile_tree: Callable[[str], bytes], body: str) -> DeviceTree:
    return DeviceTree(compile_tree(f"/dts-v1/; / {{ {body} }};"), "test.dtb")


def node_at(tree: DeviceTree, path: str) -> Node:
    node = tree.find(path)
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # Cells that are missing are those of the bus above, or Linux's default: 1 and 1.
        ("d { reg = <0xe0000000 0x1000>; };", [(0xE000_0000, 0x1000)]),
        (
            "#address-cells = <2>; #size-cells = <1>; b { ranges; d { reg = <0xf 0xe0000000 0x1000>; }; };",
            [(0xF_E000_0000, 0x1000)],
        ),
        # An incomplete row, and an incomplete cell.
        ("d { reg = <1 2 3>; };", [(1, 2)]),
        ("d { reg = [00 00 00 01 00 00 00 02 00]; };", [(1, 2)]),
        # Begins within the ranges and ends outside.
        (
            "b { ranges = <0 0 0x1000>; d { reg = <0xff0 0x20>; }; };",
            [(0xFF0, 0x20)],
        ),
        ("#address-cells = <1>; #size-cells = <2>; d { reg = <16 1 2>; };", [(16, (1 << 32) + 2)]),
        # A bus that maps everything as it is.
        (
            "#address-cells = <2>; b { #address-cells = <2>; #size-cells = <2>; ranges; "
            "d { reg = <1 2 0 4>; }; };",
            [(0x1_0000_0002, 4)],
        ),
        # One to two cells, and more than one region.
        (
            "#address-cells = <2>; b { #address-cells = <1>; #size-cells = <1>; "
            "ranges = <0 0xf 0xe0000000 0x100000>; d { reg = <0x4500 0x100>, <0x0 0x10>; }; };",
            [(0xF_E000_4500, 0x100), (0xF_E000_0000, 0x10)],
        ),
        # The second of two ranges, behind a bus in a bus.
        (
            "#address-cells = <2>; "
            "a { #address-cells = <1>; #size-cells = <1>; ranges = <0 1 0 0x1000>, <0x1000 2 0 0x1000>; "
            "b { #address-cells = <1>; #size-cells = <1>; ranges = <0x80 0x1100 0x100>; "
            "d { reg = <0x90 1>; }; }; };",
            [(0x2_0000_0110, 1)],
        ),
        # Three cells, as on PCI.
        (
            "#address-cells = <2>; b { #address-cells = <3>; #size-cells = <2>; "
            "ranges = <0x2000000 0 0xc0 0xc 0 0 0x100>; "
            "d { reg = <0x2000000 0 0xc8 0 8>; }; };",
            [(0xC_0000_0008, 8)],
        ),
    ],
)
def test_reg_is_translated(
    compile_tree: Callable[[str], bytes], body: str, expected: list[tuple[int, int]]
) -> None:
    tree = tree_of(compile_tree, body)
    device = next(node for node in tree.root.walk() if node.name == "d")
    assert regions(device, 8) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("b { d { reg = <1 2>; }; };", "/b: "),
        ("b { ranges = <0 0 0x1000>; d { reg = <0x1000 0x20>; }; };", "/b: "),
        ("b { #size-cells = <0>; ranges; d { reg = <1>; }; };", "/b: "),
        ("#address-cells = <0>; d { reg = <1>; };", "/: "),
        ("#address-cells = <5>; d { reg = <1 2 3 4 5 6>; };", "/: "),
    ],
)
def test_reg_that_cannot_be_translated_is_an_error(
    compile_tree: Callable[[str], bytes], body: str, reason: str
) -> None:
    tree = tree_of(compile_tree, body)
    device = next(node for node in tree.root.walk() if node.name == "d")
    with pytest.raises(DeviceTreeError, match=reason):
        regions(device, 8)


def test_memory_is_collected_by_address(compile_tree: Callable[[str], bytes]) -> None:
    body = """#address-cells = <2>;
              memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0x1000>; };
              memory@0 { device_type = "memory"; reg = <0 0 0x2000>, <0 0x8000 0>; };"""
    assert memory_regions(tree_of(compile_tree, body)) == [(0, 0x2000), (0x4000_0000, 0x1000)]


@pytest.mark.parametrize("body", ["", 'memory { device_type = "memory"; reg = <0 0 0>; };'])
def test_tree_without_memory_is_an_error(compile_tree: Callable[[str], bytes], body: str) -> None:
    with pytest.raises(DeviceTreeError, match=r"^test\.dtb: "):
        memory_regions(tree_of(compile_tree, body))


def test_too_many_blocks_of_memory_are_an_error(compile_tree: Callable[[str], bytes]) -> None:
    node = 'memory@{0:x} {{ device_type = "memory"; reg = {1}; }};'
    body = "".join(node.format(number, ", ".join(["<0 0 1>"] * 129)) for number in range(2))
    with pytest.raises(DeviceTreeError, match=r"^test\.dtb: "):
        memory_regions(tree_of(compile_tree, body))


def test_memory_size_replaces_all_of_it(compile_tree: Callable[[str], bytes]) -> None:
    body = """#address-cells = <2>;
              memory@0 { device_type = "memory"; reg = <0 0 0x2000>; };
              memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0x1000>; };"""
    tree = tree_of(compile_tree, body)
    set_memory_size(tree, 0x800_0000)
    assert memory_regions(DeviceTree(tree.to_fdt())) == [(0, 0x800_0000)]


def test_memory_size_beyond_the_cells_is_an_error(compile_tree: Callable[[str], bytes]) -> None:
    tree = tree_of(compile_tree, 'memory { device_type = "memory"; reg = <0 0x2000>; };')
    with pytest.raises(DeviceTreeError):
        set_memory_size(tree, 1 << 32)


@pytest.mark.parametrize("path", ["/a/b", "/a/b:115200n8", "serial0", "serial0:115200"])
def test_console_is_found_by_path_or_alias(compile_tree: Callable[[str], bytes], path: str) -> None:
    body = f'aliases {{ serial0 = "/a/b"; }}; chosen {{ stdout-path = "{path}"; }}; a {{ b {{ }}; }};'
    tree = tree_of(compile_tree, body)
    assert tree.console_node() is node_at(tree, "/a/b")


@pytest.mark.parametrize(
    "chosen",
    [
        "",
        'chosen { stdout-path = "/x"; };',
        'chosen { stdout-path = "x"; };',
        "chosen { stdout-path = [ff]; };",
    ],
)
@pytest.mark.parametrize("aliases", ["", "aliases { };", "aliases { x = [ff]; };"])
def test_console_that_does_not_exist_is_none(
    compile_tree: Callable[[str], bytes], chosen: str, aliases: str
) -> None:
    assert tree_of(compile_tree, chosen + aliases).console_node() is None


def test_boot_cpu_comes_first(compile_tree: Callable[[str], bytes]) -> None:
    body = """cpus { #address-cells = <1>; #size-cells = <0>;
              cpu@1 { device_type = "cpu"; reg = <1>; }; cpu@0 { device_type = "cpu"; reg = <0>; }; };"""
    contents = bytearray(compile_tree(f"/dts-v1/; / {{ {body} }};"))
    for boot_cpu, expected in ((0, ["cpu@0", "cpu@1"]), (1, ["cpu@1", "cpu@0"])):
        struct.pack_into(">I", contents, 28, boot_cpu)  # boot_cpuid_phys in the header
        assert [node.name for node in DeviceTree(bytes(contents)).cpu_nodes()] == expected


def test_qemus_own_addresses_come_out_of_the_projects_tree(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    found = {node.name: regions(node, 1)[0] for node in tree.root.walk() if "interrupts" in node.properties}
    assert found["serial@4500"] == (0xF_E000_4500, 0x100)
    assert found["pvctl@0"] == (0xF_0000_0000, 0x1000)
