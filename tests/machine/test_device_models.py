# SPDX-License-Identifier: GPL-2.0-or-later
"""A class that says what it is compatible with models the nodes which are; nothing else is registered."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from program_guest import PVCTL

from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.pvctl import Pvctl
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot

    from paradrive.machine.devicetree import Node
    from paradrive.machine.wiring import Wiring


class Widget(RegisterDevice):
    compatible = ("acme,widget", "acme,old-widget")
    LEVEL = Register(0, RW, "The interrupt is raised while it is not 0.")

    @LEVEL.on_write
    def _write_level(self, value: int) -> None:
        self.LEVEL = value
        self.interrupt.set(value != 0)


class LoneWidget(RegisterDevice):
    compatible = ("acme,lone-widget",)

    def __init__(self) -> None:
        super().__init__()
        self.created_without_parameters = True


class DerivedWidget(Widget):
    """Inherits what it is compatible with, so it does not compete with its base."""


WIDGET = "/platform@f00000000/widget@1000"
LEVEL = 0xF000_1000


@pytest.fixture
def tree(compile_tree: Callable[[str], bytes]) -> Callable[..., bytes]:
    """Return what makes a tree with a widget."""

    def make(
        compatible: str = "acme,widget", interrupts: str = "interrupts = <6 2>;", board: str = ""
    ) -> bytes:
        return compile_tree(
            f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
            / {{ {board} platform@f00000000 {{ widget@1000 {{
                compatible = "acme,newer-widget", "{compatible}"; reg = <0x1000 0x1000>; {interrupts}
            }}; }}; }};"""
        )

    return make


@pytest.mark.parametrize("compatible", Widget.compatible)
def test_guest_reaches_the_device_and_its_interrupt_the_guest(
    boot: Boot, tree: Callable[..., bytes], compatible: str
) -> None:
    machine = boot(f"store32 {LEVEL}, 5 ; b .", tree(compatible))
    mpic = machine.devices["/soc@fe0000000/pic@40000"]
    mpic.write(0x20080, 4, 0)  # CTPR: let everything through
    mpic.write(0x10000 + 6 * 0x20, 4, 0x0005_0066)  # IVPR of source 6: priority 5, vector 0x66
    machine.run(100, reset_limit=0)
    widget = machine.devices[WIDGET]
    assert type(widget) is Widget
    assert widget.LEVEL == 5
    assert mpic.read(0x200A0, 4) == 0x66  # IACK
    assert machine.warnings == []


def test_line_leads_nowhere_where_the_tree_names_no_interrupt(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree(interrupts=""))
    machine.devices[WIDGET].write(0, 4, 1)
    assert machine.devices[WIDGET].interrupt.level


def test_constructor_may_do_without_an_interrupt(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree("acme,lone-widget"))
    assert machine.devices[WIDGET].created_without_parameters


def test_device_of_ones_own_can_be_on_the_board_of_a_chip(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree(board='compatible = "MPC8544DS";'), machine="mpc8544ds")
    assert WIDGET in machine.devices
    assert PVCTL not in machine.devices


@pytest.mark.parametrize("explicit", ["class", "function"])
def test_model_that_is_handed_in_goes_first(boot: Boot, tree: Callable[..., bytes], explicit: str) -> None:
    def connect(wiring: Wiring, node: Node) -> DerivedWidget:
        return DerivedWidget(wiring.first_interrupt(node))

    model = DerivedWidget if explicit == "class" else connect
    machine = boot("b .", tree(), models={"acme,widget": model})
    assert type(machine.devices[WIDGET]) is DerivedWidget


def test_two_classes_for_one_device_are_told_apart_by_the_test(
    boot: Boot, tree: Callable[..., bytes]
) -> None:
    class OtherWidget(RegisterDevice):
        compatible = ("acme,widget",)

    machine = boot("b .", tree())
    assert WIDGET not in machine.devices
    assert "acme,widget" in machine.warnings[0]
    machine = boot("b .", tree(), models={"acme,widget": OtherWidget})
    assert type(machine.devices[WIDGET]) is OtherWidget
    del OtherWidget, machine
    gc.collect()
    assert WIDGET in boot("b .", tree()).devices


def test_class_does_not_take_the_place_of_what_a_board_has(boot: Boot, ppce500: bytes) -> None:
    class OwnPvctl(RegisterDevice):
        compatible = ("qemu,pvctl",)

    assert type(boot("b .", ppce500).devices[PVCTL]) is Pvctl


def test_device_has_a_line_whether_it_is_given_one_or_not() -> None:
    line = InterruptLine()
    assert Widget(line).interrupt is line
    assert Widget().interrupt.sink is None
