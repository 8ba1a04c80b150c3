# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_host import RecordingHost

from paradrive.cpu.clock import Clock
from paradrive.devices.detached import detached
from paradrive.devices.interrupt import InterruptLine
from paradrive.devices.pvctl import (
    ALL_FEATURES,
    BootReason,
    Command,
    CrashKind,
    Event,
    Feature,
    Pvctl,
    ResetKind,
    Status,
)

ID, VERSION, FEATURES, ENABLE, COMMAND, ARGUMENT, STATUS, EVENT, EVENT_MASK, BOOT_REASON = range(0, 0x28, 4)


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()


@pytest.fixture
def line() -> InterruptLine:
    return InterruptLine()


def attached(pvctl: Pvctl, host: RecordingHost, line: InterruptLine | None = None) -> Pvctl:
    pvctl.attach(detached(host=host, lines={} if line is None else {0: line}))
    return pvctl


@pytest.fixture
def pvctl(line: InterruptLine, host: RecordingHost) -> Pvctl:
    return attached(Pvctl(), host, line)


def command(pvctl: Pvctl, value: int, argument: int) -> int:
    pvctl.write(ARGUMENT, 4, argument)
    pvctl.write(COMMAND, 4, value)
    return pvctl.read(STATUS, 4)


def test_identifies_itself(pvctl: Pvctl) -> None:
    assert pvctl.read(ID, 4).to_bytes(4, "big") == b"PVCT"
    assert pvctl.read(VERSION, 4) == 0x00010000
    assert pvctl.read(FEATURES, 4) == 0x1F


def test_poses_as_an_older_or_foreign_device(host: RecordingHost) -> None:
    pvctl = attached(Pvctl(features=Feature.RESET, version=0x00020003), host)
    pvctl.reset()
    assert (pvctl.read(VERSION, 4), pvctl.read(FEATURES, 4)) == (0x00020003, 0x2)


def test_enable_drops_what_is_not_offered(host: RecordingHost) -> None:
    pvctl = attached(Pvctl(features=Feature.RESET | Feature.EVENTS), host)
    assert pvctl.read(ENABLE, 4) == 0
    pvctl.write(ENABLE, 4, 0xFFFFFFFF)
    assert pvctl.read(ENABLE, 4) == 0xA


@pytest.mark.parametrize("code", [0, 3, 0xFFFFFFFF])
def test_shutdown_hands_the_exit_code_over(pvctl: Pvctl, host: RecordingHost, code: int) -> None:
    pvctl.write(ENABLE, 4, Feature.SHUTDOWN)
    assert command(pvctl, Command.SHUTDOWN, code) == Status.OK
    assert host.calls == [("power_off", code)]


@pytest.mark.parametrize("kind", ResetKind)
def test_reset_is_cold_or_warm(pvctl: Pvctl, host: RecordingHost, kind: ResetKind) -> None:
    pvctl.write(ENABLE, 4, Feature.RESET)
    assert command(pvctl, Command.RESET, kind) == Status.OK
    assert host.calls == ["reset"]


@pytest.mark.parametrize("kind", CrashKind)
def test_crash_is_reported(pvctl: Pvctl, host: RecordingHost, kind: CrashKind) -> None:
    pvctl.write(ENABLE, 4, Feature.CRASH)
    assert command(pvctl, Command.CRASH, kind) == Status.OK
    assert host.calls == ["panicked" if kind is CrashKind.PANICKED else "crashed"]


@pytest.mark.parametrize("value", Command)
def test_command_whose_feature_is_not_enabled_is_refused(
    pvctl: Pvctl, host: RecordingHost, value: Command
) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES & ~Feature[value.name])
    assert command(pvctl, value, 0) == Status.NOT_ENABLED
    assert host.calls == []


@pytest.mark.parametrize("value", [0, 4, 0x80000001])
def test_unknown_command_is_refused(pvctl: Pvctl, host: RecordingHost, value: int) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    assert command(pvctl, value, 0) == Status.UNKNOWN
    assert host.calls == []


