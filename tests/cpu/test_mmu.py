# SPDX-License-Identifier: GPL-2.0-or-later
"""The MMU as a guest meets it: pages, permissions, process IDs, spaces, and the MAS registers."""

from __future__ import annotations

import pytest

from bare_core import (
    CODE,
    DATA,
    ENGINES,
    MSR_DS,
    MSR_IS,
    MSR_PR,
    NOP,
    PAGE,
    VECTORS,
    BareCore,
    insn,
    li,
    mtspr,
)
from paradrive.isa import spr

DSI, ISI, PROGRAM, DATA_TLB, INSTRUCTION_TLB = 2, 3, 6, 13, 14
MSR_UCLE = 1 << 26
TLB1, VALID, PROTECTED, SPACE_ONE = 0x10000000, 0x80000000, 0x40000000, 0x1000
ALL, SR, UR, SW, UW, SX, UX = 0x3F, 1, 2, 4, 8, 16, 32
#: Effective and physical address of what the tests map: no RAM, so that the bus records accesses.
PLACE, PHYSICAL = 0x40000000, 0xC_4000_0000


def entry1(number: int) -> int:
    """Return MAS0 for an entry of TLB 1; the tests leave 0 and 1 to the core's own mapping."""
    return TLB1 | number << 16


def size_code(code: int) -> int:
    return code << 8


def map_page(
    core: BareCore, *, code: int = 1, mas1: int = 0, permissions: int = ALL, ea: int = PLACE
) -> None:
    """Map ``ea`` to PHYSICAL with entry 2 of TLB 1."""
    core.tlbwe(
        entry1(2), VALID | size_code(code) | mas1, ea, PHYSICAL & 0xFFFFF000 | permissions, PHYSICAL >> 32
    )


def access(core: BareCore, address: int, mnemonic: str = "lwz", msr: int = 0) -> int | None:
    """Load or store at ``address`` under ``msr``; return the number of the interrupt that is taken."""
    core.gpr[4] = address
    core.state.msr = msr
    register = {"rS": 3} if mnemonic.startswith("st") else {"rT": 3}
    core.execute(insn(mnemonic, rA=4, **register))
    return core.interrupt


def fetch(core: BareCore, address: int, msr: int = 0) -> int | None:
    core.state.pc, core.state.msr = address, msr
    core.vcpu.run(1)
    return core.interrupt


@pytest.mark.parametrize("code", range(1, 11))
def test_page_of_4_to_the_n_kib_covers_its_size_and_no_more(core: BareCore, code: int) -> None:
    size = 1024 << 2 * code
    map_page(core, code=code)
    for offset in (0, size - 4):
        assert access(core, PLACE + offset) is None
        assert core.bus.accesses.pop() == (PHYSICAL + offset, 4, None)
    for outside in (PLACE - 4, PLACE + size):
        assert access(core, outside) == DATA_TLB


def test_low_bits_of_an_entry_below_its_size_are_ignored(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | size_code(2), PLACE + 0x1000, 0x40003000 | ALL, 0xC)
    access(core, PLACE + 0x2004)
    assert core.bus.accesses == [(PHYSICAL + 0x2004, 4, None)]


def test_pages_of_tlb0_have_4_kib_whatever_their_size_says(core: BareCore) -> None:
    core.tlbwe(0, VALID | size_code(5), PLACE, 0x40000000 | ALL, 0xC)
    assert access(core, PLACE + 0xFFC) is None
    assert access(core, PLACE + 0x1000) == DATA_TLB


