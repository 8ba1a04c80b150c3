# SPDX-License-Identifier: GPL-2.0-or-later
"""Time base, decrementer, fixed-interval timer and watchdog; at 400 MHz, one tick takes 2.5 instructions."""

from __future__ import annotations

import pytest

from bare_core import (
    CODE,
    DEVICE,
    ENGINES,
    MSR_CE,
    MSR_EE,
    NOP,
    VECTORS,
    BareCore,
    insn,
    jump,
    load_constant,
    mfspr,
    mtspr,
)
from paradrive.cpu.vcpu import RunExit
from paradrive.isa import spr

DECREMENTER, FIXED_INTERVAL, WATCHDOG = 10, 11, 12
TSR_NEXT_WATCHDOG, TSR_WATCHDOG, TSR_DECREMENTER, TSR_FIXED_INTERVAL = 1 << 31, 1 << 30, 1 << 27, 1 << 26
ENABLE_WATCHDOG, ENABLE_DECREMENTER, ENABLE_FIXED_INTERVAL, AUTO_RELOAD = 1 << 27, 1 << 26, 1 << 23, 1 << 22
WATCHDOG_RESETS, WATCHDOG_RESETS_CHIP = 3 << 28, 2 << 28


def select(bit: int) -> tuple[int, int]:
    """Return the TCR fields which select ``bit`` of the time base: fixed-interval timer, watchdog."""
    low, high = bit & 3, bit >> 2
    return low << 24 | high << 13, low << 30 | high << 17


def set_spr(core: BareCore, number: int, value: int) -> None:
    core.gpr[3] = value
    core.execute(mtspr(number, 3))


def spin(core: BareCore, budget: int) -> RunExit:
    core.put(CODE, jump(0))
    core.state.pc = CODE
    return core.vcpu.run(budget)


def time_base(core: BareCore) -> int:
    core.execute(mfspr(3, spr.TBU_READ), mfspr(4, spr.TBL_READ))
    return core.gpr[3] << 32 | core.gpr[4]


def test_time_base_counts_with_the_instructions(core: BareCore) -> None:
    reads = []
    for _ in range(12):
        core.execute(mfspr(3, spr.TBL_READ))
        reads.append(core.gpr[3])
    assert reads == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("model", "read"),
    [("e500v2", mfspr(3, 526)), ("e500mc", mfspr(3, 526)), ("e500mc", insn("mftb", rT=3, SPR=268))],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_other_ways_to_read_the_time_base_agree(engine: str, model: str, read: int) -> None:
    core = BareCore(engine, model)
    spin(core, 5000)
    core.execute(read)
    assert core.gpr[3] == 2000


def test_time_base_counts_on_from_what_is_written(core: BareCore) -> None:
    core.gpr[5], core.gpr[6] = 0x12345678, 0x80000000
    core.execute(mtspr(spr.TBU_WRITE, 5), mtspr(spr.TBL_WRITE, 6))
    assert time_base(core) - 0x12345678_80000000 in (0, 1)
    spin(core, 2500)
    assert time_base(core) - 0x12345678_80000000 in (1000, 1001, 1002)


def test_decrementer_counts_on_when_the_time_base_is_written(core: BareCore) -> None:
    set_spr(core, spr.DEC, 10_000)
    core.gpr[5] = 0x12345678
    core.execute(mtspr(spr.TBU_WRITE, 5), mtspr(spr.TBL_WRITE, 5), mfspr(6, spr.DEC))
    assert 9_990 < core.gpr[6] <= 10_000


def test_edges_move_with_the_time_base(core: BareCore) -> None:
    """The selected bit rises when the time base that was written gets there."""
    set_spr(core, spr.TCR, select(63 - 7)[0])
    set_spr(core, spr.TBL_WRITE, 120)  # 8 ticks before the edge at 128
    spin(core, 30)
    assert core.spr[spr.TSR] & TSR_FIXED_INTERVAL


def test_time_base_wraps_around(core: BareCore) -> None:
    core.gpr[5] = 0xFFFFFFFF
    core.execute(mtspr(spr.TBU_WRITE, 5), mtspr(spr.TBL_WRITE, 5))
    spin(core, 250)
    assert time_base(core) < 200


