# SPDX-License-Identifier: GPL-2.0-or-later
"""The registers as the compiled driver knows them are those of the host's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from module_enumerations import enumerations

from paradrive.devices import pvctl
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    import enum

MODEL = {
    "FEATURE": pvctl.Feature,
    "COMMAND": pvctl.Command,
    "STATUS": pvctl.Status,
    "RESET": pvctl.ResetKind,
    "CRASH": pvctl.CrashKind,
    "EVENT": pvctl.Event,
    "BOOT": pvctl.BootReason,
}
#: The C name of an enumeration where it is not that of its members' prefix.
C_NAMES = {"BOOT": "pvctl_boot_reason"}


@pytest.fixture(scope="module")
def driver() -> dict[str, dict[str, int]]:
    return enumerations(ensure_guest("e500v2").modules[0].read_bytes())


def test_every_register_has_the_same_offset(driver: dict[str, dict[str, int]]) -> None:
    registers = pvctl.Pvctl.registers
    assert driver["pvctl_register"] == {f"PVCTL_{register.name}": register.offset for register in registers}


@pytest.mark.parametrize("prefix", MODEL)
def test_the_values_of_a_register_are_the_same(driver: dict[str, dict[str, int]], prefix: str) -> None:
    model: type[enum.IntEnum | enum.IntFlag] = MODEL[prefix]
    values = driver[C_NAMES.get(prefix, f"pvctl_{prefix.lower()}")]
    assert values == {f"PVCTL_{prefix}_{name}": int(value) for name, value in model.__members__.items()}


def test_no_enumeration_of_the_driver_is_left_out(driver: dict[str, dict[str, int]]) -> None:
    compared = {"pvctl_register", *(C_NAMES.get(prefix, f"pvctl_{prefix.lower()}") for prefix in MODEL)}
    assert {name for name in driver if name.startswith("pvctl_")} == compared
