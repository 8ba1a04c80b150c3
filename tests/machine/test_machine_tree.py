# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices, memory and wiring of a machine follow from its device tree, also from one that is wrong."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_guest import PVCTL, printed_by, run

from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot


@pytest.fixture
def build(boot: Boot) -> Callable[[bytes], Machine]:
    """Return what makes a machine of a tree; its kernel is assembled once."""
    kernel = boot("b .").kernel

    def make(tree: bytes) -> Machine:
        configuration = Configuration(DeviceTree(tree), kernel, engine="reference")
        return Machine(configuration, lambda byte: None)

    return make


def tree_with(compile_tree: Callable[[str], bytes], addition: str) -> bytes:
    return compile_tree(f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" {addition}')


def warnings_of(boot: Boot, compile_tree: Callable[[str], bytes], addition: str) -> list[str]:
    return boot("b .", tree_with(compile_tree, addition)).warnings


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
    machine = boot("b .", tree_with(compile_tree, '/ { compatible = "MPC8544DS"; };'), machine="mpc8544ds")
    assert PVCTL not in machine.devices
    (warning,) = machine.warnings
    assert warning.startswith(f"{PVCTL}: ") and "qemu,pvctl" in warning


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


SERIAL1 = "/soc@fe0000000/serial@4600"


def test_only_so_many_devices_are_built(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    devices = (
        f'a@{n:x} {{ compatible = "qemu,pvctl"; reg = <{n * 4:#x} 4>; }};' for n in range(0x2000, 0x2101)
    )
    bus = (
        f"bus {{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0xf 0 0x10000>; {''.join(devices)} }};"
    )
    machine = boot("b .", tree_with(compile_tree, f"/ {{ {bus} }};"))
    assert len(machine.devices) == 256
    assert machine.warnings


@pytest.mark.parametrize(
    ("addition", "path"),
    [
        ("&pvctl { reg = <0x8000000 0x1000>; };", PVCTL),
        ("&pvctl { /delete-property/ reg; };", PVCTL),
        ("&pvctl { reg = <0>; };", PVCTL),
        ("&pvctl { reg = <0 0>; };", PVCTL),
        ("/ { platform@f00000000 { #size-cells = <0>; }; };", PVCTL),
        ("/ { platform@f00000000 { ranges = <0 0x10 0 0x1000>; }; };", PVCTL),
        ("/ { platform@f00000000 { ranges = <0 0 0 0x1000>; }; };", PVCTL),
        ("&serial1 { reg = <0x4580 0x100>; };", SERIAL1),
        ('&pvctl { compatible = "acme,\\x1bpvctl"; };', PVCTL),
        ('&pvctl { interrupt-controller; compatible = "fsl,mpic"; };', PVCTL),
    ],
)
def test_nothing_answers_where_a_device_is_described_wrongly(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str, path: str
) -> None:
    machine = boot("b .", tree_with(compile_tree, addition))
    assert path not in machine.devices
    assert [line for line in machine.warnings if line.startswith(f"{path}: ")]
    assert all(line.isprintable() for line in machine.warnings)


@pytest.mark.parametrize(
    "addition",
    [
        "&pvctl { interrupts = <300 2>; };",
        "&pvctl { interrupts = <5>; };",
        "&pvctl { interrupt-parent = <0x77>; };",
        "&pvctl { interrupt-parent = <&rtc>; }; / { rtc: rtc { #interrupt-cells = <1>; }; };",
        '&mpic { compatible = "acme,pic"; };',
        "&mpic { /delete-property/ interrupt-controller; };",
    ],
)
def test_device_answers_although_its_interrupt_leads_nowhere(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str
) -> None:
    machine = boot("shutdown 0 ; b .", tree_with(compile_tree, addition))
    assert [line for line in machine.warnings if "interrupt" in line]
    assert run(machine) == PoweredOff(0)


@pytest.mark.parametrize(
    ("addition", "address"),
    [
        ("&pvctl { reg = <0x0 0x24>; };", 0xF000_0000),
        ("&pvctl { reg = <0x0 0x1000 0x5>; };", 0xF000_0000),
        ("&pvctl { reg = <0x804 0x1000>; };", 0xF000_0804),
        ("/ { platform@f00000000 { ranges = <0 0xf 0 0x100>; }; };", 0xF000_0000),
        ('/ { platform@f00000000 { pvctl@24 { compatible = "acme,x"; reg = <0x24 4>; }; }; };', 0xF000_0000),
        ("&pvctl { compatible = [71 65 6d 75 2c 70 76 63 74 6c]; };", 0xF000_0000),
        ('/ { platform@f00000000 { compatible = "acme,bus"; }; };', 0xF000_0000),
        ("/ { chosen { stdout-path = <1>; }; aliases { serial0 = [ff]; }; };", 0xF000_0000),
        ('/ { compatible = "acme,board"; };', 0xF000_0000),
    ],
)
def test_device_answers_where_linux_looks_for_it(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str, address: int
) -> None:
    program = f".set pvctl, {address} ; shutdown 0 ; b ."
    assert run(boot(program, tree_with(compile_tree, addition))) == PoweredOff(0)


def test_region_ends_where_another_device_answers(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    late = 'b@f0ffff000 { compatible = "qemu,pvctl"; reg = <0xf 0x0ffff000 0 0x2000>; };'
    taken = 'a@f10000000 { compatible = "qemu,pvctl"; reg = <0xf 0x10000000 0 0x1000>; };'
    machine = boot("b .", tree_with(compile_tree, f"/ {{ {taken} {late} }};"))
    sizes = {region.name: region.size for region in machine.bus.regions}
    assert sizes["a@f10000000"] == sizes["b@f0ffff000"] == 0x1000
    assert machine.warnings == [
        "/b@f0ffff000: overlaps a@f10000000 at 0xf10000000..0xf10000fff, which answers from there on"
    ]


def test_nodes_of_one_path_are_a_device_each(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    bus = '{ ranges; a { compatible = "qemu,pvctl"; reg = <0xf 0x1234 0 0x1000>; }; };'
    tree = DeviceTree(tree_with(compile_tree, f"/ {{ bus1 {bus} bus2 {bus.replace('1234', '4321')} }};"))
    for node in tree.root.children:
        if node.name.startswith("bus"):
            node.name = "bus"
    machine = boot("b .", tree.to_fdt())
    assert {"/bus/a", "/bus/a#1"} <= machine.devices.keys()


@pytest.mark.parametrize(
    "addition",
    [
        "/ { memory@0 { reg = <0 0 0 0x1234>; }; };",
        "/ { memory@0 { reg = <0 0 0x7fffffff 0xfffff000>; }; };",
        "/ { memory@0 { reg = <0 0x10000 0 0x4000000>; }; };",
        "/ { memory@0 { reg = [00]; }; };",
        "/ { /delete-node/ memory@0; };",
        "/ { #address-cells = <9>; };",
    ],
)
@pytest.mark.parametrize("memory_size", [None, 32 << 20])
def test_machine_has_ram_whatever_its_tree_says(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str, memory_size: int | None
) -> None:
    machine = boot("b .", tree_with(compile_tree, addition), memory_size=memory_size)
    assert [(memory.base, memory.size) for memory in machine.memories] == [(0, memory_size or 64 << 20)]
    if memory_size is None:
        assert machine.warnings


def test_ram_beside_the_first_block_is_left_out_where_it_cannot_be(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    blocks = "<0 0 0 0x2000000>, <0 0x1000000 0 0x2000000>, <0 0x4000000 0 0x1000000>"
    machine = boot("b .", tree_with(compile_tree, f"/ {{ memory@0 {{ reg = {blocks}; }}; }};"))
    assert [memory.base for memory in machine.memories] == [0, 0x400_0000]
    assert len(machine.warnings) == 1


def test_memory_size_that_the_host_cannot_reserve_is_an_error(boot: Boot) -> None:
    with pytest.raises(InputError):
        boot("b .", memory_size=1 << 60)


@pytest.mark.parametrize(
    "addition",
    [
        '/ { cpus { PowerPC,8544@0 { device_type = "fpu"; }; }; };',
        "/ { /delete-node/ cpus; };",
        "/ { cpus { PowerPC,8544@0 { timebase-frequency = <0>; }; }; };",
        "/ { cpus { PowerPC,8544@0 { timebase-frequency = [00 01]; }; }; };",
        "/ { cpus { PowerPC,8544@0 { /delete-property/ timebase-frequency; }; }; };",
        "/ { cpus { PowerPC,8544@0 { d-cache-line-size = <3>; reg = [00]; }; }; };",
    ],
)
def test_machine_has_a_cpu_whatever_its_tree_says(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str
) -> None:
    machine = boot("mftb 3 ; shutdown 0 ; b .", tree_with(compile_tree, addition))
    assert machine.warnings
    assert run(machine) == PoweredOff(0)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_machine_can_be_built_whatever_the_properties_are(
    build: Callable[[bytes], Machine], ppce500: bytes, data: st.DataObject
) -> None:
    tree = DeviceTree(ppce500)
    properties = [(node, name) for node in tree.root.walk() for name in node.properties]
    for node, name in data.draw(st.lists(st.sampled_from(properties), min_size=1, max_size=3)):
        cells = st.lists(st.sampled_from([0, 1, 2, 5, 0xF, 0xE000_0000, 0xFFFF_FFFF]), max_size=6)
        node.properties[name] = data.draw(
            st.binary(max_size=9) | cells.map(lambda c: pack(f">{len(c)}I", *c))
        )
    assert all(warning.isprintable() for warning in build(tree.to_fdt()).warnings)


@pytest.mark.parametrize(("option", "source"), [({"machine": "pc"}, "--machine"), ({"cpu": "z80"}, "--cpu")])
def test_unknown_name_is_an_error(boot: Boot, option: dict[str, str], source: str) -> None:
    with pytest.raises(InputError, match=f"^{source}: ") as error:
        boot("b .", **option)
    assert error.value.source == source


def test_machine_with_a_cpu_that_it_does_not_come_with_is_an_error(boot: Boot) -> None:
    with pytest.raises(InputError, match=r"^--cpu: .*mpc8544ds.*e500mc"):
        boot("b .", machine="mpc8544ds", cpu="e500mc")


def test_memory_size_overrides_the_trees(boot: Boot) -> None:
    machine = boot("b .", memory_size=16 << 20)
    assert machine.bus.memory_at((16 << 20) - 1) is not None
    assert machine.bus.memory_at(16 << 20) is None


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ('stdout-path = "serial7"', "serial7"),
        ('stdout-path = "/soc/gone@1:115200"', "/soc/gone@1"),
        ('stdout-path = "/cpus"', "/cpus"),
        ("/delete-property/ stdout-path", None),
    ],
)
def test_first_uart_is_the_console_where_the_tree_names_none_that_works(
    boot: Boot, compile_tree: Callable[[str], bytes], chosen: str, named: str | None
) -> None:
    machine = boot(
        "print 'x' ; shutdown 0 ; b .", tree_with(compile_tree, f"/ {{ chosen {{ {chosen}; }}; }};")
    )
    assert run(machine) == PoweredOff(0)
    assert printed_by(machine) == b"x"
    assert machine.console is machine.devices["/soc@fe0000000/serial@4500"]
    assert [named in warning for warning in machine.warnings if named] == ([True] if named else [])