@pytest.mark.parametrize("hours", [1, 36, 24 * 365])
@pytest.mark.parametrize("frequency", [1, 33_333_333, 400_000_000, 618_033_989, 999_999_937])
def test_engines_show_the_same_time_base_after_any_time(frequency: int, hours: int) -> None:
    shown = []
    for engine in ENGINES:
        core = BareCore(engine, timebase_frequency=frequency)
        core.vcpu.skip_to(hours * 3600 * 10**9)
        core.execute(mfspr(3, spr.TBU_READ), mfspr(4, spr.TBL_READ), mtspr(spr.DEC, 5), mfspr(6, spr.DEC))
        shown.append((core.gpr[3], core.gpr[4], core.gpr[6]))
    assert shown[0] == shown[1]
    expected = frequency * hours * 3600
    assert abs((shown[0][0] << 32 | shown[0][1]) - expected) <= expected // 1000


def test_decrementer_raises_its_interrupt_when_it_reaches_zero(core: BareCore) -> None:
    core.put(VECTORS + 0x100 * DECREMENTER, jump(0))
    set_spr(core, spr.TCR, ENABLE_DECREMENTER)
    set_spr(core, spr.DEC, 100)
    core.state.msr = MSR_EE
    spin(core, 245)
    assert (core.state.pc, core.spr[spr.TSR] & TSR_DECREMENTER) == (CODE, 0)
    core.vcpu.run(6)
    assert (core.interrupt, core.spr[spr.SRR0]) == (DECREMENTER, CODE)
    assert core.spr[spr.TSR] & TSR_DECREMENTER


def test_decrementer_stops_at_zero(core: BareCore) -> None:
    set_spr(core, spr.DEC, 10)
    spin(core, 10)
    core.execute(mfspr(3, spr.DEC))
    assert 0 < core.gpr[3] < 10
    spin(core, 1000)
    core.execute(mfspr(3, spr.DEC))
    assert core.gpr[3] == 0
    set_spr(core, spr.TSR, TSR_DECREMENTER)
    spin(core, 1000)
    assert core.spr[spr.TSR] & TSR_DECREMENTER == 0


def test_writing_zero_stops_the_decrementer_without_an_interrupt(core: BareCore) -> None:
    set_spr(core, spr.DEC, 100)
    set_spr(core, spr.DEC, 0)
    spin(core, 1000)
    assert core.spr[spr.TSR] & TSR_DECREMENTER == 0


def test_decrementer_with_auto_reload_comes_again_and_again(core: BareCore) -> None:
    clear = (insn("addi", rT=9, rA=9, SI=1), *load_constant(8, TSR_DECREMENTER), mtspr(spr.TSR, 8))
    core.put(VECTORS + 0x100 * DECREMENTER, *clear, insn("rfi"))
    set_spr(core, spr.DECAR, 100)
    set_spr(core, spr.TCR, ENABLE_DECREMENTER | AUTO_RELOAD)
    set_spr(core, spr.DEC, 100)
    core.state.msr = MSR_EE
    spin(core, 250 * 20 + 100)
    assert core.gpr[9] == 20


def test_reloading_decrementer_keeps_its_rhythm_while_nobody_looks(core: BareCore) -> None:
    set_spr(core, spr.DECAR, 1000)
    set_spr(core, spr.TCR, AUTO_RELOAD)
    set_spr(core, spr.DEC, 1000)
    core.vcpu.skip_to(2500 * 7 + 1250)
    core.execute(mfspr(3, spr.DEC))
    assert 490 <= core.gpr[3] <= 510
    assert core.spr[spr.TSR] & TSR_DECREMENTER


def test_decrementer_is_pending_until_its_status_is_cleared(core: BareCore) -> None:
    set_spr(core, spr.DEC, 1)
    spin(core, 10)
    set_spr(core, spr.TSR, TSR_FIXED_INTERVAL)  # another bit
    assert core.spr[spr.TSR] & TSR_DECREMENTER
    set_spr(core, spr.TCR, ENABLE_DECREMENTER)
    core.state.msr = MSR_EE
    core.execute(NOP, budget=0)
    assert core.interrupt == DECREMENTER
    set_spr(core, spr.TSR, TSR_DECREMENTER)
    core.state.msr = MSR_EE
    core.execute(NOP)
    assert core.interrupt is None


