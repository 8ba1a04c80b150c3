# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that act late, never, twice, out of order, on damaged memory, or that are taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devices import RW, WO, Interrupt, Register, RegisterDevice, State, Timer
from paradrive.devices.pvctl import ALL_FEATURES, Command, Event, Pvctl
from paradrive.host.inputs import InputError
from paradrive.machine import saved_machine
from paradrive.machine.machine import Machine
from paradrive.machine.outcome import ResetLimit
from paradrive.testing.device_faults import DeviceFaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive.testing.booted import BootedGuest

DRIVER = "/sys/bus/platform/drivers/pvctl"
NAME = "f00000000.pvctl"
A_WHILE = 300_000


def registers(guest: BootedGuest) -> list[str]:
    return [traced.access.register for traced in guest.accesses]


# The real driver


def test_command_that_is_delayed_is_carried_out_then(guest: BootedGuest, pvctl: Pvctl) -> None:
    fault = guest.delay(pvctl, "COMMAND", 50_000)
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: access.register == "COMMAND")
    written = guest.machine.clock.now()
    guest.run_until(instructions=49_000)
    assert fault.happened and not pvctl.commands
    assert guest.machine.run(A_WHILE, reset_limit=0) == ResetLimit(0)
    assert pvctl.commands == [Command.RESET()]
    assert guest.machine.clock.now() - written == pytest.approx(50_000, abs=10)


def test_command_that_is_lost_is_waited_for_in_vain(guest: BootedGuest, pvctl: Pvctl) -> None:
    fault = guest.lose(pvctl, "COMMAND")
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: access.register == "COMMAND")
    guest.run_until(instructions=A_WHILE)
    assert fault.happened
    assert not pvctl.commands


def test_interrupt_that_is_lost_is_not_answered_and_the_next_one_is(guest: BootedGuest, pvctl: Pvctl) -> None:
    fault = guest.lose(pvctl, "irq")
    pvctl.request(Event.REBOOT)
    guest.run_until(instructions=A_WHILE)
    assert (fault.calls, fault.happened) == (1, True)
    assert "EVENT" not in registers(guest)
    pvctl.EVENT = 0
    pvctl.request(Event.REBOOT)
    guest.run_until(line="Restarting system")


def test_interrupt_that_is_delayed_arrives_then(guest: BootedGuest, pvctl: Pvctl) -> None:
    guest.delay(pvctl, "irq", 100_000)
    requested = guest.machine.clock.now()
    pvctl.request(Event.REBOOT)
    guest.run_until(access=lambda access: access.register == "EVENT")
    assert 100_000 < guest.machine.clock.now() - requested < 110_000
    handled: list[int] = []
    guest.machine.vcpu.set_breakpoint(guest.symbol("pvctl_interrupt"), lambda: handled.append(1))
    guest.run_until(line="Restarting system")
    assert not handled  # the end of it has not been late


def test_interrupt_that_is_repeated_is_one_more(guest: BootedGuest, pvctl: Pvctl) -> None:
    vcpu = guest.machine.vcpu
    handled: list[int] = []

    def handle() -> list[int]:
        handled.clear()
        vcpu.set_breakpoint(guest.symbol("pvctl_interrupt"), lambda: handled.append(vcpu.instructions))
        pvctl.request(Event.REBOOT)
        guest.run_until(line="Restarting system")
        return handled

    assert len(handle()) == 1
    guest.restore()
    fault = guest.repeat(pvctl, "irq")
    assert len(handle()) == 2
    assert fault.happened


def test_device_that_is_taken_out_and_put_in_again(guest: BootedGuest, pvctl: Pvctl) -> None:
    pvctl.request(Event.REBOOT)
    removal = guest.remove(pvctl)
    pvctl.EVENT = 0
    pvctl.request(Event.REBOOT)
    guest.run_until(instructions=A_WHILE)
    assert "EVENT" not in registers(guest)
    assert guest.read(f"{DRIVER}/{NAME}/version") == "65535.65535\n"
    removal.back()
    assert guest.read(f"{DRIVER}/{NAME}/version") == "1.0\n"
    assert (pvctl.ENABLE, pvctl.EVENT) == (0, 0)
    guest.write(f"{DRIVER}/unbind", NAME)
    guest.write(f"{DRIVER}/bind", NAME)
    assert pvctl.ENABLE == ALL_FEATURES
    assert pvctl.request(Event.REBOOT)
    guest.run_until(line="Restarting system")


@pytest.mark.guest(dtb="two-interrupts.dts")
def test_any_interrupt_can_be_held(guest: BootedGuest, pvctl: Pvctl) -> None:
    line = guest.hold_interrupt(pvctl, "irq")
    guest.run_until(instructions=A_WHILE)
    assert "EVENT" in registers(guest)
    assert line.level
    with pytest.raises(LookupError, match="second"):
        guest.hold_interrupt(pvctl, "second")


@pytest.mark.guest(dtb="no-interrupt.dts")
def test_interrupt_that_the_tree_lacks_cannot_fail(guest: BootedGuest, pvctl: Pvctl) -> None:
    for fault in (guest.lose, guest.repeat, guest.hold_interrupt):
        with pytest.raises(LookupError, match="pvctl@0"):
            fault(pvctl, "irq")
    guest.remove(pvctl).back()