def test_ways_of_tlb0_hold_as_many_pages_of_one_set(core: BareCore) -> None:
    # 128 sets: pages that lie 512 KiB apart share one.
    for way in range(4):
        core.tlbwe(way << 16, VALID, PLACE + 0x80000 * way, 0x40000000 | ALL + 0x1000 * way, 0xC)
    for way in range(4):
        assert access(core, PLACE + 0x80000 * way) is None
    core.tlbwe(2 << 16, VALID, PLACE + 0x80000 * 4, 0x40000000 | ALL, 0xC)
    hits = [access(core, PLACE + 0x80000 * page) is None for page in range(5)]
    assert hits == [True, True, False, True, True]


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("granted", [0, SR, UR, SW, UW, SX, UX])
@pytest.mark.parametrize(
    ("mnemonic", "needed", "interrupt"),
    [
        *(("lwz", (SR, UR), DSI), ("stw", (SW, UW), DSI)),
        *(
            ("dcbf", (SR, UR), DSI),
            ("dcbst", (SR, UR), DSI),
            ("icbi", (SR, UR), DSI),
            ("dcbz", (SW, UW), DSI),
        ),
    ],
)
def test_data_access_needs_its_permission(
    core: BareCore, mnemonic: str, needed: tuple[int, int], interrupt: int, granted: int, user: bool
) -> None:
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | granted)
    core.gpr[4] = PLACE
    core.state.msr = MSR_PR if user else 0
    operands = {"rA": 4} if mnemonic in ("lwz", "stw") else {"rB": 4}
    core.execute(insn(mnemonic, **operands))
    allowed = granted == needed[user]
    assert core.interrupt == (None if allowed else interrupt)
    if not allowed:
        store = mnemonic in ("stw", "dcbz")
        assert (core.spr[spr.DEAR], core.spr[spr.ESR]) == (PLACE, 0x00800000 if store else 0)


@pytest.mark.parametrize("granted", [0, SR, UR, SW, UW, SX, UX])
@pytest.mark.parametrize(
    ("mnemonic", "needed"),
    [
        *(("dcbi", SW), ("dcbtls", SR), ("dcbtstls", SW), ("dcblc", SR)),
        *(("icbtls", SR), ("icblc", SR)),
    ],
)
def test_supervisor_needs_the_permission_of_a_load_or_store_for_a_cache_block(
    core: BareCore, mnemonic: str, needed: int, granted: int
) -> None:
    """dcbi among the stores: what it discards was there before (EREF, 'Cache management instructions')."""
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | granted)
    core.gpr[4] = PLACE
    core.execute(insn(mnemonic, rB=4))
    if granted == needed:
        assert core.interrupt is None
    else:
        store = 0x00800000 if needed == SW else 0
        assert (core.interrupt, core.spr[spr.DEAR], core.spr[spr.ESR]) == (DSI, PLACE, store)


@pytest.mark.parametrize(
    ("mnemonic", "syndrome"),
    [
        *(("dcbtls", 0x00200000), ("dcbtstls", 0x00200000), ("dcblc", 0x00200000)),
        *(("icbtls", 0x00100000), ("icblc", 0x00100000)),
    ],
)
def test_user_locks_cache_blocks_only_where_the_msr_allows_it(
    core: BareCore, mnemonic: str, syndrome: int
) -> None:
    core.gpr[4] = DATA
    core.state.msr = MSR_PR
    core.execute(insn(mnemonic, rB=4))
    assert (core.interrupt, core.spr[spr.DEAR], core.spr[spr.ESR]) == (DSI, DATA, syndrome)
    core.state.msr = MSR_PR | MSR_UCLE
    core.execute(insn(mnemonic, rB=4))
    assert core.interrupt is None


def test_user_cannot_discard_what_a_cache_block_holds(core: BareCore) -> None:
    core.gpr[4] = DATA
    core.state.msr = MSR_PR
    core.execute(insn("dcbi", rB=4))
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, 0x04000000)


@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("granted", [0, SR, UR, SW, UW, SX, UX])
def test_fetch_needs_its_permission(core: BareCore, granted: int, user: bool) -> None:
    core.put(DATA, NOP)
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | granted)
    core.spr[spr.ESR] = 0x1234
    taken = fetch(core, PLACE, MSR_PR if user else 0)
    if granted == (UX if user else SX):
        assert (taken, core.state.pc) == (None, PLACE + 4)
    else:
        assert (taken, core.spr[spr.SRR0], core.spr[spr.ESR]) == (ISI, PLACE, 0)


def test_permission_that_is_taken_away_is_missed_at_once(core: BareCore) -> None:
    map_page(core)
    assert access(core, PLACE, "stw") is None
    map_page(core, permissions=SR)
    assert access(core, PLACE, "stw") == DSI


