# SPDX-License-Identifier: GPL-2.0-or-later
"""Accesses to devices happen once and as a whole; what a device does to the core takes effect behind them."""

from __future__ import annotations

import pytest

from bare_core import (
    CODE,
    DATA,
    DEVICE,
    DEVICE_PHYSICAL,
    MSR_EE,
    NOP,
    PAGE,
    VECTORS,
    BareCore,
    insn,
    jump,
    li,
    mtspr,
)
from paradrive.cpu.mmu import TlbEntry
from paradrive.cpu.vcpu import RunExit
from paradrive.devices.ram import Ram
from paradrive.isa import spr

EXTERNAL, DECREMENTER, DATA_TLB_ERROR = 4, 10, 13


@pytest.mark.parametrize(
    ("mnemonic", "size", "value"),
    [
        ("lbz", 1, 0x84),
        ("lhz", 2, 0x8384),
        ("lha", 2, 0xFFFF8384),
        ("lwz", 4, 0x81828384),
        ("lwzu", 4, 0x81828384),
    ],
)
def test_load_reads_the_device_once(core: BareCore, mnemonic: str, size: int, value: int) -> None:
    core.gpr[4] = DEVICE
    for _ in range(3):
        core.bus.accesses.clear()
        core.gpr[4] = DEVICE + 0x10
        core.execute(insn(mnemonic, rT=3, rA=4, D=4))
        assert core.bus.accesses == [(DEVICE_PHYSICAL + 0x14, size, None)]
        assert core.gpr[3] == value
    assert core.gpr[4] == (DEVICE + 0x14 if mnemonic == "lwzu" else DEVICE + 0x10)


def test_byte_reversed_load_reads_the_device_once(core: BareCore) -> None:
    core.gpr[4] = DEVICE
    core.execute(insn("lwbrx", rT=3, rB=4))
    assert (core.gpr[3], core.bus.accesses) == (0x84838281, [(DEVICE_PHYSICAL, 4, None)])


@pytest.mark.parametrize(
    ("mnemonic", "size", "value"),
    [("stb", 1, 0x04), ("sth", 2, 0x0304), ("stw", 4, 0x01020304), ("stwu", 4, 0x01020304)],
)
def test_store_writes_the_device_once(core: BareCore, mnemonic: str, size: int, value: int) -> None:
    for _ in range(3):
        core.bus.accesses.clear()
        core.gpr[3], core.gpr[4] = 0x01020304, DEVICE + 0x10
        core.execute(insn(mnemonic, rS=3, rA=4, D=4))
        assert core.bus.accesses == [(DEVICE_PHYSICAL + 0x14, size, value)]
        # A device may compute with what it gets as with any number.
        assert type(core.bus.accesses[0][2]) is int


@pytest.mark.parametrize(("address", "size"), [(DEVICE + 1, 4), (DEVICE + 0xFFD, 2)])
def test_unaligned_access_within_a_page_is_one_access(core: BareCore, address: int, size: int) -> None:
    core.gpr[4] = address
    core.execute(insn({4: "lwz", 2: "lhz"}[size], rT=3, rA=4))
    assert core.bus.accesses == [(DEVICE_PHYSICAL + address - DEVICE, size, None)]


def test_access_across_device_pages_is_made_of_bytes(core: BareCore) -> None:
    core.vcpu.mmu.tlb1[2] = TlbEntry(epn=DEVICE + PAGE, rpn=DEVICE_PHYSICAL + 8 * PAGE)
    core.gpr[3], core.gpr[4] = 0x01020304, DEVICE + 0xFFE
    core.execute(insn("stw", rS=3, rA=4))
    first, second = DEVICE_PHYSICAL + 0xFFE, DEVICE_PHYSICAL + 8 * PAGE
    assert core.bus.accesses == [(first, 1, 1), (first + 1, 1, 2), (second, 1, 3), (second + 1, 1, 4)]


def test_multiple_words_reach_the_device_one_by_one(core: BareCore) -> None:
    core.gpr[4], core.gpr[30], core.gpr[31] = DEVICE, 7, 8
    core.execute(insn("stmw", rS=30, rA=4), insn("lmw", rT=30, rA=4))
    first, second = DEVICE_PHYSICAL, DEVICE_PHYSICAL + 4
    assert core.bus.accesses == [(first, 4, 7), (second, 4, 8), (first, 4, None), (second, 4, None)]
    assert (core.gpr[30], core.gpr[31]) == (0x81828384, 0x81828384)


def test_reservation_works_on_devices_too(core: BareCore) -> None:
    core.gpr[4], core.gpr[5] = DEVICE, 9
    core.execute(insn("lwarx", rT=3, rB=4), insn("stwcx.", rS=5, rB=4), insn("stwcx.", rS=5, rB=4))
    assert core.bus.accesses == [(DEVICE_PHYSICAL, 4, None), (DEVICE_PHYSICAL, 4, 9)]


