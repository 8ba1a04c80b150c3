# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts are found as kernel/irq/irqdomain.c and arch/powerpc/sysdev/mpic.c do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.linux_interrupts import NoInterrupt
from paradrive_tools.lint.linux.interrupts import Interrupt, Interrupts, Mappings

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree, Node

    TreeOf = Callable[[str], DeviceTree]


def tree_of(make_tree: TreeOf, devices: str, cells: int = 2) -> DeviceTree:
    """Return a tree with an MPIC, which has the phandle 1, and with devices at the root."""
    return make_tree(
        "#address-cells = <1>; #size-cells = <1>; interrupt-parent = <1>;"
        'pic { compatible = "fsl,mpic"; device_type = "open-pic"; reg = <0x40000 0x40000>; phandle = <1>;'
        f"interrupt-controller; #address-cells = <0>; #interrupt-cells = <{cells}>; }}; {devices}"
    )


def node(tree: DeviceTree, name: str) -> Node:
    found = tree.root.child(name)
    assert found is not None
    return found


def first(tree: DeviceTree, name: str = "d") -> Interrupt | NoInterrupt:
    return Interrupts(tree).first(node(tree, name))


def test_platform_get_irq_waits_for_the_driver_of_a_parent_that_has_none(make_tree: TreeOf) -> None:
    other = "other { interrupt-controller; #interrupt-cells = <2>; phandle = <2>; };"
    found = first(tree_of(make_tree, f"{other} d {{ interrupt-parent = <2>; interrupts = <5 2>; }};"))
    assert isinstance(found, NoInterrupt)
    assert found.deferred


def test_of_irq_parse_one_takes_no_interrupts_for_one_where_the_parent_asks_for_no_cells(
    make_tree: TreeOf,
) -> None:
    other = "other { interrupt-controller; #interrupt-cells = <0>; phandle = <2>; };"
    found = first(tree_of(make_tree, f"{other} d {{ interrupt-parent = <2>; }};"))
    assert isinstance(found, NoInterrupt)
    assert found.deferred


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((0, 2), 0),
        ((255, 2), 255),
        ((256, 2), None),
        ((2002, 2), None),
        ((2003, 2), 2003),
        ((2042, 2), 2042),
        ((2043, 2), None),
        ((5, 2, 0, 0), 5),
        ((16, 2, 1, 3), 2006),
        ((16, 2, 1, 32), None),
        ((0, 2, 2, 0), None),
        ((7, 2, 3, 0), 2042),
        ((8, 2, 3, 0), None),
        ((5, 2, 4, 0), None),
        ((), None),
    ],
)
def test_mpic_host_xlate_and_mpic_host_map(
    make_tree: TreeOf, cells: tuple[int, ...], expected: int | None
) -> None:
    assert Interrupts(tree_of(make_tree, "")).source(cells) == expected


def test_irq_create_fwspec_mapping_refuses_another_sense_for_a_source_that_is_mapped(
    make_tree: TreeOf,
) -> None:
    tree = tree_of(
        make_tree, "a { interrupts = <5 2>; }; b { interrupts = <5 1>; }; c { interrupts = <5 2>; };"
    )
    mappings = Mappings(Interrupts(tree))
    outcomes = [isinstance(mappings.map(node(tree, name)), Interrupt) for name in "abc"]
    assert outcomes == [True, False, True]


def test_mpic_err_int_init_has_mapped_source_16_as_a_falling_edge(make_tree: TreeOf) -> None:
    tree = tree_of(make_tree, "a { interrupts = <16 2>; }; b { interrupts = <16 3>; };")
    mappings = Mappings(Interrupts(tree))
    assert isinstance(mappings.map(node(tree, "a")), NoInterrupt)
    assert isinstance(mappings.map(node(tree, "b")), Interrupt)