@pytest.mark.parametrize("value", [Command.RESET, Command.CRASH])
@pytest.mark.parametrize("argument", [2, 0xFFFFFFFF])
def test_bad_argument_is_refused(pvctl: Pvctl, host: RecordingHost, value: Command, argument: int) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    assert command(pvctl, value, argument) == Status.BAD_ARGUMENT
    assert host.calls == []


def test_status_is_that_of_the_last_command(pvctl: Pvctl) -> None:
    pvctl.write(ENABLE, 4, Feature.CRASH)
    assert command(pvctl, 99, 0) == Status.UNKNOWN
    assert command(pvctl, Command.CRASH, 0) == Status.OK


def test_commands_are_remembered_up_to_a_bound(pvctl: Pvctl) -> None:
    for number in range(1000):
        command(pvctl, 99, number)
    assert len(pvctl.commands) == Pvctl.COMMANDS_KEPT
    assert pvctl.commands[-1].argument == 999
    assert pvctl.commands[-1].status is Status.UNKNOWN


def test_event_interrupts_while_it_is_pending_and_not_masked(pvctl: Pvctl, line: InterruptLine) -> None:
    pvctl.write(ENABLE, 4, Feature.EVENTS)
    assert pvctl.request(Event.REBOOT)
    assert pvctl.read(EVENT, 4) == Event.REBOOT
    assert not line.level
    pvctl.write(EVENT_MASK, 4, Event.REBOOT)
    assert line.level
    pvctl.write(EVENT, 4, Event.REBOOT)
    assert not line.level
    assert pvctl.read(EVENT, 4) == 0


def test_acknowledging_one_event_keeps_the_others(pvctl: Pvctl, line: InterruptLine) -> None:
    pvctl.write(ENABLE, 4, Feature.EVENTS)
    pvctl.write(EVENT_MASK, 4, 7)
    pvctl.request(Event.SHUTDOWN)
    pvctl.request(Event.CRASH)
    pvctl.write(EVENT, 4, Event.SHUTDOWN)
    assert pvctl.read(EVENT, 4) == Event.CRASH
    assert line.level


def test_request_needs_a_driver_that_takes_events(pvctl: Pvctl) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES & ~Feature.EVENTS)
    assert not pvctl.request(Event.SHUTDOWN)
    assert pvctl.read(EVENT, 4) == 0


def test_events_work_without_an_interrupt(host: RecordingHost) -> None:
    pvctl = attached(Pvctl(), host)
    pvctl.write(ENABLE, 4, Feature.EVENTS)
    pvctl.write(EVENT_MASK, 4, 7)
    assert pvctl.request(Event.SHUTDOWN)
    assert pvctl.read(EVENT, 4) == Event.SHUTDOWN


@pytest.mark.parametrize("reason", BootReason)
def test_boot_reason_is_told_once_enabled(pvctl: Pvctl, host: RecordingHost, reason: BootReason) -> None:
    host.boot_reason = reason
    pvctl.reset()
    assert pvctl.read(BOOT_REASON, 4) == 0
    pvctl.write(ENABLE, 4, Feature.BOOT_REASON)
    assert pvctl.read(BOOT_REASON, 4) == reason


def test_reset_disables_everything(pvctl: Pvctl, line: InterruptLine) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    pvctl.write(EVENT_MASK, 4, 7)
    pvctl.request(Event.SHUTDOWN)
    command(pvctl, 99, 5)
    pvctl.reset()
    assert [pvctl.read(offset, 4) for offset in (ENABLE, ARGUMENT, STATUS, EVENT, EVENT_MASK)] == [0] * 5
    assert not line.level


@pytest.mark.parametrize(
    ("offset", "value"),
    [(ID, 1), (VERSION, 1), (FEATURES, 0), (STATUS, 1), (BOOT_REASON, 1), (0x28, 1), (0xFFC, 1)],
)
def test_write_of_what_is_not_writable_is_a_guest_error(pvctl: Pvctl, offset: int, value: int) -> None:
    before = [pvctl.reader(place, 4)() for place in (ID, VERSION, FEATURES, STATUS)]
    pvctl.write(offset, 4, value)
    assert [pvctl.reader(place, 4)() for place in (ID, VERSION, FEATURES, STATUS)] == before
    assert pvctl.guest_errors.count == 1