def test_failing_conditional_store_does_not_reach_the_device(core: BareCore) -> None:
    core.gpr[4] = DEVICE
    core.execute(insn("stwcx.", rS=5, rB=4))
    assert core.bus.accesses == []


def test_code_cannot_be_fetched_from_a_device(core: BareCore) -> None:
    core.state.pc = DEVICE
    core.vcpu.run(1)
    assert core.interrupt == 6  # program: what is read there is no instruction
    assert core.bus.accesses == []


def test_page_that_was_ram_and_becomes_a_device_is_accessed_as_such(core: BareCore) -> None:
    place = 0x40000000
    for physical, accesses in ((DATA, 0), (DEVICE_PHYSICAL, 2), (DATA, 0)):
        core.tlbwe(0x10020000, 0x80000100, place, physical & 0xFFFFF000 | 0x3F, physical >> 32)
        core.bus.accesses.clear()
        core.gpr[3], core.gpr[4] = 0x55, place
        core.execute(insn("stw", rS=3, rA=4), insn("lwz", rT=5, rA=4))
        assert len(core.bus.accesses) == accesses
        assert core.gpr[5] == (0x81828384 if accesses else 0x55)


# What a device does within an access

ACCESSES = [
    pytest.param(insn("stw", rS=3, rA=4), DEVICE, id="stw"),
    pytest.param(insn("stwu", rS=3, rA=4, D=4), DEVICE + 4, id="stwu"),
    pytest.param(insn("lwz", rT=5, rA=4), DEVICE, id="lwz"),
    pytest.param(insn("lwzu", rT=5, rA=4, D=4), DEVICE + 4, id="lwzu"),
    pytest.param(insn("lwarx", rT=5, rB=4), DEVICE, id="lwarx"),
    pytest.param(insn("stmw", rS=31, rA=4), DEVICE, id="stmw"),
]


def check_done(core: BareCore, base_after: int) -> None:
    """Assert that the access, at CODE + 4, has been performed, once, with all that belongs to it."""
    assert len(core.bus.accesses) == 1
    assert core.gpr[4] == base_after
    if core.bus.accesses[0][2] is None:
        assert core.gpr[5] == 0x81828384


def begin(core: BareCore, access: int, *, warm: bool) -> None:
    """Put the access into a program; ``warm``: after the engine has already met the page."""
    core.gpr[4] = DEVICE
    if warm:
        core.execute(access)
        core.bus.accesses.clear()
    core.gpr[4], core.gpr[3], core.gpr[5] = DEVICE, 7, 0
    core.put(CODE, NOP, access, li(6, 1), li(7, 1), jump(0))
    core.state.pc = CODE


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES)
def test_interrupt_that_a_device_raises_is_taken_right_behind_the_access(
    core: BareCore, access: int, base_after: int, warm: bool
) -> None:
    begin(core, access, warm=warm)
    core.put(VECTORS + 0x400, jump(0))
    core.state.msr = MSR_EE
    core.bus.on_access = lambda: core.vcpu.set_external_interrupt(True)
    before = core.vcpu.instructions
    assert core.vcpu.run(100) is RunExit.BUDGET
    assert (core.interrupt, core.spr[spr.SRR0]) == (EXTERNAL, CODE + 8)
    assert core.vcpu.instructions - before == 100
    assert core.gpr[6] == 0
    check_done(core, base_after)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES)
def test_stop_that_a_device_requests_ends_the_run_right_behind_the_access(
    core: BareCore, access: int, base_after: int, warm: bool
) -> None:
    begin(core, access, warm=warm)
    core.bus.on_access = core.vcpu.request_stop
    before = core.vcpu.instructions
    assert core.vcpu.run(100) is RunExit.STOPPED
    assert (core.state.pc, core.vcpu.instructions - before) == (CODE + 8, 2)
    check_done(core, base_after)
    core.bus.on_access = lambda: None
    assert core.vcpu.run(2) is RunExit.BUDGET
    assert (core.gpr[6], core.gpr[7], len(core.bus.accesses)) == (1, 1, 1)


@pytest.mark.parametrize("delay", [-5, 0, 1, 2])
@pytest.mark.parametrize("budget", [2, 100])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES[1:4:2])
def test_event_that_a_device_schedules_runs_when_due_but_not_before_the_access_is_done(
    core: BareCore, access: int, base_after: int, budget: int, delay: int
) -> None:
    begin(core, access, warm=True)
    core.put(VECTORS + 0x400, jump(0))
    core.state.msr = MSR_EE
    start = core.clock.now()
    ran: list[int] = []

    def strike() -> None:
        ran.append(core.clock.now() - start)
        core.vcpu.set_external_interrupt(True)

    core.bus.on_access = lambda: core.clock.at(core.clock.now() + delay, strike)
    assert core.vcpu.run(budget) is RunExit.BUDGET
    assert core.clock.now() - start == budget
    check_done(core, base_after)
    # The access is the second instruction: it begins at 1 and is done at 2.
    due = max(2, 1 + delay)
    if budget >= due:
        assert ran == [due]
        assert (core.interrupt, core.spr[spr.SRR0]) == (EXTERNAL, CODE + 4 * due)


