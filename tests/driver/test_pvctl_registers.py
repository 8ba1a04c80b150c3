# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's header and the host's model agree on every register and value."""

import enum
import re

import pytest

from paradrive.devices import pvctl
from paradrive.devices.registers import Register
from paradrive_tools.guest_build.paths import DRIVER_SOURCES

DEFINITION = re.compile(r"^#define\s+PVCTL_(\w+)[ \t]+(BIT\((\d+)\)|0x[0-9a-f]+|\d+)", re.MULTILINE)


def header() -> dict[str, int]:
    text = (DRIVER_SOURCES / "pvctl_regs.h").read_text(encoding="utf-8")
    return {name: 1 << int(bit) if bit else int(number, 0) for name, number, bit in DEFINITION.findall(text)}


def test_every_register_of_the_model_has_its_offset_in_the_header() -> None:
    registers = {name: value for name, value in vars(pvctl.Pvctl).items() if isinstance(value, Register)}
    assert registers
    assert {name: register.offset for name, register in registers.items()} == {
        name: header().get(name) for name in registers
    }


@pytest.mark.parametrize(
    ("prefix", "values"),
    [
        ("FEATURE", pvctl.Feature),
        ("COMMAND", pvctl.Command),
        ("STATUS", pvctl.Status),
        ("RESET", pvctl.ResetKind),
        ("EVENT", pvctl.Event),
        ("BOOT", pvctl.BootReason),
    ],
)
def test_the_values_of_a_register_are_the_same(prefix: str, values: type[enum.IntEnum]) -> None:
    expected = {f"{prefix}_{name}": int(value) for name, value in values.__members__.items()}
    registers = vars(pvctl.Pvctl)
    defined = {
        name: value
        for name, value in header().items()
        if name.startswith(f"{prefix}_") and name not in registers
    }
    assert defined == expected


def test_the_identification_and_the_kinds_of_crash_are_the_same() -> None:
    constants = header()
    assert constants["ID_PVCT"] == pvctl.IDENTIFICATION
    assert constants["CRASH_PANICKED"] == pvctl.CrashKind.PANICKED
    assert constants["CRASH_KERNEL"] == pvctl.CrashKind.CRASH_KERNEL
