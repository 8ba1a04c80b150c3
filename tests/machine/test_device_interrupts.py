# SPDX-License-Identifier: GPL-2.0-or-later
"""Each interrupt of a device goes where the tree says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices import Interrupt, RegisterDevice
from paradrive.devices.mpic import Mpic

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot

    from paradrive.devices.interrupt import InterruptLine


class Ports(RegisterDevice):
    """A device with an interrupt for each of its directions, by index and by name."""

    compatible = ("acme,ports",)

    first = Interrupt(0)
    second = Interrupt(1)
    transmit = Interrupt("tx")
    other = Interrupt("other")


def acknowledged(mpic: Mpic, line: InterruptLine) -> int:
    """Return the vector of what a line interrupts with; sources 6 to 8 have their number for one."""
    for source in range(6, 9):
        mpic.write(0x10000 + 0x20 * source, 4, 0x00C8_0000 | source)  # active high, level, of priority 8
    mpic.write(0x1020, 4, 0x2000_0000)
    mpic.write(0x20080, 4, 0)
    line.set(True)
    vector = mpic.read(0x200A0, 4)
    line.set(False)
    mpic.write(0x200B0, 4, 0)
    return vector


@pytest.mark.parametrize(
    "interrupts",
    [
        "interrupts = <6 2>, <7 2>;",
        "interrupts-extended = <&mpic 6 2>, <&mpic 7 2>;",
        "interrupt-parent = <&nexus>; interrupts = <1>, <2>;",
        "interrupts-extended = <&mpic 6 2>, <&nexus 2>;",
    ],
)
def test_each_interrupt_goes_where_the_tree_says_by_index_or_by_name(
    boot: Boot, compile_tree: Callable[[str], bytes], interrupts: str
) -> None:
    source = f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" / {{
        nexus: nexus {{ #interrupt-cells = <1>; #address-cells = <0>;
            interrupt-map = <2 &mpic 7 2>, <1 &mpic 6 2>; }};
        platform@f00000000 {{ ports@1000 {{ compatible = "acme,ports"; reg = <0x1000 0x1000>;
            interrupt-names = "rx", "tx"; {interrupts} }}; }}; }};"""
    machine = boot("b .", compile_tree(source), models={"acme,ports": Ports})
    mpic = next(device for device in machine.devices.values() if isinstance(device, Mpic))
    ports = machine.devices["/platform@f00000000/ports@1000"]
    assert isinstance(ports, Ports)
    assert machine.warnings == []
    found = [acknowledged(mpic, line) for line in (ports.first, ports.second, ports.transmit)]
    assert found == [6, 7, 7]
    assert ports.other.sink is None
