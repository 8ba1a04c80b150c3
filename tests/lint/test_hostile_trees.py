# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a well-formed blob says, the kernel's behaviour is predicted, and every rule comes to an end."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paradrive.devicetree.node import DeviceTree, Node
from paradrive.machine.board import board_named
from paradrive_tools.guest_build.trees import ensure_tree
from paradrive_tools.lint.judgement import all_rules
from paradrive_tools.lint.source.limits import MAX_NODES, MAX_PROPERTIES_SIZE, check_size
from paradrive_tools.lint.source.source_map import SourceMap
from paradrive_tools.lint.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_tools.lint.rules.rule import Problem

PLATFORM = "/platform@f00000000"
NAMES = (
    "#address-cells",
    "#interrupt-cells",
    "#size-cells",
    "clocks",
    "compatible",
    "device_type",
    "fsl,has-rstcr",
    "interrupt-controller",
    "interrupt-map",
    "interrupt-map-mask",
    "interrupt-parent",
    "interrupts",
    "interrupts-extended",
    "linux,usable-memory",
    "mask",
    "no-map",
    "phandle",
    "priority",
    "ranges",
    "reg",
    "status",
)
STRINGS = (b"", b"\0", b"\xff", b"qemu,pvctl\0", b"simple-bus", b"simple-bus\0\0soc\0", b"memory\0", b"isa\0")
cells = st.sampled_from((0, 1, 2, 3, 4, 5, 16, 0x200, 2**31, 2**32 - 1)) | st.integers(0, 2**32 - 1)
values = st.lists(cells, max_size=12).map(lambda numbers: struct.pack(f">{len(numbers)}I", *numbers))
changes = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(NAMES),
        values | st.binary(max_size=9) | st.sampled_from(STRINGS),
    ),
    min_size=1,
    max_size=8,
)


def judge(tree: DeviceTree, machine: str = "ppce500") -> list[Problem]:
    """Predict what becomes of a tree, and return what all rules find; whatever is raised fails the test."""
    blob = tree.to_fdt()
    subject = Subject(
        "hostile", blob, DeviceTree(blob), board_named(machine), source_map=SourceMap("hostile")
    )
    assert subject.prediction.failure or subject.prediction.nodes
    return [problem for rule in all_rules().values() for problem in rule.check(subject)]


def hostile_tree() -> DeviceTree:
    """Return the ppce500's tree with a bus in its bus, an ISA bus, reserved memory, and devices there."""
    tree = DeviceTree(ensure_tree("ppce500").read_bytes())
    for place in (platform(tree), tree.root):
        for name in ("isa", "bus@0", "reserved-memory"):
            bus = place.add_child(name)
            bus.set_string("compatible", "simple-bus")
            bus.properties["ranges"] = b""
            bus.add_child("pvctl@0").properties.update(pvctl(tree).properties)
    return tree


def platform(tree: DeviceTree) -> Node:
    node = tree.find(PLATFORM)
    assert node is not None
    return node


def pvctl(tree: DeviceTree) -> Node:
    node = tree.find(f"{PLATFORM}/pvctl@0")
    assert node is not None
    return node


@settings(max_examples=60, deadline=None, database=None)
@given(changes)
def test_any_property_anywhere_is_judged(drawn: Sequence[tuple[int, str, bytes]]) -> None:
    tree = hostile_tree()
    nodes = list(tree.root.walk())
    for index, name, value in drawn:
        nodes[index % len(nodes)].properties[name] = value
    judge(tree)


@pytest.mark.parametrize("name", ["#address-cells", "#size-cells", "#interrupt-cells"])
@pytest.mark.parametrize("cells", [0, 17, 2**31, 2**32 - 1])
def test_any_number_of_cells_is_judged(name: str, cells: int) -> None:
    for place in ("", "platform@f00000000", "soc@fe0000000", "reserved-memory", "isa"):
        tree = hostile_tree()
        (tree.root.child(place) or tree.root).set_cells(name, [cells])
        judge(tree)


@pytest.mark.parametrize("name", ["interrupt-parent", "interrupts-extended", "interrupt-map"])
def test_search_for_a_controller_in_a_circle_is_a_kernel_that_does_not_boot(name: str) -> None:
    tree = DeviceTree(ensure_tree("ppce500").read_bytes())
    first, second = platform(tree).add_child("a"), platform(tree).add_child("b")
    first.set_cells("phandle", [70])
    second.set_cells("phandle", [71])
    for node, other in ((first, 71), (second, 70)):
        node.set_cells("#interrupt-cells", [1])
        node.set_cells("#address-cells", [0])
        node.set_cells("interrupt-parent", [other])
        if name == "interrupt-map":
            node.set_cells("interrupt-map", [5, other, 5])
    pvctl(tree).set_cells("interrupts", [5])
    pvctl(tree).set_cells("interrupt-parent", [70])
    if name == "interrupts-extended":
        pvctl(tree).set_cells(name, [70, 5])
    assert any("does not boot" in problem.message for problem in judge(tree))


def test_circle_of_interrupt_maps_that_changes_the_interrupt_has_an_end() -> None:
    tree = DeviceTree(ensure_tree("ppce500").read_bytes())
    nexus = platform(tree).add_child("nexus")
    other = platform(tree).add_child("other")
    for node, phandle in ((nexus, 70), (other, 71)):
        node.set_cells("phandle", [phandle])
        node.set_cells("#interrupt-cells", [1])
        node.set_cells("#address-cells", [0])
    nexus.set_cells("interrupt-map", [1, 71, 1, 2, 1, 5, 2])
    other.set_cells("interrupt-map", [1, 70, 2])
    pvctl(tree).set_cells("interrupts-extended", [70, 1])
    assert judge(tree) == []


def test_hundreds_of_devices_behind_hundreds_of_ranges_are_judged() -> None:
    """Some rules compare each device with all others; the limits of the size leave room for so many."""
    tree = DeviceTree(ensure_tree("ppce500").read_bytes())
    size = sum(len(value) for node in tree.root.walk() for value in node.properties.values())
    left = MAX_PROPERTIES_SIZE - size
    platform(tree).set_cells("ranges", [0, 0xF, 0, 0x800_0000] * (left // 32))
    left -= len(platform(tree).properties["ranges"])
    nodes = min(MAX_NODES - len(list(tree.root.walk())), left // 19, 250)
    for number in range(nodes):
        node = platform(tree).add_child(f"pvctl@{number:x}000")
        node.properties["compatible"] = b"qemu,pvctl\0"
        node.set_cells("reg", [number << 12, 0x1000])
    check_size(tree)
    assert len(judge(tree)) >= nodes
