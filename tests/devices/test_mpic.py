# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.cpu.clock import Clock
from paradrive.devices.mpic import MPIC_2_0, Mpic

BRR1, FRR, GCR, VIR, PIR, IPIVPR, SVR = 0x0, 0x1000, 0x1020, 0x1080, 0x1090, 0x10A0, 0x10E0
GTCCR, GTBCR, GTVPR, GTDR = 0x1100, 0x1110, 0x1120, 0x1130
IPIDR, CTPR, WHOAMI, IACK, EOI = 0x40, 0x80, 0x90, 0xA0, 0xB0
MASK, ACTIVITY, POLARITY, SENSE = 1 << 31, 1 << 30, 1 << 23, 1 << 22
RESET, EXTERNAL_PROXY, MIXED = 1 << 31, 3 << 29, 1 << 29
SPURIOUS = 0xFFFF
NANOSECONDS_PER_TICK = 40

UART, DISK = 42, 43
PIN = 3


class Controller:
    """An MPIC with a settable clock, the levels of its outputs, and the accesses of a driver."""

    def __init__(self, cpus: int = 1, **options: object) -> None:
        self.time = 0
        self.clock = Clock()
        self.clock.read = lambda: self.time
        self.outputs = [False] * cpus
        self.changes = 0
        self.current_cpu = 0
        self.cores_reset: list[int] = []
        self.mpic = Mpic(
            self.clock,
            [self.output(cpu) for cpu in range(cpus)],
            current_cpu=lambda: self.current_cpu,
            reset_core=self.cores_reset.append,
            **options,  # type: ignore[arg-type]
        )
        for cpu in range(cpus):
            self.to_cpu(cpu, CTPR, 0)

    def output(self, cpu: int):  # type: ignore[no-untyped-def]
        def set_level(level: bool) -> None:
            self.outputs[cpu] = level
            self.changes += 1

        return set_level

    def __getitem__(self, offset: int) -> int:
        return self.mpic.read(offset, 4)

    def __setitem__(self, offset: int, value: int) -> None:
        self.mpic.write(offset, 4, value)

    def to_cpu(self, cpu: int, register: int, value: int) -> None:
        self[0x20000 + cpu * 0x1000 + register] = value

    def of_cpu(self, cpu: int, register: int) -> int:
        return self[0x20000 + cpu * 0x1000 + register]

    def program(self, source: int, priority: int, vector: int, *, cpus: int = 1, bits: int = 0) -> None:
        self[idr(source)] = cpus
        self[ivpr(source)] = bits | priority << 16 | vector

    def advance(self, nanoseconds: int) -> None:
        self.time += nanoseconds
        self.clock.run_due(self.time)


def ivpr(source: int) -> int:
    return 0x10000 + 0x20 * source


def idr(source: int) -> int:
    return ivpr(source) + 0x10


@pytest.fixture
def pic() -> Controller:
    return Controller()


@pytest.fixture
def smp() -> Controller:
    return Controller(cpus=2)


def test_power_on_state() -> None:
    mpic = Mpic(Clock(), [lambda level: None])
    assert mpic.read(BRR1, 4) == 0x00400402
    assert mpic.read(FRR, 4) == 195 << 16 | 2
    assert mpic.read(0x20000 + CTPR, 4) == 15
    assert mpic.read(SVR, 4) == SPURIOUS
    assert mpic.read(GCR, 4) == mpic.read(VIR, 4) == mpic.read(PIR, 4) == 0
    assert mpic.read(ivpr(0), 4) == MASK
    assert mpic.read(ivpr(16), 4) == mpic.read(ivpr(255), 4) == MASK | POLARITY
    assert mpic.read(idr(255), 4) == 1
    assert mpic.read(GTBCR, 4) == MASK
    assert mpic.read(IPIVPR + 0x30, 4) == mpic.read(GTVPR + 0x10C0, 4) == MASK


def test_older_model_reports_its_revision_and_sources() -> None:
    pic = Controller(cpus=2, model=MPIC_2_0)
    assert pic[BRR1] == 0x00400200
    assert pic[FRR] == 79 << 16 | 1 << 8 | 2