def test_what_a_device_does_not_do_cannot_fail(guest: BootedGuest, pvctl: Pvctl) -> None:
    for action in ("VERSION", "ARGUMENT", "BOOT_REASON", "pending", "absent"):
        with pytest.raises(LookupError, match=f"pvctl@0.*{action}"):
            guest.lose(pvctl, action)
    with pytest.raises(LookupError):
        guest.overtake(pvctl, "irq")
    for fault in (guest.corrupt_memory, guest.fail_memory, guest.remove):
        with pytest.raises(LookupError):
            fault(Pvctl())
    for numbers in ({"call": 0}, {"times": 0}):
        with pytest.raises(ValueError):
            guest.lose(pvctl, "irq", **numbers)


# A device of one's own: with memory, time and two interrupts

PLACE = "/platform@f00000000/copier@1000"
COPIER = 0xF000_1000
DATA = 0x30_0000


class Copier(RegisterDevice):
    """Stores words in guest memory, each when START is written or when a microsecond has passed."""

    compatible = ("acme,copier",)
    done = Interrupt(0)
    failed = Interrupt(1)
    timer = Timer()
    jobs = State(list, limit=8)
    failures = State(int)
    ADDRESS = Register(0x0, RW, "Where.")
    START = Register(0x4, WO, "Stores this value, at once.")
    LATER = Register(0x8, RW, "Stores this value, a microsecond later.")

    @START.after_write
    def _start(self, value: int) -> None:
        self._store(self.ADDRESS, value)

    @LATER.after_write
    def _later(self, value: int) -> None:
        self.jobs.append((self.ADDRESS, value))
        self.timer.after(1_000)

    @timer.expires
    def _expired(self) -> None:
        for address, value in self.jobs:
            self._store(address, value)
        self.jobs.clear()

    def _store(self, address: int, value: int) -> None:
        stored = self.memory.write_number(address, 4, value + self.memory.read_number(address + 4, 4))
        self.failures += not stored
        (self.done if stored else self.failed).pulse()


class Laboratory(DeviceFaults):
    """A machine with a copier, and a program that writes all its registers in turn."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.copier = self.device(Copier)

    def run(self, instructions: int = 100) -> None:
        self.machine.run(instructions, reset_limit=0)

    def words(self, count: int = 3) -> list[int]:
        memory = self.machine.memories[0].contents
        return [int.from_bytes(memory[DATA + 8 * n : DATA + 8 * n + 4], "big") for n in range(count)]


@pytest.fixture(params=["compiled", "reference"])
def start(
    request: pytest.FixtureRequest,
    compile_tree: Callable[[str], bytes],
    assemble: Callable[[str], Path],
    map_devices: str,
) -> Callable[[str], Laboratory]:
    """Return what makes a laboratory whose guest is a program."""
    from paradrive.devicetree.node import DeviceTree
    from paradrive.machine.elf_kernel import load_kernel
    from paradrive.machine.machine import Configuration

    tree = compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / { platform@f00000000 { copier@1000 {
            compatible = "acme,copier"; reg = <0x1000 0x1000>; interrupts = <6 0>, <7 0>;
        }; }; };"""
    )

    def make(program: str) -> Laboratory:
        kernel = load_kernel(str(assemble(f"{map_devices} .set copier, {COPIER} ; {program} ; b .")))
        configuration = Configuration(
            DeviceTree(tree, "tree"), kernel, engine=request.param, models={"acme,copier": Copier}
        )
        return Laboratory(Machine(configuration, lambda byte: None))

    return make


def stores(register: int = 4, count: int = 3) -> str:
    """Return a program that has 1, 2, ... stored, one behind the other."""
    return " ; ".join(
        f"store32 copier, {DATA + 8 * n} ; store32 copier + {register}, {n + 1}" for n in range(count)
    )


def test_the_call_of_a_number_fails_and_so_many_from_then(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores())
    fault = laboratory.lose(laboratory.copier, "START", call=2)
    assert not fault.happened
    laboratory.run()
    assert laboratory.words() == [1, 0, 3]
    assert (fault.calls, fault.happened) == (3, True)
    laboratory = start(stores(count=4))
    laboratory.lose(laboratory.copier, "START", call=2, times=2)
    laboratory.run()
    assert laboratory.words(4) == [1, 0, 0, 4]


def test_requests_are_completed_out_of_order(start: Callable[[str], Laboratory]) -> None:
    same_place = " ; ".join(f"store32 copier, {DATA} ; store32 copier + 4, {n}" for n in (1, 2, 3))
    laboratory = start(same_place)
    written: list[bytes] = []

    def note(call: Callable[..., bool], address: int, data: bytes) -> bool:
        written.append(bytes(data))
        return call(address, data)

    laboratory.copier.intercept("memory.write", note)
    fault = laboratory.overtake(laboratory.copier, "START")
    laboratory.run()
    assert [data[-1] for data in written] == [2, 1, 3]
    assert fault.happened