def test_decrementer_that_is_not_enabled_does_not_interrupt(core: BareCore) -> None:
    set_spr(core, spr.DEC, 1)
    core.state.msr = MSR_EE
    spin(core, 100)
    assert core.state.pc == CODE
    assert core.spr[spr.TSR] & TSR_DECREMENTER


def test_decrementer_wakes_a_waiting_guest_when_time_is_skipped(core: BareCore) -> None:
    set_spr(core, spr.TCR, ENABLE_DECREMENTER)
    set_spr(core, spr.DEC, 1_000_000)
    core.gpr[3] = 0x40000 | MSR_EE
    assert core.execute(insn("mtmsr", rS=3), budget=10) is RunExit.IDLE
    due = core.clock.next_event()
    assert due is not None
    assert 2_500_000 <= due <= 2_500_010
    core.vcpu.skip_to(due)
    assert core.vcpu.run(0) is RunExit.BUDGET
    assert core.interrupt == DECREMENTER


def test_fixed_interval_timer_strikes_at_each_edge_of_its_bit(core: BareCore) -> None:
    bit = 63 - 7  # 0-to-1 edges at ticks 128, 384, 640 ...
    set_spr(core, spr.TCR, select(bit)[0])
    strikes = []
    for _ in range(3):
        while not core.spr[spr.TSR] & TSR_FIXED_INTERVAL:
            spin(core, 1)
        strikes.append(core.clock.now())
        set_spr(core, spr.TSR, TSR_FIXED_INTERVAL)
    assert [round(time / 2.5) for time in strikes] == [128, 384, 640]


def test_fixed_interval_timer_interrupts(core: BareCore) -> None:
    core.put(VECTORS + 0x100 * FIXED_INTERVAL, jump(0))
    set_spr(core, spr.TCR, ENABLE_FIXED_INTERVAL | select(63 - 4)[0])
    core.state.msr = MSR_EE
    spin(core, 100)
    assert core.interrupt == FIXED_INTERVAL


def test_fixed_interval_timer_interrupts_before_the_decrementer(core: BareCore) -> None:
    """Both wait; their order is that of Power ISA 2.06, Book III-E."""
    for number in (FIXED_INTERVAL, DECREMENTER):
        core.put(VECTORS + 0x100 * number, jump(0))
    set_spr(core, spr.DEC, 1)
    set_spr(core, spr.TCR, ENABLE_DECREMENTER | ENABLE_FIXED_INTERVAL | select(63 - 4)[0])
    spin(core, 100)
    assert core.spr[spr.TSR] & TSR_DECREMENTER
    assert core.spr[spr.TSR] & TSR_FIXED_INTERVAL
    core.state.msr = MSR_EE
    core.vcpu.run(1)
    assert core.interrupt == FIXED_INTERVAL


def test_watchdog_arms_then_interrupts_at_the_critical_level_then_resets(core: BareCore) -> None:
    core.put(VECTORS + 0x100 * WATCHDOG, jump(0))
    set_spr(core, spr.TCR, ENABLE_WATCHDOG | WATCHDOG_RESETS_CHIP | select(63 - 7)[1])
    core.state.msr = MSR_EE | MSR_CE
    spin(core, 400)  # past tick 128
    assert core.spr[spr.TSR] & (TSR_NEXT_WATCHDOG | TSR_WATCHDOG) == TSR_NEXT_WATCHDOG
    assert core.state.pc == CODE
    core.vcpu.run(640)  # past tick 384
    assert core.spr[spr.TSR] & TSR_WATCHDOG
    assert core.interrupt == WATCHDOG
    assert (core.spr[spr.CSRR0], core.spr[spr.CSRR1]) == (CODE, MSR_EE | MSR_CE)
    assert core.state.msr == 0
    assert core.vcpu.run(1000) is RunExit.RESET  # at tick 640
    assert core.clock.now() == 1600
    assert core.spr[spr.TSR] & WATCHDOG_RESETS == WATCHDOG_RESETS_CHIP  # which reset it was


