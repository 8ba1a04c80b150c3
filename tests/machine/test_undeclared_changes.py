# SPDX-License-Identifier: GPL-2.0-or-later
"""Attributes that a class does not declare: what the guest changes is told, and all is brought back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.devices import RW, Register, RegisterDevice, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from program_guest import Boot

PVCTL = "/platform@f00000000/pvctl@0"


class Helper:
    """An object of the author's own."""

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.jobs: list[int] = []
        self.nested: list[Any] = [{}, 0]


class Careless(RegisterDevice):
    """A device with whatever an author may think of."""

    REGISTER = Register(0, RW, "A register.")
    declared = State(int)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.seen: list[int] = []
        self.helper = Helper(self)
        self.helpers = [Helper(self), Helper(self)]
        self.random = random.Random(1)
        self.callback: Any = None
        self.table = list(range(100_000))
        self.opaque = object()

    def behaviour(self) -> list[object]:
        helpers = [
            (helper.jobs, helper.nested, sorted(vars(helper))) for helper in (self.helper, *self.helpers)
        ]
        new = hasattr(self, "late")
        return [
            self.count,
            self.seen,
            helpers,
            self.random.getstate(),
            self.callback,
            new,
            self.REGISTER,
            self.declared,
        ]


@pytest.fixture
def device(boot: Boot) -> Careless:
    """Return a device whose machine is in ``machine``."""
    machine = boot("1: addi 3, 3, 1 ; b 1b", models={"qemu,pvctl": Careless})
    device = machine.devices[PVCTL]
    assert isinstance(device, Careless)
    vars(device)["machine"] = machine
    return device


CHANGES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a number": ("count", lambda device: setattr(device, "count", 5)),
    "a new one": ("late", lambda device: setattr(device, "late", 5.5)),
    "one that is gone": ("count", lambda device: delattr(device, "count")),
    "a list": ("seen", lambda device: device.seen.append(5)),
    "a helper": ("helper", lambda device: device.helper.jobs.append(5)),
    "a part of a helper": ("helper", lambda device: device.helper.nested[0].update(a=1)),
    "another attribute of a helper": ("helper", lambda device: setattr(device.helper, "late", 1)),
    "one of several helpers": ("helpers", lambda device: device.helpers[1].jobs.append(5)),
    "a random number": ("random", lambda device: device.random.random()),
    "a callback": ("callback", lambda device: setattr(device, "callback", print)),
}


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_what_the_guest_changes_is_told_and_brought_back(
    device: Careless, name: str, change: Callable[[Any], object]
) -> None:
    machine, before = vars(device)["machine"], repr(device.behaviour())
    snapshot = machine.snapshot()
    machine.call_at(5, lambda: change(device))
    for _ in range(3):
        machine.run(10, reset_limit=0)
    changes = machine.undeclared_changes()
    assert [(change.path, change.name) for change in changes] == [(PVCTL, name)]
    assert all(part in str(changes[0]) for part in (PVCTL, f"Careless.{name}", f"{name} = State("))
    machine.restore(snapshot)
    assert machine.undeclared_changes() == []
    assert repr(device.behaviour()) == before


@pytest.mark.parametrize("change", [change for _, change in CHANGES.values()], ids=CHANGES.keys())
def test_what_the_host_changes_between_runs_is_no_mistake_and_is_brought_back(
    device: Careless, change: Callable[[Any], object]
) -> None:
    machine, before = vars(device)["machine"], repr(device.behaviour())
    snapshot = machine.snapshot()
    machine.run(10, reset_limit=0)
    change(device)
    machine.run(10, reset_limit=0)
    assert machine.undeclared_changes() == []
    machine.restore(snapshot)
    assert repr(device.behaviour()) == before


def test_what_is_declared_is_no_mistake(device: Careless) -> None:
    machine = vars(device)["machine"]
    machine.call_at(5, lambda: [device.write(0, 4, 7), setattr(device, "declared", 8)])
    machine.run(10, reset_limit=0)
    assert (device.REGISTER, device.declared) == (7, 8)
    assert machine.undeclared_changes() == []
