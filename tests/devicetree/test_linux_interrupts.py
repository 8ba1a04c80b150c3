# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts are found as drivers/of/irq.c does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.linux_interrupts import (
    EndlessSearch,
    NoInterrupt,
    Specifier,
    find_interrupt,
    find_interrupt_parent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree, Node

    TreeOf = Callable[[str], DeviceTree]

CONTROLLERS = """
    one: one { interrupt-controller; #interrupt-cells = <1>; };
    two: two { interrupt-controller; #interrupt-cells = <2>; #address-cells = <0>; };
    four: four { interrupt-controller; #interrupt-cells = <4>; };
"""


def device(make_tree: TreeOf, members: str) -> Node:
    found = make_tree(members + CONTROLLERS).root.child("d")
    assert found is not None
    return found


def path_and_cells(node: Node, index: int = 0) -> tuple[str, tuple[int, ...]]:
    found = find_interrupt(node, index)
    assert isinstance(found, Specifier), found
    return found.controller.path, found.cells


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("d { };", []),
        ("interrupt-parent = <&two>; d { };", []),
        ("interrupt-parent = <&two>; d { interrupts = <42 2>; };", [("/two", (42, 2))]),
        ("interrupt-parent = <&two>; d { interrupt-parent = <&one>; interrupts = <1 2>; };",
         [("/one", (1,)), ("/one", (2,))]),
        ("interrupt-parent = <&four>; d { interrupts = <16 2 0 0>; };", [("/four", (16, 2, 0, 0))]),
        ("interrupt-parent = <&one>; d { interrupts = <9>; interrupts-extended = <&two 5 2>, <&one 7>; };",
         [("/two", (5, 2)), ("/one", (7,))]),
        # An empty entry of interrupts-extended is looked for in interrupts, at the same index.
        ("interrupt-parent = <&one>; d { interrupts = <3 4>; interrupts-extended = <0>, <&one 7>; };",
         [("/one", (3,)), ("/one", (7,))]),
    ],
)  # fmt: skip
def test_of_irq_parse_one(
    make_tree: TreeOf, members: str, expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    node = device(make_tree, members)
    assert [path_and_cells(node, index) for index in range(len(expected))] == expected
    rest = find_interrupt(node, len(expected))
    assert isinstance(rest, NoInterrupt)
    assert rest.absent


def test_of_irq_parse_one_falls_back_to_interrupts_where_extended_ones_are_short(make_tree: TreeOf) -> None:
    members = "interrupt-parent = <&two>; d { interrupts = <5 2>; interrupts-extended = <&two 6>; };"
    assert path_and_cells(device(make_tree, members)) == ("/two", (5, 2))


@pytest.mark.parametrize(
    "members",
    [
        "d { interrupts = <1>; };",
        "interrupt-parent = <0x77>; d { interrupts = <1>; };",
        "interrupt-parent = <&two>; d { interrupts = <1>; };",
        "d { interrupts-extended = <&two 1>; };",
        "d { interrupts-extended = <0x77 1>; };",
        "d { interrupts-extended = <&d 1>; }; d: e { };",
    ],
)
def test_of_irq_parse_one_finds_nothing_where_there_is_something_wrong(
    make_tree: TreeOf, members: str
) -> None:
    found = find_interrupt(device(make_tree, members))
    assert isinstance(found, NoInterrupt)
    assert not found.absent


def test_of_irq_find_parent_takes_a_parent_above_that_has_interrupt_cells(make_tree: TreeOf) -> None:
    node = device(make_tree, "d { #interrupt-cells = <1>; a { interrupts = <5>; }; };")
    assert find_interrupt_parent(node.children[0]) is node


def test_of_irq_find_parent_never_ends_in_a_circle(make_tree: TreeOf) -> None:
    with pytest.raises(EndlessSearch, match=r"^test\.dtb: .*/d$"):
        find_interrupt(device(make_tree, "d: d { interrupt-parent = <&d>; interrupts = <1>; };"))


def nexus(properties: str, device_properties: str = "interrupts = <1>;") -> str:
    """Return members with a nexus of one cell, and a device whose interrupt goes there."""
    return (
        f"nexus: nexus {{ #interrupt-cells = <1>; {properties} }};"
        f"d {{ interrupt-parent = <&nexus>; {device_properties} }};"
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (nexus("#address-cells = <0>; interrupt-map = <2 &two 5 2>, <1 &two 6 2>;"), (6, 2)),
        # The unit address of the device is part of what is looked for; of two rows the first counts.
        (
            nexus(
                "#address-cells = <1>;"
                "interrupt-map = <0x1000 1 &two 5 2>, <0x2000 1 &two 6 2>, <0x2000 1 &two 7 2>;",
                "reg = <0x2000 0x100>; interrupts = <1>;",
            ),
            (6, 2),
        ),
        # The mask says which bits of it count.
        (
            nexus(
                "#address-cells = <1>; interrupt-map-mask = <0xf000 0x3>;"
                "interrupt-map = <0x0 1 &two 5 2>, <0x1000 1 &two 6 2>;",
                "reg = <0x1800 0x100>; interrupts = <5>;",
            ),
            (6, 2),
        ),
        (nexus("#address-cells = <0>; interrupt-map-mask = <0>; interrupt-map = <9 &two 8 2>;"), (8, 2)),
        # A row whose controller is disabled is passed over.
        (
            nexus("#address-cells = <0>; interrupt-map = <1 &other 1>, <1 &two 7 2>;")
            + 'other: other { #interrupt-cells = <1>; status = "disabled"; };',
            (7, 2),
        ),
        # Two of them, the second with a cell of address, which the first one's map says.
        (
            nexus("#address-cells = <0>; interrupt-map = <1 &outer 0x40 3>;")
            + "outer: outer { #address-cells = <1>; #interrupt-cells = <1>;"
            "interrupt-map = <0x30 3 &two 4 2>, <0x40 3 &two 9 2>; };",
            (9, 2),
        ),
        # Without #address-cells of its own, those of the root count for the device, and none for a map.
        (
            "#address-cells = <1>;"
            + nexus("interrupt-map = <0x10 1 &outer 3>;", "reg = <0x10 1>; interrupts = <1>;")
            + "outer: outer { #interrupt-cells = <1>; interrupt-map = <3 &two 11 2>; };",
            (11, 2),
        ),
        # A map goes before being a controller, except where the driver reads the map itself.
        (nexus("#address-cells = <0>; interrupt-controller; interrupt-map = <1 &two 12 2>;"), (12, 2)),
    ],
)
def test_of_irq_parse_raw_goes_through_interrupt_maps(
    make_tree: TreeOf, members: str, expected: tuple[int, ...]
) -> None:
    assert path_and_cells(device(make_tree, members)) == ("/two", expected)