@pytest.mark.parametrize(
    ("offset", "size"), [(ID, 1), (ID, 2), (2, 2), (2, 4), (ID, 8), (COMMAND, 4), (0x28, 4)]
)
def test_undefined_read_is_a_guest_error(pvctl: Pvctl, offset: int, size: int) -> None:
    assert pvctl.read(offset, size) == 0
    assert pvctl.guest_errors.count == 1


def test_saved_state_restores_registers_and_interrupt(pvctl: Pvctl, host: RecordingHost) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    pvctl.write(EVENT_MASK, 4, 7)
    pvctl.request(Event.CRASH)
    line = InterruptLine()
    other = attached(Pvctl(), host, line)
    other.load(pvctl.save())
    assert line.level
    assert other.read(EVENT, 4) == Event.CRASH


def test_load_moves_the_line_straight_to_its_level(pvctl: Pvctl, line: InterruptLine) -> None:
    pvctl.write(ENABLE, 4, Feature.EVENTS)
    pvctl.write(EVENT_MASK, 4, 7)
    pvctl.request(Event.SHUTDOWN)
    state = pvctl.save()
    changes: list[bool] = []
    line.sink = changes.append
    pvctl.load(state)
    assert changes == []


def test_guest_that_moves_to_a_host_with_fewer_features_loses_them(pvctl: Pvctl, host: RecordingHost) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    poorer = attached(Pvctl(features=Feature.RESET), host)
    poorer.load(pvctl.save())
    assert poorer.read(FEATURES, 4) == poorer.read(ENABLE, 4) == Feature.RESET
    assert command(poorer, Command.SHUTDOWN, 0) == Status.NOT_ENABLED


def test_newer_state_is_refused(pvctl: Pvctl) -> None:
    class Newer(Pvctl):
        state_version: ClassVar[int] = Pvctl.state_version + 1

    with pytest.raises(ValueError, match=f"pvctl.*{Newer.state_version}"):
        pvctl.load(Newer().save())


def test_state_of_an_older_model_is_loaded(pvctl: Pvctl) -> None:
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    older = {key: value for key, value in pvctl.save().items() if key in ("version", "registers")}
    pvctl.delay = 5
    pvctl.load(older | {"version": 1, "boot_reason": 2})
    assert (pvctl.enabled, pvctl.delay) == (ALL_FEATURES, 0)


DELAY = 1000


class GuestTime:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.clock, self.now = Clock(), 0
        self.clock.read = lambda: self.now

    def pass_until(self, when: int) -> None:
        self.now = when
        self.clock.run_due(when)


@pytest.fixture
def time() -> GuestTime:
    return GuestTime()


@pytest.fixture
def late(host: RecordingHost, time: GuestTime) -> Pvctl:
    """Return the device of a host that takes its time."""
    pvctl = Pvctl()
    pvctl.attach(detached(host=host, clock=time.clock))
    pvctl.write(ENABLE, 4, ALL_FEATURES)
    pvctl.delay = DELAY
    return pvctl


def test_late_host_carries_an_accepted_command_out_exactly_when_it_is_due(
    late: Pvctl, host: RecordingHost, time: GuestTime
) -> None:
    time.pass_until(7)
    assert command(late, Command.SHUTDOWN, 3) == Status.OK
    assert late.commands == [Command.SHUTDOWN(argument=3)]
    # What it was told with the command counts, not what the guest writes later.
    late.write(ARGUMENT, 4, 9)
    time.pass_until(7 + DELAY - 1)
    assert host.calls == []
    time.pass_until(7 + DELAY)
    assert host.calls == [("power_off", 3)]
    time.pass_until(10 * DELAY)
    assert host.calls == [("power_off", 3)]


def test_late_host_keeps_to_the_first_command_that_ends_the_guest(
    late: Pvctl, host: RecordingHost, time: GuestTime
) -> None:
    command(late, Command.SHUTDOWN, 3)
    late.delay = 0
    for value in (Command.RESET, Command.SHUTDOWN):
        assert command(late, value, 0) == Status.OK
    assert host.calls == []
    time.pass_until(DELAY)
    assert host.calls == [("power_off", 3)]


