# SPDX-License-Identifier: GPL-2.0-or-later
"""The same kernel, initramfs and tree on QEMU and on the model: what they print and do to devices."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from bare_metal import QEMU, require
from whole_system import Access, Record, run_on_model, run_on_qemu

from paradrive.machine import run_loop
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from pathlib import Path

CCSR = 0xF_E000_0000
SERIAL_DATA = {CCSR + 0x4500, CCSR + 0x4600}
MODEM_CONTROL = {CCSR + 0x4504, CCSR + 0x4604}
OUT2 = 0x08
MPIC = CCSR + 0x4_0000
THIS_IACK = MPIC + 0xA0
TIMERS_OF_GROUP_B = range(MPIC + 0x2100, MPIC + 0x2200)
RSTCR = CCSR + 0xE_00B0
DEVICES = {
    "serial0": range(CCSR + 0x4500, CCSR + 0x4600),
    "serial1": range(CCSR + 0x4600, CCSR + 0x4700),
    "mpic": range(MPIC, MPIC + 0x4_0000),
    "guts": range(CCSR + 0xE_0000, CCSR + 0xE_1000),
}


@pytest.fixture(params=["e500v2", "e500mc"])
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Record, Record]:
    """Return what QEMU and the model have shown."""
    require(QEMU, "qemu-system-ppc")
    return both(request.param, tmp_path_factory.getbasetemp())


@cache
def both(cpu: str, directory: Path) -> tuple[Record, Record]:
    guest = ensure_guest(cpu)
    blob = directory / f"{cpu}.dtb"
    model = run_on_model(guest, cpu, blob)
    return run_on_qemu(guest, cpu, blob), model


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
        if access.address in TIMERS_OF_GROUP_B or access.address == THIS_IACK:
            continue
        value = access.value
        if access.address in SERIAL_DATA and access.is_write:
            value = 0
        elif access.address in MODEM_CONTROL:
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
        [access for access in comparable(record) if access.address in DEVICES[device]] for record in records
    )
    assert of_model
    assert of_model == of_qemu


def test_all_devices_together_see_the_same_accesses(records: tuple[Record, Record]) -> None:
    qemu, model = records
    everything = comparable(model)
    assert everything == comparable(qemu)
    assert all(any(access.address in where for where in DEVICES.values()) for access in everything)
    assert everything[-1] == Access(RSTCR, 4, is_write=True, value=2)


def test_interrupts_are_acknowledged_by_the_external_proxy(records: tuple[Record, Record]) -> None:
    """What makes up for leaving out IACK: each end of an interrupt has its read by QEMU's core."""
    qemu, model = records
    eoi = MPIC + 0x2_00B0
    ends = [access for access in model.accesses if access.address == eoi and access.is_write]
    assert len(ends) >= 3
    assert len([access for access in qemu.accesses if access.address == THIS_IACK]) >= len(ends) - 1


def test_boot_in_small_slices_is_the_same_to_the_bit(
    records: tuple[Record, Record],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _, model = records
    cpu = request.node.callspec.params["records"]
    monkeypatch.setattr(run_loop, "SLICE", 1009)
    assert run_on_model(ensure_guest(cpu), cpu, tmp_path / "tree.dtb") == model
