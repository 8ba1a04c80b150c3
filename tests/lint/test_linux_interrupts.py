# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts are found as drivers/of/irq.c and arch/powerpc/sysdev/mpic.c do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive_tools.lint.linux.interrupts import Interrupt, Interrupts, Mappings, NoInterrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.linux_tree import LinuxTree
    from paradrive.devicetree.node import Node

    LinuxTreeOf = Callable[[str], LinuxTree]


def tree_of(linux_tree: LinuxTreeOf, devices: str, cells: int = 2) -> LinuxTree:
    """Return a tree with an MPIC, which has the phandle 1, and with devices at the root."""
    return linux_tree(
        "#address-cells = <1>; #size-cells = <1>; interrupt-parent = <1>;"
        'pic { compatible = "fsl,mpic"; device_type = "open-pic"; reg = <0x40000 0x40000>; phandle = <1>;'
        f"interrupt-controller; #address-cells = <0>; #interrupt-cells = <{cells}>; }}; {devices}"
    )


def node(tree: LinuxTree, name: str) -> Node:
    found = tree.root.child(name)
    assert found is not None
    return found


def first(tree: LinuxTree, name: str = "d") -> Interrupt | NoInterrupt:
    return Interrupts(tree).first(node(tree, name))


def source(tree: LinuxTree, name: str = "d") -> int:
    found = first(tree, name)
    assert isinstance(found, Interrupt), found
    return found.source


def test_of_irq_parse_one_prefers_interrupts_extended(linux_tree: LinuxTreeOf) -> None:
    tree = tree_of(linux_tree, "d { interrupts = <5 2>; interrupts-extended = <1 6 2>; };")
    assert source(tree) == 6


def test_of_irq_parse_one_falls_back_to_interrupts_where_extended_ones_are_short(
    linux_tree: LinuxTreeOf,
) -> None:
    tree = tree_of(linux_tree, "d { interrupts = <5 2>; interrupts-extended = <1 6>; };")
    assert source(tree) == 5


def test_of_irq_find_parent_takes_a_parent_above_that_has_interrupt_cells(linux_tree: LinuxTreeOf) -> None:
    tree = tree_of(linux_tree, "d { #interrupt-cells = <1>; a { interrupts = <5 2>; }; };")
    found = Interrupts(tree).parent(node(tree, "d").children[0])
    assert found is not None
    assert found.path == "/d"


def test_platform_get_irq_waits_for_the_driver_of_a_parent_that_has_none(linux_tree: LinuxTreeOf) -> None:
    other = "other { interrupt-controller; #interrupt-cells = <2>; phandle = <2>; };"
    found = first(tree_of(linux_tree, f"{other} d {{ interrupt-parent = <2>; interrupts = <5 2>; }};"))
    assert isinstance(found, NoInterrupt)
    assert found.deferred


def test_of_irq_parse_one_takes_no_interrupts_for_one_where_the_parent_asks_for_no_cells(
    linux_tree: LinuxTreeOf,
) -> None:
    other = "other { interrupt-controller; #interrupt-cells = <0>; phandle = <2>; };"
    found = first(tree_of(linux_tree, f"{other} d {{ interrupt-parent = <2>; }};"))
    assert isinstance(found, NoInterrupt)
    assert found.deferred


def test_of_irq_parse_raw_goes_through_interrupt_maps_by_masked_unit_address(linux_tree: LinuxTreeOf) -> None:
    nexus = (
        "nexus { #interrupt-cells = <1>; #address-cells = <1>; phandle = <2>;"
        "interrupt-map-mask = <0xf000 0x3>; interrupt-map = <0x0 1 1 5 2>, <0x1000 1 1 6 2>; };"
    )
    device = "d { interrupt-parent = <2>; reg = <0x1800 0x100>; interrupts = <5>; };"
    assert source(tree_of(linux_tree, f"{nexus} {device}")) == 6


def test_of_irq_parse_raw_passes_over_a_row_whose_controller_is_disabled(linux_tree: LinuxTreeOf) -> None:
    nexus = (
        'other { #interrupt-cells = <1>; phandle = <3>; status = "disabled"; };'
        "nexus { #interrupt-cells = <1>; #address-cells = <0>; phandle = <2>;"
        "interrupt-map = <1 3 1>, <1 1 7 2>; };"
    )
    assert source(tree_of(linux_tree, f"{nexus} d {{ interrupt-parent = <2>; interrupts = <1>; }};")) == 7


def test_of_irq_parse_raw_refuses_more_than_16_cells(linux_tree: LinuxTreeOf) -> None:
    nexus = (
        "nexus { #interrupt-cells = <1>; #address-cells = <16>; phandle = <2>; interrupt-map = <1 1 5 2>; };"
    )
    found = first(tree_of(linux_tree, f"{nexus} d {{ interrupt-parent = <2>; interrupts = <1>; }};"))
    assert isinstance(found, NoInterrupt)
    assert "16 cells" in found.reason


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
    linux_tree: LinuxTreeOf, cells: tuple[int, ...], expected: int | None
) -> None:
    assert Interrupts(tree_of(linux_tree, "")).source(cells) == expected


def test_irq_create_fwspec_mapping_refuses_another_sense_for_a_source_that_is_mapped(
    linux_tree: LinuxTreeOf,
) -> None:
    tree = tree_of(
        linux_tree, "a { interrupts = <5 2>; }; b { interrupts = <5 1>; }; c { interrupts = <5 2>; };"
    )
    mappings = Mappings(Interrupts(tree))
    outcomes = [isinstance(mappings.map(node(tree, name)), Interrupt) for name in "abc"]
    assert outcomes == [True, False, True]


def test_mpic_err_int_init_has_mapped_source_16_as_a_falling_edge(linux_tree: LinuxTreeOf) -> None:
    tree = tree_of(linux_tree, "a { interrupts = <16 2>; }; b { interrupts = <16 3>; };")
    mappings = Mappings(Interrupts(tree))
    assert isinstance(mappings.map(node(tree, "a")), NoInterrupt)
    assert isinstance(mappings.map(node(tree, "b")), Interrupt)
