# SPDX-License-Identifier: GPL-2.0-or-later
"""A request of the host reaches the driver by whichever way the tree says that the interrupt goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices.interrupt import Interrupt
from paradrive.devices.pvctl import Event, Feature, Pvctl
from paradrive.machine.outcome import NoProgress, ResetLimit
from paradrive_dev.agreement.comparison import compare
from paradrive_dev.agreement.variants import Variant, variants

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest

    Boot = Callable[..., Guest]

BOUND = "init: pvctl bound to"
#: Of a boot, and of what is asked for then, in instructions.
BUDGET, SLICE = 30_000_000, 500_000
GOOD = [variant for variant in variants() if variant.is_good and "interrupt" in variant.path.stem]
#: Properties of a nexus whose map takes its interrupt 1 to source 7; &mpic has #address-cells = <0>.
NEXUS = "#interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &mpic 7 2>;"
TO_NEXUS = "&pvctl { interrupt-parent = <&nexus>; interrupts = <1>; };"

WAYS = {
    "interrupts-extended": "&pvctl { interrupts = <9 2>; interrupts-extended = <&mpic 7 2>; };",
    "interrupts-extended to a nexus": (
        f"/ {{ nexus: nexus {{ {NEXUS} }}; }}; &pvctl {{ interrupts-extended = <&nexus 1>; }};"
    ),
    "nexus": f"/ {{ nexus: nexus {{ {NEXUS} }}; }}; {TO_NEXUS}",
    "nexus that looks at a masked unit address": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <1>; interrupt-map-mask = <0xf000 0x3>;
            interrupt-map = <0x0000 1 &mpic 6 2>, <0x3000 1 &mpic 7 2>, <0x3000 2 &mpic 8 2>; }; };
        &pvctl { reg = <0x3000 0x1000>; interrupt-parent = <&nexus>; interrupts = <5>; };
    """,
    "nexus that looks at the whole unit address": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <1>;
            interrupt-map = <0x1000 1 &mpic 6 2>, <0x0 1 &mpic 7 2>; }; };
    """
    + TO_NEXUS,
    "nexus in a nexus": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>;
            interrupt-map = <2 &outer 0x70 2>, <1 &outer 0x40 3>; };
            outer: outer { #interrupt-cells = <1>; #address-cells = <1>; interrupt-map-mask = <0xf0 0xff>;
            interrupt-map = <0x70 3 &mpic 6 2>, <0x40 3 &mpic 7 2>; }; };
    """
    + TO_NEXUS,
    "nexus whose first row has a disabled controller": """
        / { other: other { #interrupt-cells = <1>; status = "disabled"; };
            nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>;
            interrupt-map = <1 &other 1>, <1 &mpic 7 2>; }; };
    """
    + TO_NEXUS,
    "parent that is no controller": "&pvctl { interrupt-parent = <&serial0>; };",
}

BROKEN = {
    "map without this interrupt": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <2 &mpic 7 2>; }; };
    """
    + TO_NEXUS,
    "map that is cut short": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &mpic 7>; }; };
    """
    + TO_NEXUS,
    "map to no node": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 0x77 7 2>; }; };
    """
    + TO_NEXUS,
    "map to no source": """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>;
            interrupt-map = <1 &mpic 300 2>; }; };
    """
    + TO_NEXUS,
    "interrupts-extended to no node": """
        &pvctl { /delete-property/ interrupts; interrupts-extended = <0x77 1>; };
    """,
}


class Named(Pvctl):
    """A device that asks for its interrupt by name."""

    irq = Interrupt("request")

    @irq.level
    def _requested(self) -> bool:
        return self.EVENT & self.EVENT_MASK != 0


def source(addition: str) -> str:
    return f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" {addition}'


def run_until_bound(guest: Guest) -> None:
    for _ in range(BUDGET // SLICE):
        guest.run(SLICE)
        if BOUND in guest.console:
            return
    pytest.fail("the driver has not bound")


def assert_a_request_arrives(guest: Guest) -> None:
    run_until_bound(guest)
    assert guest.machine.warnings == []
    assert guest.pvctl.request(Event.REBOOT)
    assert guest.run(BUDGET) == ResetLimit(0)


@pytest.mark.parametrize("way", WAYS)
def test_a_request_arrives(boot: Boot, compile_tree: Callable[[str], bytes], way: str) -> None:
    tree = compile_tree(source(WAYS[way]))
    assert compare(tree).disagreements == []
    assert_a_request_arrives(boot(append="act=idle", tree=tree))


@pytest.mark.parametrize("variant", GOOD, ids=lambda variant: variant.path.stem)
def test_a_request_arrives_in_each_good_tree_whose_driver_has_events(boot: Boot, variant: Variant) -> None:
    guest = boot(append="act=idle", tree=variant.blob(), machine=variant.machine)
    run_until_bound(guest)
    for device in guest.machine.devices.values():
        if isinstance(device, Pvctl) and Feature.EVENTS in Feature(device.ENABLE):
            assert device.request(Event.REBOOT)
            assert guest.run(BUDGET) == ResetLimit(0)
            break


@pytest.mark.parametrize("way", [name for name in WAYS if "extended" in name or "nexus in" in name])
def test_a_request_of_a_device_arrives_that_asks_for_its_interrupt_by_name(
    boot: Boot, compile_tree: Callable[[str], bytes], way: str
) -> None:
    names = '&pvctl { interrupt-names = "request"; };'
    tree = compile_tree(source(WAYS[way] + names))
    assert_a_request_arrives(boot(append="act=idle", tree=tree, models={"qemu,pvctl": Named}))


def test_an_interrupt_of_a_name_that_the_tree_does_not_have_is_connected_to_nothing(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    tree = compile_tree(source('&pvctl { interrupt-names = "other"; };'))
    guest = boot(append="act=idle", tree=tree, models={"qemu,pvctl": Named})
    run_until_bound(guest)
    guest.pvctl.request(Event.REBOOT)
    assert isinstance(guest.run(BUDGET), NoProgress)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_way_that_leads_nowhere_is_a_warning_and_the_guest_boots(
    boot: Boot, compile_tree: Callable[[str], bytes], fault: str
) -> None:
    tree = compile_tree(source(BROKEN[fault]))
    assert compare(tree).disagreements == []
    guest = boot(append="act=idle", tree=tree)
    assert [warning for warning in guest.machine.warnings if "pvctl@0" in warning]
    run_until_bound(guest)
    assert Feature.EVENTS not in Feature(guest.pvctl.ENABLE)


def test_maps_in_a_circle_are_a_warning_and_the_machine_runs(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    circle = """
        / { nexus: nexus { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &other 1>; };
            other: other { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &nexus 1>; }; };
    """
    tree = compile_tree(source(circle + TO_NEXUS))
    # The kernel itself searches for ever.
    assert compare(tree).disagreements == []
    assert [
        warning for warning in boot(append="act=idle", tree=tree).machine.warnings if "pvctl@0" in warning
    ]
