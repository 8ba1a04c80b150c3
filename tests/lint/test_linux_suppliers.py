# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices wait for their suppliers as drivers/of/property.c and drivers/base/core.c have them do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive_tools.lint.linux.built_in import BuiltInDrivers
from paradrive_tools.lint.linux.interrupts import Interrupts
from paradrive_tools.lint.linux.population import populate
from paradrive_tools.lint.linux.suppliers import Suppliers

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devicetree.node import DeviceTree


@pytest.mark.parametrize(
    ("supplier", "supply", "is_waited_for"),
    [
        ("s { phandle = <1>; };", "vdd-supply = <1>;", True),
        ("s { phandle = <1>; };", "reset-gpios = <1 0>;", True),
        ("s { phandle = <1>; };", "vdd-supplies = <1>;", False),
        ("s { phandle = <1>; };", "vdd-supply = <2>;", False),
        ('s { phandle = <1>; compatible = "simple-bus"; };', "vdd-supply = <1>;", False),
        ('s { phandle = <1>; status = "disabled"; };', "vdd-supply = <1>;", False),
        # of_link_to_phandle looks at the nodes above, too.
        ('bus { status = "disabled"; s { phandle = <1>; }; };', "vdd-supply = <1>;", False),
        ("", "vdd-supply = <1>; s { phandle = <1>; };", False),
        # fwnode_dev_initialized: an interrupt controller is ready without a device.
        ('s { phandle = <1>; device_type = "open-pic"; };', "vdd-supply = <1>;", False),
    ],
)
def test_of_link_to_phandle_makes_a_device_wait(
    make_tree: Callable[[str], DeviceTree], supplier: str, supply: str, is_waited_for: bool
) -> None:
    tree = make_tree(f"{supplier} d {{ {supply} }};")
    device = tree.root.child("d")
    assert device is not None
    suppliers = Suppliers(tree, BuiltInDrivers(populate(tree)), Interrupts(tree).mpic)
    assert (suppliers.supplier_of(device) is not None) == is_waited_for