def test_of_irq_parse_raw_ignores_a_map_that_the_controllers_driver_reads_itself(make_tree: TreeOf) -> None:
    own = 'compatible = "fsl,ls1021a-extirq"; interrupt-controller; interrupt-map = <1 &two 5 2>;'
    assert path_and_cells(device(make_tree, nexus(f"#address-cells = <0>; {own}"))) == ("/nexus", (1,))


def test_of_irq_parse_raw_ends_at_a_map_that_leads_to_itself(make_tree: TreeOf) -> None:
    members = nexus("#address-cells = <0>; interrupt-map = <1 &nexus 2>;")
    assert path_and_cells(device(make_tree, members)) == ("/nexus", (2,))


@pytest.mark.parametrize(
    "properties",
    [
        "#address-cells = <0>; interrupt-map = <2 &two 5 2>;",
        "#address-cells = <0>; interrupt-map = <1 0x77 5 2>, <1 &two 5 2>;",
        "#address-cells = <0>; interrupt-map = <1 &two 5>;",
        "#address-cells = <0>; interrupt-map;",
        "#address-cells = <16>; interrupt-map = <1 &two 5 2>;",
    ],
)
def test_of_irq_parse_raw_finds_nothing_in_a_map_that_has_it_not(make_tree: TreeOf, properties: str) -> None:
    found = find_interrupt(device(make_tree, nexus(properties)))
    assert isinstance(found, NoInterrupt)
    assert not found.absent


def test_of_irq_parse_raw_never_ends_in_maps_that_lead_to_each_other(make_tree: TreeOf) -> None:
    members = nexus("#address-cells = <0>; interrupt-map = <1 &other 1>;") + (
        "other: other { #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = <1 &nexus 1>; };"
    )
    with pytest.raises(EndlessSearch):
        find_interrupt(device(make_tree, members))


def test_a_search_looks_at_a_bounded_number_of_rows(make_tree: TreeOf) -> None:
    # As long as the two maps are, the key is another one each time.
    rows = ", ".join(f"<{number} &other {number}>" for number in range(1000))
    back = ", ".join(f"<{number} &nexus {number + 1}>" for number in range(1000))
    members = nexus(f"#address-cells = <0>; interrupt-map = {rows};", "interrupts = <0>;") + (
        f"other: other {{ #address-cells = <0>; #interrupt-cells = <1>; interrupt-map = {back}; }};"
    )
    found = find_interrupt(device(make_tree, members))
    assert isinstance(found, NoInterrupt)
    assert "rows" in found.reason