def test_timer_expires_late_or_never(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores(8, count=1))
    laboratory.delay(laboratory.copier, "timer", 500)
    laboratory.run(1_400)
    assert laboratory.words(1) == [0]
    laboratory.run(200)
    assert laboratory.words(1) == [1]
    laboratory = start(stores(8, count=1))
    laboratory.lose(laboratory.copier, "timer")
    laboratory.run(10_000)
    assert (laboratory.words(1), laboratory.copier.jobs) == ([0], [(DATA, 1)])


def test_delayed_action_survives_a_snapshot_and_ends_with_a_reset(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores(count=1))
    machine = laboratory.machine
    before = machine.snapshot()
    laboratory.delay(laboratory.copier, "START", 500)
    laboratory.run()
    waiting = machine.snapshot()
    for _ in range(2):
        laboratory.run(1_000)
        assert laboratory.words(1) == [1]
        machine.restore(waiting)
        assert laboratory.words(1) == [0]
    laboratory.copier.reset()
    laboratory.copier.ADDRESS = DATA
    laboratory.run(1_000)
    assert laboratory.words(1) == [0]
    machine.restore(waiting)
    machine.restore(before)
    assert not laboratory.copier.deferred
    laboratory.run(2_000)  # the fault is over: it was for one call
    assert laboratory.words(1) == [1]


def test_guest_cannot_be_saved_while_a_fault_delays_an_action(
    start: Callable[[str], Laboratory], tmp_path: Path
) -> None:
    laboratory = start(stores(count=1))
    laboratory.delay(laboratory.copier, "START", 500)
    laboratory.run()
    with pytest.raises(InputError, match="copier@1000"):
        saved_machine.save(laboratory.machine, str(tmp_path / "state"))
    laboratory.run(1_000)
    saved_machine.save(laboratory.machine, str(tmp_path / "state"))


def test_device_is_told_that_its_access_failed(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores())
    fault = laboratory.fail_memory(laboratory.copier, call=2)
    laboratory.run()
    assert laboratory.words() == [1, 0, 3]
    assert (laboratory.copier.failures, fault.happened) == (1, True)
    assert laboratory.machine.bus.guest_errors.count == 0


def test_memory_is_damaged_on_its_way(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores())
    laboratory.corrupt_memory(laboratory.copier)
    laboratory.corrupt_memory(laboratory.copier, lambda data: b"\xff" * len(data), call=2)
    laboratory.corrupt_memory(laboratory.copier, lambda data: b"\0\0\0\x40", direction="read", call=3)
    laboratory.run()
    assert laboratory.words() == [0x0100_0001, 0xFFFF_FFFF, 0x43]


def test_each_interrupt_fails_by_its_name(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(f"{stores()} ; store32 copier, -8 ; store32 copier + 4, 1")
    copier, arrived = laboratory.copier, []
    for name in ("done", "failed"):
        copier.declarations[name].wire(copier).sink = lambda level, name=name: arrived.append((name, level))
    laboratory.lose(copier, "done", call=2)
    laboratory.lose(copier, "failed")
    laboratory.run()
    assert arrived == [("done", True), ("done", False)] * 2


def test_removed_device_does_nothing_until_it_is_back(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(
        f"{stores(8, count=1)} ; li 9, 0 ; 1: addi 9, 9, 1 ; cmpwi 9, 2000 ; bne 1b ; {stores()}"
    )
    laboratory.run()
    assert laboratory.copier.timer.is_running
    removal = laboratory.remove(laboratory.copier)
    assert not laboratory.copier.memory.write(DATA, b"1234")
    assert laboratory.copier.memory.read(DATA, 8) == bytes(8)
    assert not any(laboratory.copier.memory.read(DATA, 1 << 60))  # a guest may ask for what it likes
    laboratory.run(3_000)
    removal.back()
    assert laboratory.words() == [0, 0, 0]
    assert laboratory.copier.jobs == []
    laboratory.run(10_000)
    assert laboratory.words() == [1, 2, 3]


def test_faults_of_one_action_add_up_and_end_one_by_one(start: Callable[[str], Laboratory]) -> None:
    laboratory = start(stores(count=4))
    lost = laboratory.lose(laboratory.copier, "START", times=100)
    repeated = laboratory.repeat(laboratory.copier, "START", times=100)
    while repeated.calls < 2:
        laboratory.run(1)
    lost.end()
    while repeated.calls < 3:
        laboratory.run(1)
    repeated.end()
    laboratory.run()
    assert (repeated.calls, lost.calls) == (3, 4)
    assert laboratory.words(4) == [0, 0, 3, 4]


@pytest.mark.parametrize("turn", range(2))
def test_device_faults_end_with_the_test(guest: BootedGuest, pvctl: Pvctl, turn: int) -> None:
    pvctl.request(Event.REBOOT)
    guest.run_until(line="Restarting system")
    assert pvctl.memory.write(0x100, b"1234")
    guest.lose(pvctl, "irq")
    guest.lose(pvctl, "COMMAND")
    guest.fail_memory(pvctl)
    guest.remove(pvctl)
