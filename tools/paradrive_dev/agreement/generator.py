# SPDX-License-Identifier: GPL-2.0-or-later
"""Device trees that are wrong in ways nobody has thought of: good ones, changed at random by Hypothesis.

A change moves, copies, renames or drops a node, or drops, copies, cuts, extends or alters a property.
The changes are to paravirtual devices and the buses above them, and to what the kernel cannot do without.
Hypothesis shrinks towards no change, so what is left of a disagreement is the smallest set of changes
that shows it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from paradrive.devicetree.node import DeviceTree, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

#: At most so many changes of one tree; more hide one another.
MAX_CHANGES = 4
#: Properties that decide what becomes of a device, with values for them.
_TELLING_CELLS = {
    "reg": (0x0, 0x200, 0x800, 0x1000, 0x4500, 0x4600, 0x40000, 0xE0000, 0x7FF_F000, 0x800_0000, 0x3),
    "ranges": (0x0, 0xF, 0xE, 0x1000, 0xE000_0000, 0x100_0000, 0x800_0000),
    "#address-cells": (0, 1, 2, 3, 4, 5),
    "#size-cells": (0, 1, 2, 3),
    "#interrupt-cells": (0, 1, 2, 3, 4),
    "interrupts": (0, 1, 2, 3, 5, 6, 16, 42, 255, 256, 2003, 2035, 5000),
    "priority": (0, 1, 128, 192, 255, 256),
    "interrupt-parent": (0, 1, 2, 3, 99),
    "interrupts-extended": (0, 1, 2, 5, 99),
    "interrupt-map": (0, 1, 2, 5),
    "phandle": (1, 2, 3),
    "clocks": (1, 2, 3, 99),
    "vdd-supply": (1, 2, 3, 99),
    "reset-gpios": (1, 2, 3, 99),
}
_TELLING_STRINGS = {
    "status": ("okay", "ok", "disabled", "reserved", "fail", "fail-sss", "OKAY", ""),
    "compatible": (
        "qemu,pvctl",
        "QEMU,PVCTL",
        "qemu,pvclt",
        "simple-bus",
        "simple-mfd",
        "qemu,platform",
        "soc",
    ),
    "device_type": ("soc", "memory", "serial", "open-pic"),
}
#: Properties that say all by being there.
_FLAGS = ("interrupt-controller", "ranges", "no-map", "nonposted-mmio", "dma-coherent")
_NAMES = ("pvctl@0", "pvctl@1000", "pvctl", "isa", "localbus", "bus@0", "soc@0", "platform@0")

#: The most that an interrupt-map compares, in bytes (MAX_PHANDLE_ARGS), and cells of a unit address there.
_KEY, _UNIT_CELLS = 64, 3

#: What the kernel needs before it looks for devices. What becomes of a kernel that has lost some of it is
#: predicted where it is plain, and a tree that confuses it further is not generated.
_CHIP = ("soc", "cpus", "PowerPC,8544", "memory", "serial", "pic", "global-utilities", "chosen", "aliases")
_ESSENTIAL = {
    "": ("compatible", "interrupt-parent"),
    "memory": ("reg", "device_type"),
    "pic": ("device_type", "reg", "interrupt-controller", "phandle"),
    "PowerPC,8544": ("device_type", "reg"),
}


def _own_nodes(tree: DeviceTree) -> list[Node]:
    """Return the nodes of paravirtual devices, and the buses above them."""
    found: dict[str, Node] = {}
    for node in tree.root.walk():
        at: Node | None = (
            node if "pvctl" in node.name or b"qemu," in node.properties.get("compatible", b"") else None
        )
        while at is not None and at.parent is not None and at.name.partition("@")[0] not in _CHIP:
            found.setdefault(at.path, at)
            at = at.parent
    return list(found.values())


def _own_node(draw: DrawFn, tree: DeviceTree) -> Node | None:
    nodes = _own_nodes(tree)
    return draw(st.sampled_from(nodes)) if nodes else None


def _any_node(draw: DrawFn, tree: DeviceTree) -> Node:
    return draw(st.sampled_from(list(tree.root.walk())))


def _drop_node(draw: DrawFn, tree: DeviceTree) -> None:
    node = _own_node(draw, tree)
    if node is not None and node.parent is not None:
        node.parent.children.remove(node)


def _move_node(draw: DrawFn, tree: DeviceTree) -> None:
    node, target = _own_node(draw, tree), _any_node(draw, tree)
    if node is None or node.parent is None or any(below is target for below in node.walk()):
        return
    if target.child(node.name) is None:
        node.parent.children.remove(node)
        target.children.append(node)
        node.parent = target


def _copy_node(draw: DrawFn, tree: DeviceTree) -> None:
    node, target = _own_node(draw, tree), _any_node(draw, tree)
    name = draw(st.sampled_from(_NAMES))
    if node is not None and not node.children and target.child(name) is None:
        target.add_child(name).properties.update(node.properties)


def _rename_node(draw: DrawFn, tree: DeviceTree) -> None:
    node = _own_node(draw, tree)
    name = draw(st.sampled_from(_NAMES))
    if node is not None and node.parent is not None and node.parent.child(name) is None:
        node.name = name


def _own_property(draw: DrawFn, tree: DeviceTree) -> tuple[Node, str] | None:
    """Draw a property of a paravirtual device, or of a bus above it."""
    node = _own_node(draw, tree)
    if node is None or not node.properties:
        return None
    return node, draw(st.sampled_from(sorted(node.properties)))


def _essential_property(draw: DrawFn, tree: DeviceTree) -> tuple[Node, str] | None:
    """Draw a property that the kernel needs."""
    found = [
        (node, name)
        for node in tree.root.walk()
        for name in _ESSENTIAL.get(node.name.partition("@")[0], ())
        if name in node.properties
    ]
    return draw(st.sampled_from(found)) if found else None


def _drop_property(draw: DrawFn, tree: DeviceTree) -> None:
    found = _own_property(draw, tree)
    if found is not None:
        del found[0].properties[found[1]]


def _drop_essential_property(draw: DrawFn, tree: DeviceTree) -> None:
    found = _essential_property(draw, tree)
    if found is not None:
        del found[0].properties[found[1]]


def _cut_property(draw: DrawFn, tree: DeviceTree) -> None:
    found = _own_property(draw, tree)
    if found is not None:
        node, name = found
        value = node.properties[name]
        node.properties[name] = value[: draw(st.integers(0, len(value)))]


def _extend_property(draw: DrawFn, tree: DeviceTree) -> None:
    found = _own_property(draw, tree)
    if found is not None:
        node, name = found
        node.properties[name] += draw(st.binary(min_size=1, max_size=9) | _cell(name))


def _alter_cell(draw: DrawFn, tree: DeviceTree) -> None:
    found = _own_property(draw, tree)
    if found is None:
        return
    node, name = found
    cells = len(node.properties[name]) // 4
    if cells:
        at = 4 * draw(st.integers(0, cells - 1))
        value = node.properties[name]
        node.properties[name] = value[:at] + draw(_cell(name)) + value[at + 4 :]


def _set_cells(draw: DrawFn, tree: DeviceTree) -> None:
    node = _own_node(draw, tree)
    name = draw(st.sampled_from(sorted(_TELLING_CELLS)))
    if node is not None:
        node.properties[name] = b"".join(draw(st.lists(_cell(name), min_size=1, max_size=6)))


def _set_strings(draw: DrawFn, tree: DeviceTree) -> None:
    node = _own_node(draw, tree)
    name = draw(st.sampled_from(sorted(_TELLING_STRINGS)))
    strings = draw(st.lists(st.sampled_from(_TELLING_STRINGS[name]), min_size=1, max_size=3))
    if node is not None:
        node.properties[name] = "\0".join(strings).encode() + draw(st.sampled_from((b"\0", b"")))


def _set_flag(draw: DrawFn, tree: DeviceTree) -> None:
    node = _own_node(draw, tree)
    name = draw(st.sampled_from(_FLAGS))
    if node is not None:
        node.properties[name] = b""


def _reserve_memory(draw: DrawFn, tree: DeviceTree) -> None:
    """Reserve the last MiB of RAM, or less, or the platform bus; sometimes in a way that Linux ignores."""
    parent = tree.root.child("reserved-memory")
    if parent is None:
        parent = tree.root.add_child("reserved-memory")
        for name in ("#address-cells", "#size-cells"):
            parent.set_cells(name, draw(st.sampled_from((tree.root.cells(name), (1,), (2,)))))
        if draw(st.booleans()):
            parent.properties["ranges"] = b""
    node = parent.add_child(f"pages@{len(parent.children)}")
    start = draw(st.sampled_from(((0x0, 0x3F0_0000), (0x0, 0x3FF_F000), (0xF, 0x0), (0xF, 0x1000))))
    size = draw(st.sampled_from((0x0, 0x800, 0x1000, 0x1_0000)))
    node.set_cells("reg", (*start, 0, size))
    if draw(st.booleans()):
        node.properties["no-map"] = b""


def _copy_property(draw: DrawFn, tree: DeviceTree) -> None:
    source, target = _any_node(draw, tree), _own_node(draw, tree)
    names = sorted(source.properties.keys() - {"phandle"})
    if names and target is not None:
        name = draw(st.sampled_from(names))
        target.properties[name] = source.properties[name]


def _cell(name: str) -> st.SearchStrategy[bytes]:
    numbers = st.integers(0, 0xFFFF_FFFF)
    telling = _TELLING_CELLS.get(name)
    return (st.sampled_from(telling) | numbers if telling else numbers).map(struct.Struct(">I").pack)


_CHANGES = (
    _alter_cell,
    _set_cells,
    _set_strings,
    _drop_property,
    _move_node,
    _copy_node,
    _rename_node,
    _cut_property,
    _extend_property,
    _copy_property,
    _drop_node,
    _drop_essential_property,
    _set_flag,
    _reserve_memory,
)


def _keep_predictable(tree: DeviceTree) -> None:
    """Change what would make Linux read memory that nobody has written (of_irq_parse_raw).

    Past the end of an interrupt-map-mask that is shorter than what it compares, and past the three cells of
    a unit address on its stack, where the interrupt-map asks for more.
    """
    for node in tree.root.walk():
        if "interrupt-map-mask" in node.properties:
            node.properties["interrupt-map-mask"] = node.properties["interrupt-map-mask"].ljust(_KEY, b"\xff")
        at: Node | None = node
        while at is not None:
            if at.cells("#address-cells")[:1] > (_UNIT_CELLS,):
                node.properties.pop("interrupt-map", None)
            at = at.parent


@st.composite
def _change(draw: DrawFn, tree: DeviceTree) -> None:
    """Draw one change, and make it."""
    draw(st.sampled_from(_CHANGES))(draw, tree)


@st.composite
def trees(draw: DrawFn, good: Sequence[bytes]) -> bytes:
    """Draw a tree: one of these good blobs, changed."""
    tree = DeviceTree(draw(st.sampled_from(good)), "generated tree")
    # What a change needs is drawn right after it: Hypothesis can leave out only what lies together.
    for _ in range(draw(st.integers(0, MAX_CHANGES))):
        draw(_change(tree))
    _keep_predictable(tree)
    return tree.to_fdt()
