# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses are translated as drivers/of/address.c does, where that is not what one would think."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.linux_address import (
    Resource,
    Untranslatable,
    regions,
    resources,
    translate,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree, Node

    TreeOf = Callable[[str], DeviceTree]

ROOT = "#address-cells = <2>; #size-cells = <2>;"


def first_child(tree: DeviceTree) -> Node:
    return tree.root.children[0].children[0]


def resources_of(make_tree: TreeOf, bus: str, device: str) -> list[Resource]:
    """Return the resources of a device on a bus at the root, which has addresses of two cells."""
    tree = make_tree(f"{ROOT} {bus.replace('}', '')} {device} }};")
    return resources(first_child(tree))


BUS = "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0xf 0x0 0x10000>; }"


def test_of_bus_n_addr_cells_inherits_from_the_bus_above(make_tree: TreeOf) -> None:
    found = resources_of(make_tree, "bus { ranges; }", "d { reg = <0x1 0x2000 0x0 0x1000>; };")
    assert found == [Resource(0x1_0000_2000, 0x1_0000_2FFF)]


def test_of_device_alloc_stops_at_the_first_entry_that_leads_nowhere(make_tree: TreeOf) -> None:
    found = resources_of(make_tree, BUS, "d { reg = <0x1000 0x1000  0x10000 0x1000  0x2000 0x1000>; };")
    assert found == [Resource(0xF_0000_1000, 0xF_0000_1FFF)]


def test_of_get_address_ignores_the_rest_of_an_entry(make_tree: TreeOf) -> None:
    assert len(resources_of(make_tree, BUS, "d { reg = <0x1000 0x1000 0x2000>; };")) == 1
    assert resources_of(make_tree, BUS, "d { reg = <0x1000>; };") == []


def test_of_bus_default_map_only_looks_where_an_entry_begins(make_tree: TreeOf) -> None:
    found = resources_of(make_tree, BUS, "d { reg = <0xf000 0x2000>; };")
    assert found == [Resource(0xF_0000_F000, 0xF_0001_0FFF)]


def test_of_bus_default_map_finds_nothing_in_a_range_that_wraps(make_tree: TreeOf) -> None:
    bus = "bus { #address-cells = <2>; #size-cells = <2>; ranges = <~0 0xfffff000 0x1 0x0 0x0 0x1000>; }"
    bus = bus.replace("~0", "0xffffffff")
    assert resources_of(make_tree, bus, "d { reg = <0xffffffff 0xfffff800 0x0 0x4>; };") == []


def test_of_translate_one_takes_the_first_range_that_has_the_address(make_tree: TreeOf) -> None:
    bus = (
        "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0x1 0x0 0x1000  0x0 0x2 0x0 0x10000>; }"
    )
    assert resources_of(make_tree, bus, "d { reg = <0x800 0x4>; };")[0].start == 0x1_0000_0800
    assert resources_of(make_tree, bus, "d { reg = <0x1800 0x4>; };")[0].start == 0x2_0000_1800


@pytest.mark.parametrize(
    "bus",
    [
        "bus { #address-cells = <1>; #size-cells = <1>; }",
        "bus { #address-cells = <1>; #size-cells = <0>; ranges; }",
        "bus { #address-cells = <5>; #size-cells = <1>; ranges; }",
        "bus { #address-cells = <1>; #size-cells = <1>; ranges = <0x1000 0x0 0x0 0x1000>; }",
    ],
)
def test_of_translate_address_says_which_bus_it_does_not_cross(make_tree: TreeOf, bus: str) -> None:
    tree = make_tree(f"{ROOT} {bus.replace('}', '')} d {{ reg = <0x0 0x1000>; }}; }};")
    with pytest.raises(Untranslatable) as raised:
        translate(first_child(tree), [0, 0, 0, 0, 0])
    assert raised.value.bus.path == "/bus"


def test_of_bus_default_flags_get_flags_wants_memory_in_the_first_of_three_cells(
    make_tree: TreeOf,
) -> None:
    bus = "bus { #address-cells = <3>; #size-cells = <1>; ranges = <0x200 0x0 0x0  0xf 0x0  0x10000>; }"
    assert resources_of(make_tree, bus, "d { reg = <0x200 0x0 0x1000 0x1000>; };")[0].start == 0xF_0000_1000
    assert resources_of(make_tree, bus, "d { reg = <0x0 0x0 0x1000 0x1000>; };") == []


def test_platform_get_resource_passes_over_an_entry_of_another_type(make_tree: TreeOf) -> None:
    """An entry whose flags say memory and more is a resource, but not one of IORESOURCE_MEM."""
    ranges = "<0x300 0 0  0xf 0  0x1000>, <0x200 0 0  1 0  0x1000>"
    bus = f"bus {{ #address-cells = <3>; #size-cells = <1>; ranges = {ranges}; }}"
    device = "d { reg = <0x300 0x0 0x0 0x1000  0x200 0x0 0x0 0x1000>; };"
    assert resources_of(make_tree, bus, device) == [Resource(0x1_0000_0000, 0x1_0000_0FFF)]


def test_of_bus_isa_count_cells_goes_by_the_name_of_the_bus(make_tree: TreeOf) -> None:
    bus = "isa { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0x0  0xf 0x0  0x10000>; }"
    assert resources_of(make_tree, bus, "d { reg = <0x0 0x1000 0x1000>; };")[0].start == 0xF_0000_1000
    assert resources_of(make_tree, bus, "d { reg = <0x1 0x1000 0x1000>; };") == []


def test_of_address_resource_bounds_refuses_what_wraps_and_keeps_what_is_empty(
    make_tree: TreeOf,
) -> None:
    wide = "bus { #address-cells = <2>; #size-cells = <2>; ranges; }"
    wraps = "d { reg = <0xffffffff 0xfffff000 0x0 0x2000>; };"
    assert resources_of(make_tree, wide, wraps) == []
    (empty,) = resources_of(make_tree, BUS, "d { reg = <0x1000 0x0>; };")
    assert (empty.start, empty.size) == (0xF_0000_1000, 0)


def test_windows_are_what_the_ranges_of_a_bus_pass_on(make_tree: TreeOf) -> None:
    tree = make_tree(f"{ROOT} {BUS};")
    assert windows(tree.root.children[0]) == [Resource(0xF_0000_0000, 0xF_0000_FFFF)]


def test_a_node_is_looked_for_in_a_bounded_number_of_rows(make_tree: TreeOf) -> None:
    rows = "<0x1000 0x0 0x1>, " * 1500
    device = "d { reg = <0x0 0x1>, <0x0 0x1>; };"
    tree = make_tree(f"bus {{ #address-cells = <1>; ranges = {rows} <0x0 0x5000 0x1000>; {device} }};")
    # The second entry is beyond what may be looked at.
    assert regions(first_child(tree), 2) == [(0x5000, 1)]
