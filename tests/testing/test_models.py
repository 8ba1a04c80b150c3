# SPDX-License-Identifier: GPL-2.0-or-later
"""The device models of a test are those of its file."""

from __future__ import annotations

from types import ModuleType

from paradrive.devices.pvctl import Pvctl
from paradrive.devices.register_device import RegisterDevice
from paradrive.testing.models import models_of_module


def module_with_a_widget(name: str) -> ModuleType:
    class Widget(RegisterDevice):
        compatible = ("acme,widget-of-many-files",)

    module = ModuleType(name)
    vars(module).update(Widget=Widget, Pvctl=Pvctl, RegisterDevice=RegisterDevice)
    return module


def test_each_file_has_its_own_class_for_a_device() -> None:
    one, other = module_with_a_widget("one"), module_with_a_widget("other")
    assert models_of_module(one) == {"acme,widget-of-many-files": one.Widget}
    assert models_of_module(one) != models_of_module(other)


def test_class_that_is_derived_from_a_board_device_does_not_replace_it() -> None:
    class OldPvctl(Pvctl):
        compatible = ("qemu,pvctl", "acme,old-pvctl")

    module = ModuleType("module")
    vars(module).update(OldPvctl=OldPvctl)
    assert models_of_module(module) == {"acme,old-pvctl": OldPvctl}