def test_device_may_see_and_change_the_time_within_an_access(core: BareCore) -> None:
    begin(core, insn("stw", rS=3, rA=4), warm=True)
    start, seen = core.clock.now(), []
    core.bus.on_access = lambda: seen.append(core.clock.now() - start)
    core.vcpu.run(10)
    assert seen == [1]


def test_device_that_requests_a_stop_and_an_interrupt_gets_both(core: BareCore) -> None:
    begin(core, insn("stw", rS=3, rA=4), warm=True)
    core.state.msr = MSR_EE

    def both() -> None:
        core.vcpu.set_external_interrupt(True)
        core.vcpu.request_stop()

    core.bus.on_access = both
    assert core.vcpu.run(100) is RunExit.STOPPED
    assert core.state.pc == CODE + 8
    assert core.vcpu.run(0) is RunExit.BUDGET
    assert (core.interrupt, core.spr[spr.SRR0]) == (EXTERNAL, CODE + 8)


def test_device_that_changes_ram_below_the_core_is_seen(core: BareCore) -> None:
    """As by DMA: the device tells with memory_changed, even when it replaces the code that runs."""
    begin(core, insn("stw", rS=3, rA=4), warm=True)
    core.bus.on_access = lambda: core.put(CODE + 8, li(6, 5))
    core.vcpu.run(3)
    assert (core.gpr[6], len(core.bus.accesses)) == (5, 1)


def test_timer_due_at_the_access_does_not_disturb_it(core: BareCore) -> None:
    core.gpr[3] = 1 << 26
    core.execute(mtspr(spr.TCR, 3))
    for delay in range(1, 12):
        core.execute(li(3, delay), mtspr(spr.DEC, 3))
        begin(core, insn("lwzu", rT=5, rA=4, D=4), warm=False)
        core.put(VECTORS + 0x100 * DECREMENTER, jump(0))
        core.state.msr = MSR_EE
        core.vcpu.run(200)
        assert core.interrupt == DECREMENTER
        core.put(CODE, NOP)
        core.state.pc = core.spr[spr.SRR0]
        core.execute(li(3, -1), mtspr(spr.TSR, 3))
        assert len(core.bus.accesses) <= 1
        core.bus.accesses.clear()


# What a device does to the code that accesses it


def write_outside(core: BareCore, address: int, *words: int) -> None:
    """Write to RAM as a device does."""
    data = b"".join(word.to_bytes(4, "big") for word in words)
    core.ram.contents[address : address + len(data)] = data
    core.vcpu.memory_written(address, len(data))


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES)
def test_access_is_completed_although_the_device_overwrites_its_instruction(
    core: BareCore, access: int, base_after: int, warm: bool
) -> None:
    begin(core, access, warm=warm)
    core.bus.on_access = lambda: write_outside(core, CODE + 4, NOP, insn("lwz", rT=8, rA=9))
    core.gpr[9] = DEVICE + 0x20
    assert core.vcpu.run(2) is RunExit.BUDGET
    check_done(core, base_after)
    core.bus.on_access = lambda: None
    core.vcpu.run(1)
    # What stands there now is executed, and gets an answer of its own.
    assert core.bus.accesses[1:] == [(DEVICE_PHYSICAL + 0x20, 4, None)]
    assert core.gpr[8] == 0x81828384
    core.state.pc = CODE
    core.vcpu.run(2)
    assert len(core.bus.accesses) == 2


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("place", [CODE, CODE + 4, CODE + 8])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES)
def test_access_is_made_once_although_the_device_sets_a_breakpoint(
    core: BareCore, access: int, base_after: int, place: int, warm: bool
) -> None:
    begin(core, access, warm=warm)
    reached: list[int] = []
    core.bus.on_access = lambda: core.vcpu.set_breakpoint(place, lambda: reached.append(core.state.pc))
    core.vcpu.run(3)
    check_done(core, base_after)
    assert reached == ([CODE + 8] if place == CODE + 8 else [])
    assert core.gpr[6] == 1


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("access", "base_after"), ACCESSES)
def test_access_is_made_once_although_the_device_changes_the_map(
    core: BareCore, access: int, base_after: int, warm: bool
) -> None:
    begin(core, access, warm=warm)
    core.bus.on_access = core.vcpu.memory_changed
    core.vcpu.run(3)
    check_done(core, base_after)
    assert core.gpr[6] == 1