@pytest.mark.parametrize("cpus", [0, 33])
def test_impossible_number_of_cpus_is_refused(cpus: int) -> None:
    with pytest.raises(ValueError, match="1 to 32 CPUs"):
        Controller(cpus=cpus)


@pytest.mark.parametrize("number", [-1, 256])
def test_unknown_source_is_refused(pic: Controller, number: int) -> None:
    with pytest.raises(ValueError, match="no interrupt source"):
        pic.mpic.source(number)


def test_interrupt_is_acknowledged_with_its_vector_and_ended(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    line.set(True)
    assert pic.outputs == [True]
    assert pic.of_cpu(0, IACK) == 0x2A
    assert pic.outputs == [False]
    line.set(False)
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]
    assert pic.of_cpu(0, IACK) == SPURIOUS


def test_level_that_persists_interrupts_again_after_eoi(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [True]
    assert pic.of_cpu(0, IACK) == 0x2A


def test_level_that_ends_takes_its_interrupt_back(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    line.set(True)
    line.set(False)
    assert pic.outputs == [False]
    assert pic.of_cpu(0, IACK) == SPURIOUS


def test_lines_into_one_source_are_ored(pic: Controller) -> None:
    first, second = pic.mpic.source(UART), pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    first.set(True)
    second.set(True)
    first.set(False)
    assert pic.outputs == [True]
    second.set(False)
    assert pic.outputs == [False]


def test_edge_is_latched_until_it_is_acknowledged(pic: Controller) -> None:
    line = pic.mpic.source(PIN)
    pic.program(PIN, 8, 0x30)
    line.set(True)
    line.set(False)
    assert pic.outputs == [True]
    assert pic.of_cpu(0, IACK) == 0x30
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]


def test_edge_that_stays_high_interrupts_once(pic: Controller) -> None:
    line = pic.mpic.source(PIN)
    pic.program(PIN, 8, 0x30)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]


def test_pin_may_be_programmed_level_sensitive(pic: Controller) -> None:
    line = pic.mpic.source(PIN)
    pic.program(PIN, 8, 0x30, bits=SENSE | POLARITY)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [True]
    line.set(False)
    assert pic.outputs == [False]


def test_sense_of_chip_devices_is_fixed(pic: Controller) -> None:
    pic[ivpr(UART)] = 0xFFFFFFFF
    assert pic[ivpr(UART)] == MASK | POLARITY | 0x000FFFFF
    pic[ivpr(PIN)] = 0xFFFFFFFF
    assert pic[ivpr(PIN)] == MASK | POLARITY | SENSE | 0x000FFFFF


def test_masked_source_interrupts_once_it_is_unmasked(pic: Controller) -> None:
    pic.program(PIN, 8, 0x30, bits=MASK)
    line = pic.mpic.source(PIN)
    line.set(True)
    line.set(False)
    assert pic.outputs == [False]
    assert pic.of_cpu(0, IACK) == SPURIOUS
    pic[ivpr(PIN)] = 8 << 16 | 0x30
    assert pic.outputs == [True]


def test_priority_zero_never_interrupts(pic: Controller) -> None:
    pic.program(UART, 0, 0x2A)
    pic.mpic.source(UART).set(True)
    assert pic.outputs == [False]


@pytest.mark.parametrize(("task", "interrupts"), [(7, True), (8, False), (9, False), (15, False)])
def test_task_priority_holds_back_what_is_not_above_it(pic: Controller, task: int, interrupts: bool) -> None:
    pic.to_cpu(0, CTPR, task)
    pic.program(UART, 8, 0x2A)
    pic.mpic.source(UART).set(True)
    assert pic.outputs == [interrupts]
    assert pic.of_cpu(0, IACK) == (0x2A if interrupts else SPURIOUS)