def test_user_loses_a_page_that_the_supervisor_unmaps(core: BareCore) -> None:
    """The translation goes in both states of privilege, not only in that which changes the TLB."""
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | ALL)
    core.put(VECTORS + 0x800, insn("tlbwe"), insn("rfi"))
    core.put(CODE, insn("lwz", rT=5, rA=4), insn("sc"), insn("lwz", rT=6, rA=4))
    core.gpr[4], core.spr[spr.MAS1] = PLACE, size_code(1)
    core.spr[spr.SRR0], core.spr[spr.SRR1] = CODE, MSR_PR
    core.state.pc = VECTORS + 0x804
    core.vcpu.run(6)
    assert (core.interrupt, core.spr[spr.DEAR]) == (DATA_TLB, PLACE)
    assert core.spr[spr.SRR0] == CODE + 8


@pytest.mark.parametrize("register", [spr.PID, spr.PID1, spr.PID2])
def test_entry_of_a_process_translates_while_one_of_the_ids_is_its(core: BareCore, register: int) -> None:
    map_page(core, mas1=7 << 16)
    assert access(core, PLACE) == DATA_TLB
    core.execute(li(3, 7), mtspr(register, 3))
    assert access(core, PLACE) is None
    core.execute(li(3, 8), mtspr(register, 3))
    assert access(core, PLACE) == DATA_TLB


def test_entry_of_process_zero_translates_for_all(core: BareCore) -> None:
    map_page(core)
    core.execute(li(3, 9), mtspr(spr.PID, 3))
    assert access(core, PLACE) is None


def test_data_spaces_are_separate(core: BareCore) -> None:
    map_page(core, mas1=SPACE_ONE)
    assert access(core, PLACE) == DATA_TLB
    assert access(core, PLACE, msr=MSR_DS) is None
    assert access(core, DATA, msr=MSR_DS) == DATA_TLB
    assert core.state.msr & MSR_DS == 0  # cleared by the interrupt
    assert access(core, DATA) is None


def test_instruction_spaces_are_separate(core: BareCore) -> None:
    core.put(DATA, NOP)
    core.put(DATA + PAGE, li(3, 5))
    core.tlbwe(entry1(2), VALID | SPACE_ONE | size_code(1), CODE, DATA + PAGE | ALL)
    assert fetch(core, CODE, MSR_IS) is None
    assert core.gpr[3] == 5
    assert fetch(core, DATA, MSR_IS) == INSTRUCTION_TLB
    assert fetch(core, DATA, 0) is None


def test_user_and_supervisor_have_translations_of_their_own(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | SR | SW)
    for _ in range(2):
        assert access(core, PLACE, msr=0) is None
        assert access(core, PLACE, msr=MSR_PR) == DSI


@pytest.mark.parametrize(("mnemonic", "syndrome"), [("lwz", 0), ("stw", 0x00800000)])
def test_data_miss_prepares_the_mas_registers(core: BareCore, mnemonic: str, syndrome: int) -> None:
    core.spr[spr.PID] = 0x15
    core.spr[spr.MAS4] = 0x00000105  # TLB 0, ID of PID, 4 KiB, attributes 5
    core.spr[spr.MAS3] = core.spr[spr.MAS7] = 0xF
    assert access(core, PLACE + 0x234, mnemonic) == DATA_TLB
    assert core.spr[spr.MAS1] == 0x80150100
    assert core.spr[spr.MAS2] == PLACE | 5
    assert (core.spr[spr.MAS3], core.spr[spr.MAS7]) == (0, 0)
    assert core.spr[spr.MAS6] == 0x00150000
    assert core.spr[spr.MAS0] & 0xF000FFFC == 0  # TLB 0
    assert (core.spr[spr.DEAR], core.spr[spr.ESR]) == (PLACE + 0x234, syndrome)
    assert core.spr[spr.SRR0] == CODE


def test_instruction_miss_prepares_the_mas_registers(core: BareCore) -> None:
    core.spr[spr.MAS4] = 0x10000200
    core.spr[spr.ESR], core.spr[spr.DEAR] = 0x1234, 0x5678
    assert fetch(core, PLACE + 8, MSR_IS) == INSTRUCTION_TLB
    assert core.spr[spr.MAS0] & 0xF0000000 == TLB1
    assert core.spr[spr.MAS1] == VALID | SPACE_ONE | 0x200
    assert core.spr[spr.MAS2] == PLACE
    assert core.spr[spr.MAS6] == 1
    assert core.spr[spr.SRR0] == PLACE + 8
    assert (core.spr[spr.ESR], core.spr[spr.DEAR]) == (0x1234, 0x5678)


