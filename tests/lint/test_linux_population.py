# SPDX-License-Identifier: GPL-2.0-or-later
"""Platform devices are made and named as drivers/of/platform.c and drivers/of/device.c do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive_tools.lint.linux.built_in import is_taken_for_bus
from paradrive_tools.lint.linux.population import device_name, populate

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree

    TreeOf = Callable[[str], DeviceTree]

ROOT = "#address-cells = <1>; #size-cells = <1>;"


def populated(make_tree: TreeOf, members: str) -> list[str]:
    return [device.node.path for device in populate(make_tree(f"{ROOT} {members}")).devices]


def test_of_platform_bus_probe_starts_at_known_buses_and_descends_only_into_those(
    make_tree: TreeOf,
) -> None:
    members = (
        'device { }; other { compatible = "foo"; a { }; };'
        'bus { compatible = "foo", "simple-bus"; a { b { }; };'
        '      inner { compatible = "simple-bus"; c { }; }; };'
    )
    assert populated(make_tree, members) == ["/bus", "/bus/a", "/bus/inner", "/bus/inner/c"]


def test_of_platform_bus_probe_makes_a_device_of_a_root_that_is_a_bus(make_tree: TreeOf) -> None:
    assert populated(make_tree, 'compatible = "board", "simple-bus"; device { };') == ["/", "/device"]


@pytest.mark.parametrize("status", ['"okay"', '"ok"'])
def test_of_device_is_available_takes_okay_and_ok(make_tree: TreeOf, status: str) -> None:
    assert populated(make_tree, f'bus {{ compatible = "simple-bus"; status = {status}; }};') == ["/bus"]


@pytest.mark.parametrize("status", ['"disabled"', '"OKAY"', '""', "<1>", '"fail-sss"'])
def test_of_device_is_available_leaves_out_everything_else_and_what_is_below(
    make_tree: TreeOf, status: str
) -> None:
    members = f'bus {{ compatible = "simple-bus"; status = {status}; device {{ }}; }};'
    assert populated(make_tree, members) == []


def test_of_match_node_knows_buses_by_name_and_type_and_compatible_in_any_case(
    make_tree: TreeOf,
) -> None:
    members = (
        'localbus@0 { }; a { device_type = "soc"; };'
        'b { compatible = "SIMPLE-bus"; }; c { device_type = "SOC"; };'
    )
    assert populated(make_tree, members) == ["/localbus@0", "/a", "/b"]


def test_device_add_refuses_a_name_that_exists(make_tree: TreeOf) -> None:
    bus = 'compatible = "simple-bus"; ranges;'
    device = "d@0 { reg = <0x0 0x4>; };"
    tree = make_tree(f"{ROOT} bus {{ {bus} a {{ {bus} {device} }}; b {{ {bus} {device} }}; }};")
    assert populate(tree).left_out == {"/bus/b/d@0": "a device named 0.d exists already"}


@pytest.mark.parametrize(
    ("bus", "device", "name"),
    [
        ("bus { ranges;", "d@1000 { reg = <0x1000 0x4>; };", "1000.d"),
        ("bus { ranges;", "d@1000 { reg = <0x1000 0x4>; mask = <0x10>; };", "1000.4.d"),
        ("bus@5 {", "d@1000 { };", "bus@5:d@1000"),
        ("bus@5 { ranges; reg = <0x5 0x1>;", "d { };", "5.bus:d"),
    ],
)
def test_of_device_make_bus_id(make_tree: TreeOf, bus: str, device: str, name: str) -> None:
    tree = make_tree(f"{ROOT} {bus} {device} }};")
    assert device_name(tree.root.children[0].children[0]) == name


@pytest.mark.parametrize(
    ("compatible", "is_taken"),
    [
        ('"simple-bus"', True),
        ('"simple-bus", "qemu,pvctl"', True),
        ('"qemu,pvctl", "simple-bus"', False),
        ('"qemu,pvctl", "simple-pm-bus"', True),
    ],
)
def test_simple_pm_bus_probe_leaves_a_device_whose_first_name_is_not_a_bus(
    make_tree: TreeOf, compatible: str, is_taken: bool
) -> None:
    tree = make_tree(f"d {{ compatible = {compatible}; }};")
    assert is_taken_for_bus(tree.root.children[0]) == is_taken
