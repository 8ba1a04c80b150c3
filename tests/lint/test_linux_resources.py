# SPDX-License-Identifier: GPL-2.0-or-later
"""RAM is what drivers/of/fdt.c and drivers/of/of_reserved_mem.c leave of the memory nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.linux_address import Resource
from paradrive_tools.lint.linux.resources import Claims, memory, reserved_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree

    TreeOf = Callable[[str], DeviceTree]

ROOT = "#address-cells = <1>; #size-cells = <1>;"
RAM = 'memory { device_type = "memory"; reg = <0x0 0x10000>; };'
RESERVED = "reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;"


def regions(*bounds: tuple[int, int]) -> list[Resource]:
    return [Resource(start, end) for start, end in bounds]


def test_early_init_dt_scan_memory_goes_by_device_type_and_usable_memory(make_tree: TreeOf) -> None:
    tree = make_tree(
        f"{ROOT} memory@0 {{ reg = <0x0 0x1000>; }};"
        'a { device_type = "memory"; reg = <0x0 0x1000 0x4000 0x1000 0x8000>; };'
        'b { device_type = "memory"; reg = <0x0 0x1000>; linux,usable-memory = <0x10000 0x1000>; };'
        'c { device_type = "memory"; reg = <0x20000 0x1000>; status = "disabled"; };'
    )
    assert memory(tree) == regions((0, 0xFFF), (0x4000, 0x4FFF), (0x10000, 0x10FFF))


def test_early_init_dt_reserve_memory_takes_only_no_map_away(make_tree: TreeOf) -> None:
    children = "a { reg = <0x1000 0x1000>; }; b { reg = <0x4000 0x1000>; no-map; };"
    tree = make_tree(f"{ROOT} {RAM} {RESERVED} {children} }};")
    assert memory(tree) == regions((0, 0x3FFF), (0x5000, 0xFFFF))
    assert reserved_memory(tree) == regions((0x1000, 0x1FFF), (0x4000, 0x4FFF))


@pytest.mark.parametrize(
    ("reserved", "child"),
    [
        (RESERVED.replace("ranges;", ""), "reg = <0x4000 0x1000>; no-map;"),
        (RESERVED.replace("#size-cells = <1>", "#size-cells = <2>"), "reg = <0x4000 0x1000>; no-map;"),
        (RESERVED, 'reg = <0x4000 0x1000>; no-map; status = "disabled";'),
        (RESERVED, "reg = <0x4000 0x1000 0x0>; no-map;"),
    ],
)
def test_fdt_scan_reserved_mem_ignores_what_has_not_the_right_form(
    make_tree: TreeOf, reserved: str, child: str
) -> None:
    tree = make_tree(f"{ROOT} {RAM} {reserved} a {{ {child} }}; }};")
    assert memory(tree) == regions((0, 0xFFFF))
    assert reserved_memory(tree) == []


def test_request_region_refuses_what_is_busy_until_it_is_released(make_tree: TreeOf) -> None:
    claims = Claims(make_tree(f"{ROOT} {RAM}"), [])
    device = Resource(0x20000, 0x20FFF)
    assert claims.claim(Resource(0xF000, 0x10FFF), "a") is not None
    assert claims.claim(device, "a") is None
    conflict = claims.claim(device, "b")
    assert conflict is not None
    assert conflict.owner == "a"
    claims.release("a")
    assert claims.claim(device, "b") is None