@pytest.mark.parametrize(("selected", "process"), [(0, 0x11), (1, 0x22), (2, 0x33), (3, 0)])
def test_miss_takes_the_process_id_that_is_selected(core: BareCore, selected: int, process: int) -> None:
    """MAS4[TIDSELD]: one of the three process IDs, or zero."""
    core.spr[spr.PID], core.spr[spr.PID1], core.spr[spr.PID2] = 0x11, 0x22, 0x33
    core.spr[spr.MAS4] = selected << 16
    assert access(core, PLACE) == DATA_TLB
    assert core.spr[spr.MAS1] >> 16 & 0x3FFF == process


def test_misses_propose_the_ways_in_turn(core: BareCore) -> None:
    proposed = []
    for _ in range(8):
        access(core, PLACE)
        proposed.append(core.spr[spr.MAS0] >> 16 & 0xFFF)
    assert sorted(proposed[:4]) == sorted(proposed[4:]) == [0, 1, 2, 3]


def test_entry_that_is_written_says_which_way_the_next_miss_proposes(core: BareCore) -> None:
    """MAS0[NV] of tlbwe: a handler that has chosen a way by itself says so."""
    core.tlbwe(1 << 16 | 3, VALID, PLACE, DATA | ALL)
    assert access(core, PLACE + PAGE) == DATA_TLB
    assert core.spr[spr.MAS0] >> 16 & 0xF == 3


def test_handler_that_writes_what_the_miss_has_prepared_maps_the_page(core: BareCore) -> None:
    core.spr[spr.MAS4] = 0x100
    access(core, PLACE + 0x10)
    core.spr[spr.MAS3], core.spr[spr.MAS7] = 0x40000000 | ALL, 0xC
    core.execute(insn("tlbwe"))
    assert access(core, PLACE + 0x10) is None
    assert core.bus.accesses == [(PHYSICAL + 0x10, 4, None)]


@pytest.mark.parametrize("mas0", [0x00020003, 0x100B0001])
def test_tlbre_reads_what_tlbwe_has_written(core: BareCore, mas0: int) -> None:
    mas1, mas2, mas3 = VALID | PROTECTED | 0x00230000 | SPACE_ONE | 0x300, PLACE | 0x1A, 0x40000000 | 0x2A5
    core.tlbwe(mas0, mas1, mas2, mas3, 0xC)
    for number in (spr.MAS1, spr.MAS3, spr.MAS7):
        core.spr[number] = 0
    core.execute(insn("tlbre"))
    in_tlb1 = bool(mas0 & TLB1)
    # TLB 0 has neither protection nor sizes.
    assert core.spr[spr.MAS1] == (mas1 if in_tlb1 else mas1 & ~PROTECTED & ~0xF00 | 0x100)
    assert [core.spr[n] for n in (spr.MAS2, spr.MAS3, spr.MAS7)] == [mas2, mas3, 0xC]


def test_tlbre_of_an_invalid_entry_is_not_valid(core: BareCore) -> None:
    core.spr[spr.MAS0], core.spr[spr.MAS1] = entry1(9), VALID
    core.execute(insn("tlbre"))
    assert core.spr[spr.MAS1] & VALID == 0


def search(core: BareCore, address: int, mas6: int) -> bool:
    core.spr[spr.MAS6], core.gpr[4] = mas6, address
    core.execute(insn("tlbsx", rB=4))
    return bool(core.spr[spr.MAS1] & VALID)


def test_tlbsx_finds_the_entry_of_space_and_process(core: BareCore) -> None:
    core.tlbwe(entry1(7), VALID | 0x00230000 | SPACE_ONE | size_code(3), PLACE, 0x40000000 | SR, 0xC)
    assert search(core, PLACE + 0x1234, 0x00230001)
    assert core.spr[spr.MAS0] & 0x1FFF0000 == entry1(7)
    assert core.spr[spr.MAS1] == VALID | 0x00230000 | SPACE_ONE | size_code(3)
    assert (core.spr[spr.MAS3], core.spr[spr.MAS7]) == (0x40000000 | SR, 0xC)
    assert not search(core, PLACE, 0x00230000)
    assert not search(core, PLACE, 0x00240001)
    assert not search(core, PLACE + 0x10000, 0x00230001)