def test_late_host_is_told_of_a_crash_and_of_refusals_at_once(late: Pvctl, host: RecordingHost) -> None:
    command(late, Command.CRASH, CrashKind.PANICKED)
    assert command(late, Command.RESET, 2) == Status.BAD_ARGUMENT
    assert host.calls == ["panicked"]


def test_reset_forgets_what_is_pending_and_leaves_the_host_late(
    late: Pvctl, host: RecordingHost, time: GuestTime
) -> None:
    command(late, Command.RESET, ResetKind.COLD)
    late.reset()
    time.pass_until(DELAY)
    assert (host.calls, late.delay) == ([], DELAY)


def test_pending_command_moves_to_another_host(late: Pvctl, time: GuestTime) -> None:
    time.pass_until(7)
    command(late, Command.RESET, ResetKind.WARM)
    there, time_there = RecordingHost(), GuestTime()
    other = Pvctl()
    other.attach(detached(host=there, clock=time_there.clock))
    other.load(late.save())
    assert other.delay == DELAY
    time_there.pass_until(7 + DELAY - 1)
    assert there.calls == []
    time_there.pass_until(7 + DELAY)
    assert there.calls == ["reset"]


@pytest.mark.parametrize("is_pending", [False, True])
def test_snapshot_brings_back_what_was_pending(
    late: Pvctl, host: RecordingHost, time: GuestTime, is_pending: bool
) -> None:
    if is_pending:
        command(late, Command.RESET, ResetKind.WARM)
    revert = late.capture()
    for _ in range(2):
        late.delay = 0
        command(late, Command.SHUTDOWN, 3)
        time.pass_until(5 * DELAY)
        host.calls.clear()
        time.now = 0
        time.clock.clear()
        revert()
        assert late.delay == DELAY
        time.pass_until(5 * DELAY)
        assert host.calls == ["reset"] * is_pending


def test_destroyed_device_carries_nothing_out(late: Pvctl, host: RecordingHost, time: GuestTime) -> None:
    command(late, Command.SHUTDOWN, 3)
    late.destroy()
    time.pass_until(DELAY)
    assert host.calls == []


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("state", {"pending": 3}),
        ("state", {"pending": -1}),
        ("state", {"pending": Command.SHUTDOWN}),  # and no timer that runs
        ("state", {"pending_argument": 1 << 32}),
        ("state", {"delay": -1}),
        ("state", {"delay": 1 << 63}),
        ("state", {"delay": "soon"}),
        ("timers", {"carried_out": [-1, 0]}),
    ],
)
def test_pending_command_that_cannot_be_is_refused(
    late: Pvctl, section: str, values: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=f"pvctl: saved state: {next(iter(values))}"):
        late.load(late.save() | {section: values})


ACCESSES = st.tuples(
    st.one_of(st.integers(0, 0x28), st.integers(0, 0xFFF)),
    st.sampled_from([1, 2, 4, 4, 4, 8]),
    st.one_of(st.integers(0, 4), st.integers(0, (1 << 64) - 1)),
)


@given(st.lists(ACCESSES, max_size=20))
def test_no_sequence_of_accesses_raises_and_the_line_follows_its_formula(
    accesses: list[tuple[int, int, int]],
) -> None:
    line = InterruptLine()
    pvctl = attached(Pvctl(), RecordingHost(), line)
    for offset, size, value in accesses:
        pvctl.write(offset, size, value)
        pvctl.request(Event.SHUTDOWN)
        assert 0 <= pvctl.read(offset, size) < 1 << 32
        assert line.level == (pvctl.read(EVENT, 4) & pvctl.read(EVENT_MASK, 4) != 0)
    pvctl.load(pvctl.save())


def test_a_command_is_compared_with_its_record(pvctl: Pvctl) -> None:
    pvctl.write(ENABLE, 4, Feature.RESET)
    assert pvctl.enabled == Feature.RESET
    pvctl.write(ARGUMENT, 4, ResetKind.WARM)
    pvctl.write(COMMAND, 4, Command.RESET)
    pvctl.write(COMMAND, 4, Command.SHUTDOWN)
    assert pvctl.commands == [
        Command.RESET(argument=ResetKind.WARM),
        Command.SHUTDOWN(argument=ResetKind.WARM, status=Status.NOT_ENABLED),
    ]
