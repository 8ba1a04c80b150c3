# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from mpic_driver import EOI, GTBCR, GTCCR, GTDR, GTVPR, IACK, NANOSECONDS_PER_TICK, Controller


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


def test_timer_that_expires_again_takes_no_request_back(smp: Controller) -> None:
    """Its destination has changed since, and the first CPU has not taken the interrupt yet."""
    smp[GTVPR] = 6 << 16 | 0x90
    smp[GTDR] = 0b10
    smp[GTBCR] = 100
    smp.advance(100 * NANOSECONDS_PER_TICK)
    smp[GTDR] = 0b01
    smp.advance(100 * NANOSECONDS_PER_TICK)
    assert smp.outputs == [True, True]
    assert [smp.of_cpu(cpu, IACK) for cpu in (0, 1)] == [0x90, 0x90]


def test_destination_of_a_timer_has_a_bit_for_each_cpu(smp: Controller) -> None:
    smp[GTDR] = 0xFFFFFFFF
    assert smp[GTDR] == 0b11
