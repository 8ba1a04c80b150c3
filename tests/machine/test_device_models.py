# SPDX-License-Identifier: GPL-2.0-or-later
"""What models a node is what the configuration names for it; the machine connects all that it declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program_guest import PVCTL

from paradrive.devices.interrupt import Interrupt, InterruptLine
from paradrive.devices.pvctl import Pvctl
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RW, Register
from paradrive.host.inputs import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot

    from paradrive.devices.services import Services
    from paradrive.machine.machine import Machine


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


class Button(RegisterDevice):
    compatible = ("acme,button",)
    press = Interrupt("press")
    release = Interrupt("release")


class Needy(Widget):
    def attach(self, services: Services) -> None:
        super().attach(services)
        self.lanes = self.node.cell("acme,lanes")


class Broken(Widget):
    def attach(self, services: Services) -> None:
        super().attach(services)
        self.lanes = self.node.cells("acme,lanes")[0]


class DerivedWidget(Widget):
    """Another widget."""


MODELS = {"acme,widget": Widget, "acme,old-widget": Widget, "acme,lone-widget": LoneWidget}
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
    machine = boot(f"store32 {LEVEL}, 5 ; b .", tree(compatible), models=MODELS)
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
    machine = boot("b .", tree(interrupts=""), models=MODELS)
    machine.devices[WIDGET].write(0, 4, 1)
    assert machine.devices[WIDGET].interrupt.level


def test_constructor_may_do_without_an_interrupt(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree("acme,lone-widget"), models=MODELS)
    assert machine.devices[WIDGET].created_without_parameters


def test_device_of_ones_own_can_be_on_the_board_of_a_chip(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree(board='compatible = "MPC8544DS";'), machine="mpc8544ds", models=MODELS)
    assert WIDGET in machine.devices
    assert PVCTL not in machine.devices


def test_model_of_one_node_goes_before_that_of_all_alike(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    nodes = "".join(
        f'widget@{number}000 {{ compatible = "acme,widget"; reg = <0x{number}000 0x1000>; {more} }};'
        for number, more in ((1, ""), (2, ""), (3, 'paradrive,model = "odd";'), (4, ""))
    )
    tree = compile_tree(
        f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / {{ aliases {{ second = "/platform@f00000000/widget@2000"; }};
             platform@f00000000 {{ {nodes} }}; }};"""
    )
    classes = {name: type(name, (Widget,), {}) for name in ("ByPath", "ByAlias", "ByProperty")}
    models = {
        "acme,widget": Widget,
        WIDGET: classes["ByPath"],
        "second": classes["ByAlias"],
        "odd": classes["ByProperty"],
    }
    devices = boot("b .", tree, models=models).devices
    found = [type(devices[f"/platform@f00000000/widget@{number}000"]).__name__ for number in range(1, 5)]
    assert found == ["ByPath", "ByAlias", "ByProperty", "Widget"]


def test_class_that_nobody_names_models_nothing(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree())
    assert WIDGET not in machine.devices
    assert WIDGET in machine.warnings[0]


def test_model_may_take_the_place_of_what_a_board_has(boot: Boot, ppce500: bytes) -> None:
    class OwnPvctl(Pvctl):
        pass

    assert type(boot("b .", ppce500, models={"qemu,pvctl": OwnPvctl}).devices[PVCTL]) is OwnPvctl


def test_device_has_a_line_whether_it_is_given_one_or_not() -> None:
    line = InterruptLine()
    assert Widget(line).interrupt is line
    assert Widget().interrupt.sink is None


BUTTON = "/platform@f00000000/button"


@pytest.fixture
def boot_with_button(boot: Boot, compile_tree: Callable[[str], bytes]) -> Callable[..., Machine]:
    """Return what makes a machine with a node that has interrupts and no reg."""
    tree = compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" / { platform@f00000000 { button {
            compatible = "acme,button"; interrupts = <6 0>, <7 0>; interrupt-names = "release", "press";
        }; }; };"""
    )
    return lambda model: boot("b .", tree, models={"acme,button": model})


def test_device_without_registers_needs_no_place_in_the_address_map(
    boot_with_button: Callable[..., Machine],
) -> None:
    machine = boot_with_button(Button)
    button = machine.devices[BUTTON]
    assert isinstance(button, Button)
    assert machine.warnings == []
    raised: list[str] = []
    for name in ("press", "release"):
        line: InterruptLine = getattr(button, name)
        assert line.sink is not None
        line.sink = lambda level, name=name: raised.append(name) if level else None
        line.pulse()
    assert raised == ["press", "release"]


def test_device_with_registers_needs_a_place(boot_with_button: Callable[..., Machine]) -> None:
    machine = boot_with_button(Widget)
    assert BUTTON not in machine.devices
    assert BUTTON in "".join(machine.warnings)


def test_device_whose_node_lacks_what_it_needs_is_left_out(boot: Boot, tree: Callable[..., bytes]) -> None:
    machine = boot("b .", tree(), models={"acme,widget": Needy})
    assert WIDGET not in machine.devices
    assert "acme,lanes" in "".join(machine.warnings)


def test_model_that_fails_at_its_node_is_named(boot: Boot, tree: Callable[..., bytes]) -> None:
    with pytest.raises(InputError, match=f"{WIDGET}.*{Broken.__name__}"):
        boot("b .", tree(), models={"acme,widget": Broken})