def test_code_written_from_outside_is_executed(core: BareCore) -> None:
    core.execute(li(6, 1), li(7, 1))
    write_outside(core, CODE, li(6, 2))
    core.state.pc = CODE
    core.vcpu.run(2)
    assert (core.gpr[6], core.gpr[7]) == (2, 1)


def test_ram_written_from_outside_is_restored(core: BareCore) -> None:
    core.put(CODE, li(6, 1))
    core.put(DATA, 7)
    core.state.pc = CODE
    restore = core.snapshot()
    for _ in range(3):
        core.vcpu.run(1)
        write_outside(core, CODE, li(6, 2))
        write_outside(core, DATA, 8)
        core.state.pc = CODE
        core.vcpu.run(1)
        assert core.gpr[6] == 2
        restore()
        assert (core.word(CODE), core.word(DATA)) == (li(6, 1), 7)
        core.vcpu.run(1)
        assert core.gpr[6] == 1
        restore()


def test_device_that_raises_leaves_a_core_that_can_be_restored(core: BareCore) -> None:
    begin(core, insn("stw", rS=3, rA=4), warm=True)
    restore = core.snapshot()

    def fail() -> None:
        write_outside(core, CODE + 4, li(6, 2))
        raise RuntimeError

    core.bus.on_access = fail
    with pytest.raises(RuntimeError):
        core.vcpu.run(10)
    restore()
    core.bus.on_access = lambda: None
    core.bus.accesses.clear()
    core.vcpu.run(3)
    check_done(core, DEVICE)
    assert core.gpr[6] == 1


@pytest.mark.parametrize("is_unmapped", [False, True])
def test_load_across_into_ram_is_one_access_although_the_device_takes_the_ram_away(
    core: BareCore, is_unmapped: bool
) -> None:
    second = Ram(0x100000, PAGE)
    second.contents[:4] = b"\x55" * 4
    core.bus.memories.append(second)
    core.vcpu.mmu.tlb1[2] = TlbEntry(epn=DEVICE + PAGE, rpn=second.base)
    begin(core, insn("lwz", rT=5, rA=4), warm=True)
    core.gpr[4] = DEVICE + PAGE - 2

    def take_away() -> None:
        if second in core.bus.memories:
            core.bus.memories.remove(second)
            core.vcpu.memory_changed()

    core.bus.on_access = take_away if is_unmapped else lambda: None
    core.vcpu.run(2)
    assert core.gpr[5] == 0x84845555
    assert [address for address, _, _ in core.bus.accesses] == [
        DEVICE_PHYSICAL + PAGE - 2,
        DEVICE_PHYSICAL + PAGE - 1,
    ]


def test_load_across_into_a_page_that_is_not_mapped_does_not_ask_the_device(core: BareCore) -> None:
    begin(core, insn("lwz", rT=5, rA=4), warm=True)
    core.gpr[4] = DEVICE + PAGE - 2
    core.vcpu.run(2)
    assert core.interrupt == DATA_TLB_ERROR
    assert core.spr[spr.DEAR] == DEVICE + PAGE
    assert core.bus.accesses == []


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("answer", [-1, -(1 << 70), 0x1FF85, 1 << 32 | 5, 1 << 70 | 5])
@pytest.mark.parametrize(("mnemonic", "size"), [("lbz", 1), ("lhz", 2), ("lha", 2), ("lwz", 4)])
def test_answer_has_the_bits_that_were_asked_for(
    core: BareCore, mnemonic: str, size: int, answer: int, warm: bool
) -> None:
    core.bus.reader = lambda address, size: lambda: answer  # type: ignore[method-assign]
    for _ in range(1 + warm):
        core.gpr[4] = DEVICE
        core.execute(insn(mnemonic, rT=5, rA=4))
    expected = answer & (1 << 8 * size) - 1
    if mnemonic == "lha" and expected & 0x8000:
        expected |= 0xFFFF0000
    assert core.gpr[5] == expected


@pytest.mark.parametrize("mnemonic", ["lwz", "stw"])
def test_device_that_takes_anothers_place_gets_the_next_access(core: BareCore, mnemonic: str) -> None:
    register = {"rT": 5} if mnemonic == "lwz" else {"rS": 5}
    core.gpr[4] = DEVICE
    core.execute(insn(mnemonic, rA=4, **register), insn(mnemonic, rA=4, **register))
    assert len(core.bus.accesses) == 2
    asked: list[str] = []
    core.bus.reader = lambda address, size: lambda: len(asked.append("read") or asked)  # type: ignore[method-assign]
    core.bus.writer = lambda address, size: lambda value: asked.append("write")  # type: ignore[method-assign]
    core.vcpu.devices_changed()
    core.state.pc = CODE
    core.vcpu.run(2)
    assert asked == ["read" if mnemonic == "lwz" else "write"] * 2
    assert len(core.bus.accesses) == 2