def test_lowering_the_task_priority_lets_an_interrupt_through(pic: Controller) -> None:
    pic.to_cpu(0, CTPR, 15)
    pic.program(UART, 8, 0x2A)
    pic.mpic.source(UART).set(True)
    pic.to_cpu(0, CTPR, 0xF0)
    assert pic.of_cpu(0, CTPR) == 0
    assert pic.outputs == [True]


def test_best_priority_comes_first_and_among_equals_the_lowest_number(pic: Controller) -> None:
    for source, priority in ((50, 5), (44, 9), (43, 9), (60, 3)):
        pic.program(source, priority, source)
        pic.mpic.source(source).set(True)
    order = []
    for _ in range(4):
        vector = pic.of_cpu(0, IACK)
        order.append(vector)
        pic[ivpr(vector)] = MASK
        pic.to_cpu(0, EOI, 0)
    assert order == [43, 44, 50, 60]


def test_higher_priority_nests_and_eoi_ends_the_innermost(pic: Controller) -> None:
    low, high = pic.mpic.source(UART), pic.mpic.source(DISK)
    pic.program(UART, 4, 0x2A)
    pic.program(DISK, 9, 0x2B)
    low.set(True)
    assert pic.of_cpu(0, IACK) == 0x2A
    high.set(True)
    assert pic.outputs == [True]
    assert pic.of_cpu(0, IACK) == 0x2B
    high.set(False)
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [True]


@pytest.mark.parametrize("priority", [3, 4])
def test_equal_or_lower_priority_waits_for_eoi(pic: Controller, priority: int) -> None:
    pic.program(UART, 4, 0x2A)
    pic.program(DISK, priority, 0x2B)
    line = pic.mpic.source(UART)
    line.set(True)
    pic.of_cpu(0, IACK)
    line.set(False)
    pic.mpic.source(DISK).set(True)
    assert pic.outputs == [False]
    assert pic.of_cpu(0, IACK) == SPURIOUS
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [True]


def test_eoi_without_service_does_nothing(pic: Controller) -> None:
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]


def test_spurious_vector_is_programmable(pic: Controller) -> None:
    pic[SVR] = 0xABCD01FF
    assert pic[SVR] == pic.of_cpu(0, IACK) == 0x01FF


def test_activity_shows_requested_and_in_service_and_cannot_be_written(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A, bits=ACTIVITY)
    assert not pic[ivpr(UART)] & ACTIVITY
    line.set(True)
    assert pic[ivpr(UART)] & ACTIVITY
    pic.of_cpu(0, IACK)
    line.set(False)
    assert pic[ivpr(UART)] & ACTIVITY
    pic.to_cpu(0, EOI, 0)
    assert not pic[ivpr(UART)] & ACTIVITY


def test_destination_selects_the_cpu(smp: Controller) -> None:
    smp.program(UART, 8, 0x2A, cpus=0b10)
    smp.mpic.source(UART).set(True)
    assert smp.outputs == [False, True]
    assert smp.of_cpu(0, IACK) == SPURIOUS
    assert smp.of_cpu(1, IACK) == 0x2A


def test_request_moves_with_its_destination(smp: Controller) -> None:
    smp.program(UART, 8, 0x2A, cpus=0b01)
    smp.mpic.source(UART).set(True)
    smp[idr(UART)] = 0b10
    assert smp.outputs == [False, True]


def test_destination_has_a_bit_for_each_cpu(smp: Controller) -> None:
    smp[idr(UART)] = 0xFFFFFFFF
    assert smp[idr(UART)] == 0b11


def test_cpus_know_their_number(smp: Controller) -> None:
    assert [smp.of_cpu(cpu, WHOAMI) for cpu in (0, 1)] == [0, 1]
    smp.current_cpu = 1
    assert smp[WHOAMI] == 1


def test_each_cpu_finds_its_own_registers_at_the_common_offsets(smp: Controller) -> None:
    smp.program(UART, 8, 0x2A, cpus=0b10)
    smp.mpic.source(UART).set(True)
    assert smp[IACK] == SPURIOUS
    smp.current_cpu = 1
    assert smp[IACK] == 0x2A
    smp[EOI] = 0
    assert smp.outputs == [False, True]
    smp[CTPR] = 9
    assert smp.outputs == [False, False]
    assert smp.of_cpu(1, CTPR) == smp[CTPR] == 9
    assert smp.of_cpu(0, CTPR) == 0


