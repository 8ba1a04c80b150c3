# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/devices.md says what the register maps say, of every device that a machine can have."""

from __future__ import annotations

from paradrive.devices.virtio import VirtioRng
from paradrive.machine.board import MODELLED
from paradrive_dev import device_docs


def test_the_document_is_up_to_date() -> None:
    written = device_docs.DOCUMENT.read_text(encoding="utf-8")
    assert written == device_docs.document(), "run: make docs"


def test_every_device_of_a_machine_is_described() -> None:
    assert {compatible for device in device_docs.DEVICES for compatible in device.compatible} == MODELLED


def test_a_section_names_every_register_of_its_device() -> None:
    for device in device_docs.DEVICES:
        section = device_docs.section(device)
        known = device_docs.base_of(device).declarations
        names = [register.name for register in device.registers if register.name not in known]
        assert names or device is VirtioRng
        assert [name for name in names if name not in section] == []
