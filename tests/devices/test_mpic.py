# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from mpic_driver import (
    ACTIVITY,
    BRR1,
    CTPR,
    DISK,
    EOI,
    EXTERNAL_PROXY,
    FRR,
    GCR,
    GTBCR,
    GTVPR,
    IACK,
    IPIDR,
    IPIVPR,
    MASK,
    MIXED,
    PIN,
    PIR,
    POLARITY,
    RESET,
    SENSE,
    SPURIOUS,
    SVR,
    UART,
    VIR,
    WHOAMI,
    Controller,
    idr,
    ivpr,
)

from paradrive.cpu.clock import Clock
from paradrive.devices.mpic import MPIC_2_0, Mpic


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
    with pytest.raises(ValueError):
        Controller(cpus=cpus)


@pytest.mark.parametrize("number", [-1, 256])
def test_unknown_source_is_refused(pic: Controller, number: int) -> None:
    with pytest.raises(ValueError):
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


def test_three_services_nest_and_each_holds_back_what_is_not_above_the_innermost(pic: Controller) -> None:
    # Vectors are the sources' numbers: 50 interrupts 40, 60 interrupts 50, and two more come meanwhile.
    lines = {}
    for source, priority in ((40, 4), (50, 8), (60, 12), (55, 10), (45, 6)):
        pic.program(source, priority, source)
        lines[source] = pic.mpic.source(source)
    for source in (40, 50, 60):
        lines[source].set(True)
        assert pic.of_cpu(0, IACK) == source
        lines[source].set(False)
    for source in (45, 55):
        lines[source].set(True)
    served = [pic.of_cpu(0, IACK)]
    for _ in range(5):
        # The innermost ends, and what may interrupt the next one does.
        pic.to_cpu(0, EOI, 0)
        served.append(pic.of_cpu(0, IACK))
        if served[-1] != SPURIOUS:
            lines[served[-1]].set(False)
    assert served == [SPURIOUS, 55, SPURIOUS, 45, SPURIOUS, SPURIOUS]


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


@pytest.mark.parametrize("latched", [False, True])
def test_edge_input_that_is_held_through_a_reset_does_not_interrupt_after_it(
    pic: Controller, latched: bool
) -> None:
    """Its edge was before the reset, whether it was served then or not; the next one counts."""
    line = pic.mpic.source(PIN)
    pic.program(PIN, 8, 0x30)
    line.set(True)
    if not latched:
        pic.of_cpu(0, IACK)
        pic.to_cpu(0, EOI, 0)
    pic.mpic.reset()
    pic.to_cpu(0, CTPR, 0)
    pic.program(PIN, 8, 0x30)
    assert (line.level, pic.outputs, pic.of_cpu(0, IACK)) == (True, [False], SPURIOUS)
    line.set(False)
    assert pic.outputs == [False]
    line.set(True)
    assert pic.of_cpu(0, IACK) == 0x30


def test_level_input_that_is_held_through_a_reset_interrupts_once_it_is_programmed(pic: Controller) -> None:
    line = pic.mpic.source(UART)
    pic.program(UART, 8, 0x2A)
    line.set(True)
    pic.mpic.reset()
    pic.to_cpu(0, CTPR, 0)
    pic.program(UART, 8, 0x2A)
    assert pic.of_cpu(0, IACK) == 0x2A