def test_tlbsx_compares_all_bits_of_a_process(core: BareCore) -> None:
    core.tlbwe(entry1(7), VALID | 0x01230000 | size_code(1), PLACE, DATA | ALL)
    assert search(core, PLACE, 0x01230000)
    assert not search(core, PLACE, 0x00230000)


def test_tlbsx_that_finds_nothing_prepares_a_new_entry(core: BareCore) -> None:
    core.spr[spr.MAS4] = 0x10000280
    assert not search(core, PLACE, 0x00230001)
    assert core.spr[spr.MAS0] & 0x30000000 == TLB1
    assert core.spr[spr.MAS1] == 0x00230000 | SPACE_ONE | 0x280


def invalidate(core: BareCore, operand: int) -> None:
    core.gpr[4] = operand
    core.execute(insn("tlbivax", rB=4))


def test_tlbivax_invalidates_the_page_in_the_named_tlb(core: BareCore) -> None:
    other = PLACE + 0x10000
    core.tlbwe(0, VALID, PLACE, 0x40000000 | ALL, 0xC)
    map_page(core, ea=other)
    invalidate(core, PLACE + 0x8)  # TLB 1: nothing there
    invalidate(core, other)  # TLB 0: nothing there
    assert (access(core, PLACE), access(core, other)) == (None, None)
    invalidate(core, PLACE)
    assert (access(core, PLACE), access(core, other)) == (DATA_TLB, None)
    invalidate(core, other + 0x8)
    assert access(core, other) == DATA_TLB


def test_tlbivax_hits_any_page_of_a_large_entry(core: BareCore) -> None:
    map_page(core, code=4)
    invalidate(core, PLACE + 0x7000 + 0x8)
    assert access(core, PLACE) == DATA_TLB


def map_protected_and_others(core: BareCore) -> tuple[int, int, int]:
    """Map a page of TLB 0, an unprotected and a protected one of TLB 1; return their addresses."""
    pages = PLACE, PLACE + 0x10000, PLACE + 0x20000
    for mas0, mas1, page in zip((0, entry1(3), entry1(4)), (0, 0, PROTECTED), pages, strict=True):
        core.tlbwe(mas0, VALID | size_code(1) | mas1, page, 0x40000000 | ALL, 0xC)
    # What maps the code is to stay.
    core.tlbwe(entry1(0), VALID | PROTECTED | size_code(5), 0, ALL)
    return pages


@pytest.mark.parametrize(
    ("operand", "left"), [(0x4, [False, True, True]), (0xC, [True, False, True])], ids=["TLB 0", "TLB 1"]
)
def test_tlbivax_of_everything_spares_protected_entries(
    core: BareCore, operand: int, left: list[bool]
) -> None:
    pages = map_protected_and_others(core)
    invalidate(core, operand)
    assert [access(core, page) is None for page in pages] == left


@pytest.mark.parametrize(("value", "left"), [(4, [False, True, True]), (2, [True, False, True])])
def test_flash_invalidation_spares_protected_entries(core: BareCore, value: int, left: list[bool]) -> None:
    pages = map_protected_and_others(core)
    core.execute(li(3, value), mtspr(spr.MMUCSR0, 3), insn("mfspr", rT=5, SPR=spr.MMUCSR0))
    assert core.gpr[5] == 0  # done at once
    assert [access(core, page) is None for page in pages] == left


