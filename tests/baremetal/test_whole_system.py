# SPDX-License-Identifier: GPL-2.0-or-later
"""The same kernel, initramfs and tree on QEMU and on the model: what they print and do to devices."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from bare_metal import QEMU, require
from whole_system import Access, Record, System, run_on_model, run_on_qemu

from paradrive.machine import run_loop

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMS = [System("ppce500", "e500v2"), System("ppce500", "e500mc"), System("mpc8544ds", "e500v2")]
# Offsets from the beginning of CCSR.
SERIAL_DATA = {0x4500, 0x4600}
MODEM_CONTROL = {0x4504, 0x4604}
OUT2 = 0x08
MPIC = 0x4_0000
THIS_IACK = MPIC + 0xA0
IACK, EOI = MPIC + 0x2_00A0, MPIC + 0x2_00B0
TIMERS_OF_GROUP_B = range(MPIC + 0x2100, MPIC + 0x2200)
RSTCR = 0xE_00B0
DEVICES = {
    "serial0": range(0x4500, 0x4600),
    "serial1": range(0x4600, 0x4700),
    "mpic": range(MPIC, MPIC + 0x4_0000),
    "guts": range(0xE_0000, 0xE_1000),
}


@pytest.fixture(params=SYSTEMS, ids="-".join)
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Record, Record]:
    """Return what QEMU and the model have shown."""
    require(QEMU, "qemu-system-ppc")
    return both(request.param, tmp_path_factory.getbasetemp())


@cache
def both(system: System, directory: Path) -> tuple[Record, Record]:
    blob = directory / f"{'-'.join(system)}.dtb"
    model = run_on_model(system, blob)
    return run_on_qemu(system, blob), model


def console_lines(record: Record) -> list[str]:
    """Return the console's lines but for what is bound to differ.

    Time stamps: the time base is the same, but QEMU's first UART answers otherwise (below), and the kernel
    goes another way. Free and reserved memory: QEMU makes the blob of the device tree twice as large when it
    loads one, and the kernel keeps it.
    """
    lines = re.sub(r"^\[ *\d+\.\d+\] ", "", record.console, flags=re.MULTILINE)
    return re.sub(r"Memory: \d+K|\d+K reserved", "(memory)", lines).splitlines()


def comparable(record: Record) -> list[Access]:
    """Return the accesses but for what is bound to differ.

    - What is printed: the digits of the time stamps above; the console shows the rest.
    - MCR: QEMU's UART has OUT2 set after a reset, the data sheet has all bits low; the kernel writes back
      what it has read.
    - The timers of MPIC's group B, which QEMU does not have.
    - IACK of "this CPU": QEMU's core reads it through the bus to act as external proxy, the model's core asks
      the controller. The guest, in this mode, never reads it.
    """
    kept = []
    for access in record.accesses:
        if access.offset in TIMERS_OF_GROUP_B or access.offset == THIS_IACK:
            continue
        value = access.value
        if access.offset in SERIAL_DATA and access.is_write:
            value = 0
        elif access.offset in MODEM_CONTROL:
            value &= ~OUT2
        kept.append(access._replace(value=value))
    return kept


def test_consoles_show_the_same(records: tuple[Record, Record]) -> None:
    qemu, model = records
    assert console_lines(model) == console_lines(qemu)
    assert "reboot: Restarting system" in console_lines(model)[-1]


@pytest.mark.parametrize("device", DEVICES)
def test_device_sees_the_same_accesses(records: tuple[Record, Record], device: str) -> None:
    of_qemu, of_model = (
        [access for access in comparable(record) if access.offset in DEVICES[device]] for record in records
    )
    assert of_model
    assert of_model == of_qemu


def test_all_devices_together_see_the_same_accesses(records: tuple[Record, Record]) -> None:
    qemu, model = records
    everything = comparable(model)
    assert everything == comparable(qemu)
    assert all(any(access.offset in where for where in DEVICES.values()) for access in everything)
    assert everything[-1] == Access(RSTCR, 4, is_write=True, value=2)


@pytest.mark.parametrize("records", SYSTEMS[:2], ids="-".join, indirect=True)
def test_interrupts_are_acknowledged_by_the_external_proxy(records: tuple[Record, Record]) -> None:
    """What makes up for leaving out IACK: each end of an interrupt has its read by QEMU's core."""
    qemu, model = records
    ends = [access for access in model.accesses if access.offset == EOI and access.is_write]
    assert len(ends) >= 3
    assert len([access for access in qemu.accesses if access.offset == THIS_IACK]) >= len(ends) - 1


@pytest.mark.parametrize("records", SYSTEMS[2:], ids="-".join, indirect=True)
def test_kernel_acknowledges_each_interrupt_itself_on_the_mpc8544ds(records: tuple[Record, Record]) -> None:
    _, model = records
    served = [access for access in model.accesses if access.offset in (IACK, EOI)]
    assert len(served) >= 6
    assert [access.is_write for access in served] == [False, True] * (len(served) // 2)


def test_driver_binds_nothing_on_the_mpc8544ds(tmp_path: Path) -> None:
    console = run_on_model(SYSTEMS[2], tmp_path / "tree.dtb").console
    assert "init: /lib/modules/pvctl.ko loaded" in console
    assert "init: pvctl bound to nothing" in console


def test_boot_in_small_slices_is_the_same_to_the_bit(
    records: tuple[Record, Record],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _, model = records
    system = request.node.callspec.params["records"]
    monkeypatch.setattr(run_loop, "SLICE", 1009)
    assert run_on_model(system, tmp_path / "tree.dtb") == model