def test_registers_of_a_cpu_that_does_not_exist_are_guest_errors(smp: Controller) -> None:
    assert smp.of_cpu(2, CTPR) == 0
    smp.to_cpu(2, EOI, 0)
    assert smp.mpic.guest_errors.count == 2


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("common", [True, False])
def test_interprocessor_interrupt_reaches_each_cpu_once(smp: Controller, number: int, common: bool) -> None:
    smp[IPIVPR + 0x10 * number] = 10 << 16 | 0x80 + number
    smp[(0 if common else 0x21000) + IPIDR + 0x10 * number] = 0b11
    assert smp.outputs == [True, True]
    for cpu in (0, 1):
        assert smp.of_cpu(cpu, IACK) == 0x80 + number
        smp.to_cpu(cpu, EOI, 0)
    assert smp.outputs == [False, False]


def test_interprocessor_interrupts_add_up(smp: Controller) -> None:
    smp[IPIVPR] = 10 << 16 | 0x80
    smp.to_cpu(0, IPIDR, 0b01)
    smp.to_cpu(0, IPIDR, 0b10)
    assert smp.outputs == [True, True]
    assert smp[IPIVPR] & ACTIVITY


def test_processor_initialisation_resets_a_core_once(smp: Controller) -> None:
    smp[PIR] = 0b110
    smp[PIR] = 0b10
    smp[PIR] = 0
    smp[PIR] = 0b10
    assert smp.cores_reset == [1, 1]


def test_external_proxy_acknowledges_only_when_selected(pic: Controller) -> None:
    pic.program(UART, 8, 0x2A)
    pic.mpic.source(UART).set(True)
    assert pic.mpic.acknowledge(0) is None
    assert pic.outputs == [True]
    pic[GCR] = EXTERNAL_PROXY
    assert pic[GCR] == EXTERNAL_PROXY
    assert pic.mpic.acknowledge(0) == 0x2A
    assert pic.outputs == [False]
    assert pic.mpic.acknowledge(0) == SPURIOUS


def test_older_model_has_no_external_proxy() -> None:
    pic = Controller(model=MPIC_2_0)
    pic[GCR] = EXTERNAL_PROXY
    assert pic[GCR] == MIXED
    assert pic.mpic.acknowledge(0) is None