@pytest.mark.parametrize("number", [16, 0xFFF])
def test_entry_numbers_beyond_the_tlb_do_no_harm(core: BareCore, number: int) -> None:
    core.tlbwe(entry1(number) | 0xFFF, 0, 0x50000000, 0)
    core.execute(insn("tlbre"))
    core.put(CODE, NOP)
    assert core.state.pc


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "left"), [(0, [False, False]), (1, [False, True]), (3, [False, True])], ids=["all", "ID", "page"]
)
def test_tlbilx(engine: str, kind: int, left: list[bool]) -> None:
    core = BareCore(engine, "e500mc")
    core.tlbwe(entry1(0), VALID | PROTECTED | size_code(5), 0, ALL)
    for number, process in ((3, 7), (4, 8)):
        core.tlbwe(entry1(number), VALID | process << 16 | size_code(1), PLACE, 0x40000000 | ALL, 0xC)
    core.spr[spr.MAS6], core.gpr[4] = 7 << 16, PLACE
    core.execute(insn("tlbilx", T=kind, rB=4))
    hits = []
    for process in (7, 8):
        core.execute(li(3, process), mtspr(spr.PID, 3))
        hits.append(access(core, PLACE) is None)
    assert hits == left


def test_write_that_crosses_into_a_forbidden_page_changes_nothing(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | ALL)
    core.tlbwe(entry1(3), VALID | size_code(1), PLACE + PAGE, DATA + PAGE | SR)
    for mnemonic, offset in (("stw", 0xFFE), ("sth", 0xFFF), ("stwu", 0xFFD)):
        core.gpr[3] = 0xFFFFFFFF
        assert access(core, PLACE + offset, mnemonic) == DSI
        assert core.spr[spr.DEAR] & -PAGE == PLACE + PAGE
        assert core.gpr[4] == PLACE + offset
        assert bytes(core.ram.contents[DATA : DATA + 2 * PAGE]) == bytes(2 * PAGE)


def test_multiple_that_crosses_into_a_missing_page_changes_nothing(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA | ALL)
    core.put(DATA + 0xFF0, 1, 2, 3, 4)
    registers = list(core.gpr[5:32])
    core.gpr[4] = PLACE + 0xFF0
    core.execute(insn("lmw", rT=24, rA=4))
    assert (core.interrupt, list(core.gpr[5:32])) == (DATA_TLB, registers)
    for number in range(24, 32):
        core.gpr[number] = 0xFFFFFFFF
    core.execute(insn("stmw", rS=24, rA=4))
    assert core.interrupt == DATA_TLB
    assert [core.word(DATA + 0xFF0 + 4 * n) for n in range(4)] == [1, 2, 3, 4]
    assert core.spr[spr.DEAR] & -PAGE == PLACE + PAGE


def test_load_across_pages_reads_from_where_each_of_them_lies(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | size_code(1), PLACE, DATA + PAGE | ALL)
    core.tlbwe(entry1(3), VALID | size_code(1), PLACE + PAGE, DATA | ALL)
    core.put(DATA + PAGE + 0xFFC, 0x01020304)
    core.put(DATA, 0x05060708)
    assert access(core, PLACE + 0xFFD) is None
    assert core.gpr[3] == 0x02030405


def test_page_of_all_processes_gives_way_to_one_of_the_process_that_comes_to_run(core: BareCore) -> None:
    """Which of two entries counts depends on their order, also where the other one has been used before."""
    shared, own = DATA, DATA + PAGE
    core.put(shared, 0x11111111)
    core.put(own, 0x22222222)
    core.tlbwe(0, VALID | size_code(1) | 5 << 16, PLACE, own | ALL)
    core.tlbwe(1 << 16, VALID | size_code(1), PLACE, shared | ALL)
    core.gpr[4] = PLACE
    loads = {10: 0, 11: 5, 12: 0, 13: 6, 14: 5}
    core.execute(
        *(
            word
            for register, process in loads.items()
            for word in (li(3, process), mtspr(spr.PID, 3), insn("lwz", rT=register, rA=4))
        )
    )
    seen = [core.gpr[register] for register in loads]
    assert seen == [0x11111111, 0x22222222, 0x11111111, 0x11111111, 0x22222222]


def test_change_of_the_instruction_space_takes_effect_with_the_next_instruction(core: BareCore) -> None:
    core.tlbwe(entry1(2), VALID | SPACE_ONE | size_code(1), CODE, DATA + PAGE | ALL)
    core.put(DATA + PAGE + 8, li(4, 2))
    core.gpr[3] = MSR_IS
    core.execute(NOP, insn("mtmsr", rS=3), li(4, 1))
    assert core.gpr[4] == 2