def test_guest_that_pats_the_watchdog_lives(core: BareCore) -> None:
    set_spr(core, spr.TCR, ENABLE_WATCHDOG | WATCHDOG_RESETS_CHIP | select(63 - 7)[1])
    core.state.msr = MSR_CE
    for _ in range(10):
        assert spin(core, 600) is RunExit.BUDGET
        set_spr(core, spr.TSR, TSR_NEXT_WATCHDOG | TSR_WATCHDOG)
    assert core.interrupt is None


def test_watchdog_without_reset_control_only_interrupts(core: BareCore) -> None:
    core.put(VECTORS + 0x100 * WATCHDOG, jump(0))
    set_spr(core, spr.TCR, ENABLE_WATCHDOG | select(63 - 7)[1])
    core.state.msr = MSR_CE
    assert spin(core, 20_000) is RunExit.BUDGET
    assert core.interrupt == WATCHDOG


def test_reset_control_of_the_watchdog_stays_once_set(core: BareCore) -> None:
    set_spr(core, spr.TCR, WATCHDOG_RESETS_CHIP)
    set_spr(core, spr.TCR, 0)
    assert core.spr[spr.TCR] == WATCHDOG_RESETS_CHIP


def test_critical_level_interrupts_the_base_level_and_returns_to_it(core: BareCore) -> None:
    clear = (*load_constant(8, TSR_NEXT_WATCHDOG | TSR_WATCHDOG), mtspr(spr.TSR, 8), insn("rfci"))
    core.put(VECTORS + 0x100 * WATCHDOG, *clear)
    core.put(VECTORS + 0x800, jump(0))  # a system call that never ends
    set_spr(core, spr.TCR, ENABLE_WATCHDOG | select(63 - 7)[1])
    core.state.msr = MSR_CE
    core.execute(insn("sc"), budget=1600)
    assert core.state.pc == VECTORS + 0x800
    assert core.spr[spr.CSRR0] == VECTORS + 0x800
    assert core.spr[spr.SRR0] == CODE + 4
    assert core.state.msr == MSR_CE


def test_reset_stops_all_timers(core: BareCore) -> None:
    set_spr(core, spr.TCR, ENABLE_WATCHDOG | WATCHDOG_RESETS_CHIP | AUTO_RELOAD | select(60)[1])
    set_spr(core, spr.DEC, 50)
    core.power_on()
    assert core.clock.next_event() is None
    spin(core, 1000)
    assert core.spr[spr.TSR] == 0


def test_timers_count_from_zero_after_a_reset(core: BareCore) -> None:
    spin(core, 1000)
    core.power_on()
    assert time_base(core) <= 1


@pytest.mark.parametrize(("fields", "status"), [(0, TSR_FIXED_INTERVAL), (1, TSR_NEXT_WATCHDOG)])
@pytest.mark.parametrize("engine", ENGINES)
def test_edge_that_is_due_when_a_core_is_saved_strikes_in_the_loaded_one(
    engine: str, fields: int, status: int
) -> None:
    """A device stops the run behind the very instruction at whose end the edge is due."""
    core, loaded = BareCore(engine), BareCore("reference")
    set_spr(core, spr.TCR, select(63 - 6)[fields])
    due = core.clock.next_event()
    assert due is not None

    def stop_at_the_edge() -> None:
        if core.clock.now() == due - 1:
            core.vcpu.request_stop()

    core.bus.on_access = stop_at_the_edge
    core.gpr[4] = DEVICE
    core.put(CODE, insn("lwz", rT=5, rA=4), jump(-4))
    core.state.pc = CODE if (due - core.clock.now()) % 2 else CODE + 4
    assert core.vcpu.run(1000) is RunExit.STOPPED
    assert (core.clock.now(), core.spr[spr.TSR] & status) == (due, 0)
    loaded.put(CODE, insn("lwz", rT=5, rA=4), jump(-4))
    loaded.clock.clear()
    loaded.vcpu.load(core.vcpu.save())
    assert loaded.clock.next_event() == due
    for each in (core, loaded):
        each.vcpu.run(1)
        assert each.spr[spr.TSR] & status
        # The next one comes when it should.
        each.execute(*load_constant(3, status), mtspr(spr.TSR, 3))
    assert loaded.clock.next_event() == core.clock.next_event() == due + 320