def test_global_reset_forgets_everything_but_the_levels_of_inputs(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    pic[IPIVPR] = 10 << 16 | 0x80
    pic.to_cpu(0, IPIDR, 1)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic[GCR] = RESET | EXTERNAL_PROXY
    assert pic.outputs == [False]
    assert pic[GCR] == 0
    assert pic[ivpr(UART)] == MASK | POLARITY
    pic.to_cpu(0, CTPR, 0)
    pic[IPIVPR] = 10 << 16 | 0x80
    assert pic.outputs == [False]
    pic.program(UART, 8, 0x2A)
    assert pic.of_cpu(0, IACK) == 0x2A


@pytest.mark.parametrize("timer", [0x0, 0x40, 0xC0, 0x1000, 0x10C0])
def test_timer_counts_down_interrupts_and_starts_again(pic: Controller, timer: int) -> None:
    pic[timer + GTVPR] = 6 << 16 | 0x90
    pic[timer + GTDR] = 1
    pic[timer + GTBCR] = 100
    assert pic[timer + GTCCR] == 100
    pic.advance(30 * NANOSECONDS_PER_TICK)
    assert pic[timer + GTCCR] == 70
    assert pic.outputs == [False]
    pic.advance(70 * NANOSECONDS_PER_TICK)
    assert pic.of_cpu(0, IACK) == 0x90
    pic.to_cpu(0, EOI, 0)
    assert pic.outputs == [False]
    assert pic[timer + GTCCR] == 1 << 31 | 100
    pic.advance(100 * NANOSECONDS_PER_TICK)
    assert pic.outputs == [True]
    assert pic[timer + GTCCR] == 100


def test_timer_that_is_inhibited_keeps_its_count(pic: Controller) -> None:
    pic[GTVPR] = 6 << 16 | 0x90
    pic[GTBCR] = 100
    pic.advance(30 * NANOSECONDS_PER_TICK)
    pic[GTBCR] = 1 << 31 | 100
    pic.advance(1000 * NANOSECONDS_PER_TICK)
    assert pic[GTCCR] == 70
    assert pic.outputs == [False]
    assert pic.clock.next_event() is None


def test_jump_over_several_periods_is_one_interrupt(pic: Controller) -> None:
    pic[GTVPR] = 6 << 16 | 0x90
    pic[GTBCR] = 1
    pic.advance(1_000_000_000)
    assert pic.of_cpu(0, IACK) == 0x90
    assert pic.clock.next_event() == 1_000_000_000 + NANOSECONDS_PER_TICK


@pytest.mark.parametrize(("periods", "toggled"), [(1, True), (2, False), (3, True), (10, False)])
def test_toggle_counts_each_zero_of_a_jump(pic: Controller, periods: int, toggled: bool) -> None:
    pic[GTBCR] = 100
    pic.advance(periods * 100 * NANOSECONDS_PER_TICK)
    assert pic[GTCCR] == toggled << 31 | 100


def test_starting_a_timer_again_clears_its_toggle(pic: Controller) -> None:
    pic[GTBCR] = 100
    pic.advance(100 * NANOSECONDS_PER_TICK)
    pic[GTBCR] = 1 << 31
    pic[GTBCR] = 50
    assert pic[GTCCR] == 50


@pytest.mark.parametrize("before", [0, 100])
def test_timer_with_base_zero_comes_to_rest(pic: Controller, before: int) -> None:
    pic[GTBCR] = before
    pic[GTBCR] = 0
    pic.advance(1000 * NANOSECONDS_PER_TICK)
    assert pic.clock.next_event() is None


def test_destroyed_controller_leaves_no_event(pic: Controller) -> None:
    pic[GTBCR] = 100
    pic.mpic.destroy()
    assert pic.clock.next_event() is None


def interrupted(pic: Controller) -> None:
    """Bring the controller into a state with everything in it: service, requests, levels, a timer."""
    pic.program(UART, 4, 0x2A)
    pic.program(DISK, 9, 0x2B)
    pic.program(PIN, 2, 0x30)
    pic[GTVPR] = 6 << 16 | 0x90
    pic[GTBCR] = 100


def test_saved_state_continues_where_it_was() -> None:
    pic, other = Controller(), Controller()
    lines = [[controller.mpic.source(source) for source in (UART, DISK, PIN)] for controller in (pic, other)]
    interrupted(pic)
    for line in lines[0]:
        line.set(True)
    lines[0][2].set(False)
    assert pic.of_cpu(0, IACK) == 0x2B
    pic.advance(60 * NANOSECONDS_PER_TICK)
    other.time = pic.time
    other.mpic.load(json.loads(json.dumps(pic.mpic.save())))
    assert [line.level for line in lines[1]] == [True, True, False]
    for controller, (uart, disk, _) in zip((pic, other), lines, strict=True):
        assert controller[GTCCR] == 40
        uart.set(False)
        disk.set(False)
        controller.to_cpu(0, EOI, 0)
        assert controller.of_cpu(0, IACK) == 0x30
        controller.advance(40 * NANOSECONDS_PER_TICK)
        assert controller.of_cpu(0, IACK) == 0x90
    assert pic.mpic.save() == other.mpic.save()


def test_load_drops_what_was_requested_since(pic: Controller) -> None:
    pic.program(PIN, 2, 0x30)
    line = pic.mpic.source(PIN)
    state = pic.mpic.save()
    line.set(True)
    assert pic.outputs == [True]
    pic.mpic.load(state)
    assert pic.outputs == [False]
    assert not line.level
    line.set(True)
    assert pic.outputs == [True]


def test_load_of_a_level_is_no_edge(pic: Controller) -> None:
    pic.program(PIN, 2, 0x30)
    line = pic.mpic.source(PIN)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic.to_cpu(0, EOI, 0)
    state = pic.mpic.save()
    line.set(False)
    pic.changes = 0
    pic.mpic.load(state)
    assert line.level
    assert pic.changes == 0


def test_load_of_the_present_state_moves_no_output(pic: Controller) -> None:
    pic.program(UART, 8, 0x2A)
    pic.mpic.source(UART).set(True)
    pic.changes = 0
    pic.mpic.load(pic.mpic.save())
    assert pic.changes == 0


@pytest.mark.parametrize(
    "change",
    [
        {"requests": [[268, 1]]},
        {"requests": [[1, 2]]},
        {"requests": [[1]]},
        {"requests": 1},
        {"in_service": [[1, 1, 1]]},
        {"in_service": [[0, 16, 1]]},
        {"in_service": [None]},
        {"asserted": [[256, 0]]},
        {"timers": [[8, 0, 0, 0, 0]]},
        {"timers": [[0, 0, 0, 0, "1"]]},
        {"timers": [[0, 0, 0, 0, -1]]},
    ],
)
def test_malformed_state_is_refused(pic: Controller, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="mpic: saved state"):
        pic.mpic.load(pic.mpic.save() | change)


@pytest.mark.parametrize(
    ("offset", "size"), [(FRR, 1), (FRR, 2), (FRR + 2, 2), (0x1300, 4), (0x41600 & 0xFFFF, 4)]
)
def test_undefined_access_is_a_guest_error(pic: Controller, offset: int, size: int) -> None:
    pic.mpic.write(offset, size, 1)
    assert pic.mpic.read(offset, size) == 0
    assert pic.mpic.guest_errors.count == 2


OFFSETS = st.one_of(
    st.integers(0, 0x3FFFF),
    st.sampled_from(
        [GCR, PIR, IPIVPR, SVR, GTBCR, GTVPR, GTDR, GTCCR, IPIDR, CTPR, IACK, EOI]
        + [place for source in (0, PIN, UART) for place in (ivpr(source), idr(source))]
        + [0x20000 + cpu * 0x1000 + place for cpu in (0, 1) for place in (IPIDR, CTPR, IACK, EOI)]
    ),
)
VALUES = st.one_of(
    st.integers(0, 3),
    st.integers(0, 15).map(lambda priority: priority << 16 | 5),
    st.integers(0, (1 << 64) - 1),
)
STEPS = st.tuples(
    st.sampled_from(["read", "write", "write", "line", "time"]),
    OFFSETS,
    st.sampled_from([4, 4, 4, 4, 1, 2, 8]),
    VALUES,
)


@given(st.lists(STEPS, max_size=60))
def test_no_sequence_raises_and_a_loaded_state_continues_alike(
    steps: list[tuple[str, int, int, int]],
) -> None:
    smp = Controller(cpus=2)
    lines = [smp.mpic.source(number) for number in (0, PIN, UART, UART)]
    smp[SVR] = SPURIOUS
    for action, offset, size, value in steps:
        if action == "read":
            assert 0 <= smp.mpic.read(offset, size) < 1 << 32
        elif action == "write":
            smp.mpic.write(offset, size, value)
        elif action == "line":
            lines[offset % 4].set(value % 2 == 1)
        else:
            smp.advance(value % 1000)
    # The loaded state behaves as the one that was saved, and nothing interrupts without end.
    other = Controller(cpus=2)
    for number in (0, PIN, UART, UART):
        other.mpic.source(number)
    other.time = smp.time
    other.mpic.load(smp.mpic.save())
    assert other.outputs == smp.outputs
    for cpu in (0, 1):
        for _ in range(20):
            level = smp.outputs[cpu]
            assert smp.of_cpu(cpu, IACK) == other.of_cpu(cpu, IACK)
            assert smp.outputs == other.outputs
            if not level:
                break
        assert not smp.outputs[cpu]
