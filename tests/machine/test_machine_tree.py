# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices, memory and wiring of a machine follow from its device tree; trees that make no machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program_guest import PVCTL, run

from paradrive.machine.devicetree import DeviceTreeError
from paradrive.machine.inputs import InputError
from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot


def warnings_of(boot: Boot, compile_tree: Callable[[str], bytes], addition: str) -> list[str]:
    source = f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" {addition}'
    return boot("b .", compile_tree(source)).warnings


def test_device_without_a_model_gives_a_warning_that_names_it(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    addition = '/ { soc@fe0000000 { i2c@3000 { compatible = "fsl-i2c"; rtc { compatible = "rtc"; }; }; }; };'
    warnings = warnings_of(boot, compile_tree, addition)
    assert len(warnings) == 1
    assert warnings[0].startswith("/soc@fe0000000/i2c@3000: ")
    assert "fsl-i2c" in warnings[0]


def test_disabled_device_is_left_out(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    machine = boot("b .", compile_tree(
        '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &pvctl { status = "disabled"; };'
    ))  # fmt: skip
    assert PVCTL not in machine.devices
    assert machine.warnings == []


def test_second_cpu_gives_a_warning(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    addition = '/ { cpus { cpu@1 { device_type = "cpu"; reg = <1>; }; }; };'
    assert any("/cpus/cpu@1" in warning for warning in warnings_of(boot, compile_tree, addition))


def test_tree_of_another_core_gives_a_warning(boot: Boot, ppce500: bytes) -> None:
    assert "64" in boot("b .", ppce500, cpu="e500mc").warnings[0]


def test_mpc8544ds_is_the_chip_and_nothing_else(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    source = '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" / { compatible = "MPC8544DS"; };'
    machine = boot("b .", compile_tree(source), machine="mpc8544ds")
    assert PVCTL not in machine.devices
    assert PVCTL in machine.warnings[0]


def test_devices_move_with_the_tree(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    source = """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                &pvctl { reg = <0x3000 0x1000>; };"""
    assert run(boot(".set pvctl, 0xf0003000 ; shutdown 0 ; b .", compile_tree(source))) == PoweredOff(0)


def test_both_uarts_raise_the_interrupt_they_share(boot: Boot) -> None:
    machine = boot("b .")
    mpic = machine.devices["/soc@fe0000000/pic@40000"]
    mpic.write(0x20080, 4, 0)  # CTPR: let everything through
    mpic.write(0x10000 + 42 * 0x20, 4, 0x0005_0055)  # IVPR of source 42: priority 5, vector 0x55
    for name in ("serial@4500", "serial@4600"):
        uart = machine.devices[f"/soc@fe0000000/{name}"]
        assert mpic.read(0x200A0, 4) == 0xFFFF  # IACK: spurious
        uart.write(1, 1, 2)  # IER: transmitter empty, which it is
        assert mpic.read(0x200A0, 4) == 0x55
        uart.write(1, 1, 0)
        mpic.write(0x200B0, 4, 0)  # EOI


@pytest.mark.parametrize(
    ("addition", "reason"),
    [
        ('/ { compatible = "acme,board"; };', "is compatible with acme,board; ppce500 needs fsl,qemu-e500"),
        ("&pvctl { reg = <0x8000000 0x1000>; };", "outside its ranges"),
        ("&serial1 { reg = <0x4580 0x100>; };", "serial@4600.*overlaps"),
        ("&serial1 { interrupts = <300 2>; };", "serial@4600.*300"),
        ("&serial1 { interrupt-parent = <&serial0>; };", "is not an interrupt controller"),
        ('&mpic { compatible = "acme,pic"; };', "interrupt parent /soc@fe0000000/pic@40000 has no model"),
        ("/ { memory@0 { reg = <0 0 0 0x1234>; }; };", "RAM"),
        ("/ { memory@0 { reg = <0 0 0x7fffffff 0xfffff000>; }; };", "RAM"),
        ('/ { cpus { PowerPC,8544@0 { device_type = "fpu"; }; }; };', "no CPU node"),
        ("/ { cpus { PowerPC,8544@0 { timebase-frequency = <0>; }; }; };", "timebase-frequency is 0"),
        ("/ { cpus { PowerPC,8544@0 { /delete-property/ timebase-frequency; }; }; };", "is missing"),
    ],
)
def test_tree_no_machine_can_be_built_from_is_an_error(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str, reason: str
) -> None:
    with pytest.raises(DeviceTreeError, match=reason) as error:
        warnings_of(boot, compile_tree, addition)
    assert str(error.value).startswith("test.dtb: ")


@pytest.mark.parametrize(("option", "source"), [({"machine": "pc"}, "--machine"), ({"cpu": "z80"}, "--cpu")])
def test_unknown_name_is_an_error(boot: Boot, option: dict[str, str], source: str) -> None:
    with pytest.raises(InputError, match=f"^{source}: .* only ") as error:
        boot("b .", **option)
    assert error.value.source == source


def test_memory_size_overrides_the_trees(boot: Boot) -> None:
    machine = boot("b .", memory_size=16 << 20)
    assert machine.bus.memory_at((16 << 20) - 1) is not None
    assert machine.bus.memory_at(16 << 20) is None
