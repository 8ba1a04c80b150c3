# SPDX-License-Identifier: GPL-2.0-or-later
"""A test that asks for a device which the tree has kept out is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices import RW, Register, RegisterDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest


class Widget(RegisterDevice):
    compatible = ("acme,widget",)
    LEVEL = Register(0, RW, "A register that the node gives no place.")


def test_device_that_the_tree_keeps_out_is_told_with_the_reason(
    boot: Callable[..., Guest], compile_tree: Callable[[str], bytes]
) -> None:
    tree = compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / { platform@f00000000 { widget { compatible = "acme,widget"; }; }; };"""
    )
    with pytest.raises(LookupError, match=r"Widget.*/platform@f00000000/widget.*\breg\b"):
        boot(tree=tree).device(Widget)
