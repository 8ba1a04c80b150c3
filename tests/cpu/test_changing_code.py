# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that changes while it runs: by its own stores, through other mappings, and from outside."""

from __future__ import annotations

import pytest

from bare_core import CODE, DATA, NOP, PAGE, RAM_SIZE, BareCore, insn, jump, li, load_constant

OTHER = CODE + PAGE
ALIAS = 0x40000000
RETURN = insn("bclr", BO=20)


def subroutine(core: BareCore, at: int, value: int) -> None:
    core.put(at, li(3, value), RETURN)


def call(distance: int) -> int:
    return insn("b", LI=distance // 4, LK=1)


def test_store_to_the_next_instruction_takes_effect_at_once(core: BareCore) -> None:
    core.gpr[4], core.gpr[5] = CODE, li(3, 5)
    core.execute(insn("stw", rS=5, rA=4, D=4), li(3, 1))
    assert core.gpr[3] == 5


def test_loop_that_rewrites_itself(core: BareCore) -> None:
    """Each turn increments the immediate of the instruction that it has just executed."""
    core.gpr[4] = CODE
    core.execute(
        li(3, 1),
        insn("add", rT=6, rA=6, rB=3),
        insn("lwz", rT=5, rA=4),
        insn("addi", rT=5, rA=5, SI=1),
        insn("stw", rS=5, rA=4),
        jump(-20),
        budget=6 * 50,
    )
    assert core.gpr[6] == 50 * 51 // 2


@pytest.mark.parametrize(
    "store",
    [
        insn("stw", rS=5, rA=4),
        insn("stwbrx", rS=7, rB=4),
        insn("stmw", rS=31, rA=4),
        insn("stwcx.", rS=5, rB=4),
        insn("sthx", rS=6, rA=4, rB=8),
        insn("stb", rS=5, rA=4, D=3),
    ],
)
@pytest.mark.parametrize("page", [CODE, OTHER])
def test_store_to_code_that_has_run_replaces_it(core: BareCore, store: int, page: int) -> None:
    target = page + 0x200
    subroutine(core, target, 1)
    core.gpr[4] = target
    for register in (5, 31):
        core.gpr[register] = li(3, 2)
    core.gpr[6], core.gpr[8] = 2, 2
    core.gpr[7] = int.from_bytes(li(3, 2).to_bytes(4, "big"), "little")
    reserve = insn("lwarx", rT=9, rB=4)
    for expected in (1, 2):
        core.execute(call(target - CODE), reserve, store, call(target - CODE - 12), budget=3)
        assert core.gpr[3] == expected
        core.vcpu.run(4)
        assert core.gpr[3] == 2


def test_clearing_a_cache_block_of_code_takes_effect(core: BareCore) -> None:
    subroutine(core, OTHER, 1)
    core.execute(call(OTHER - CODE), budget=3)
    core.gpr[4] = OTHER
    core.execute(insn("dcbz", rB=4), jump(OTHER - CODE - 4), budget=3)
    assert core.interrupt == 6  # zeros are no instruction


def test_store_through_another_mapping_replaces_the_code(core: BareCore) -> None:
    core.tlbwe(0x10020000, 0x80000100, ALIAS, OTHER | 0x3F)
    subroutine(core, OTHER, 1)
    core.gpr[4], core.gpr[5] = ALIAS, li(3, 2)
    program = (call(OTHER - CODE), insn("stw", rS=5, rA=4), call(OTHER - CODE - 8), jump(0))
    core.execute(*program, budget=3)
    assert core.gpr[3] == 1
    core.vcpu.run(4)
    assert core.gpr[3] == 2


def test_code_that_runs_at_two_addresses_is_replaced_at_both(core: BareCore) -> None:
    core.tlbwe(0x10020000, 0x80000100, ALIAS, OTHER | 0x3F)
    core.gpr[9] = ALIAS
    subroutine(core, OTHER, 1)
    through_alias = insn("bcctr", BO=20, LK=1)
    for expected in (1, 2):
        core.state.ctr, core.gpr[4], core.gpr[5] = ALIAS, OTHER, li(3, 2)
        core.execute(call(OTHER - CODE), jump(0), budget=3)
        assert core.gpr[3] == expected
        core.gpr[3] = 0
        core.execute(through_alias, jump(0), budget=3)
        assert core.gpr[3] == expected
        core.execute(insn("stw", rS=5, rA=4))


def test_writable_page_becomes_code_and_writable_again(core: BareCore) -> None:
    """Write, execute, write, execute, with nothing but stores in between."""
    core.state.lr = CODE + 12
    core.gpr[4], core.gpr[6] = OTHER, RETURN
    for value in range(1, 6):
        core.gpr[5] = li(3, value)
        core.execute(
            insn("stw", rS=5, rA=4), insn("stw", rS=6, rA=4, D=4), jump(OTHER - CODE - 8), jump(0), budget=6
        )
        assert core.gpr[3] == value


def test_data_beside_code_can_be_written_and_read(core: BareCore) -> None:
    core.gpr[4] = CODE + 0x800
    core.execute(
        insn("addi", rT=5, rA=5, SI=1),
        insn("stw", rS=5, rA=4),
        insn("lwz", rT=6, rA=4),
        insn("add", rT=7, rA=7, rB=6),
        jump(-16),
        budget=5 * 100,
    )
    assert core.gpr[7] == 5050


def test_change_from_outside_is_seen_after_it_is_told(core: BareCore) -> None:
    subroutine(core, OTHER, 1)
    core.execute(call(OTHER - CODE), jump(0), budget=4)
    subroutine(core, OTHER, 2)
    core.execute(call(OTHER - CODE), jump(0), budget=4)
    assert core.gpr[3] == 2


def test_mapping_of_code_that_changes_is_followed(core: BareCore) -> None:
    subroutine(core, OTHER, 1)
    subroutine(core, OTHER + PAGE, 2)
    for page, expected in ((OTHER, 1), (OTHER + PAGE, 2), (OTHER, 1)):
        core.tlbwe(0x10020000, 0x80000100, ALIAS, page | 0x3F)
        core.state.ctr = ALIAS
        core.execute(insn("bcctr", BO=20, LK=1), jump(0), budget=3)
        assert core.gpr[3] == expected


def test_code_runs_on_across_pages(core: BareCore) -> None:
    core.put(OTHER - 8, li(3, 1), li(4, 2), li(5, 3), li(6, 4))
    core.state.pc = OTHER - 8
    core.vcpu.run(4)
    assert list(core.gpr[3:7]) == [1, 2, 3, 4]


def test_code_runs_on_across_pages_that_do_not_lie_together(core: BareCore) -> None:
    core.tlbwe(0x10020000, 0x80000100, ALIAS, OTHER + PAGE | 0x3F)
    core.tlbwe(0x10030000, 0x80000100, ALIAS + PAGE, OTHER | 0x3F)
    core.put(OTHER + 2 * PAGE - 4, li(3, 1))
    core.put(OTHER, li(4, 2))
    core.state.pc = ALIAS + PAGE - 4
    core.vcpu.run(2)
    assert (core.gpr[3], core.gpr[4], core.state.pc) == (1, 2, ALIAS + PAGE + 4)


def test_code_ends_with_ram(core: BareCore) -> None:
    core.put(RAM_SIZE - 4, NOP)
    core.state.pc = RAM_SIZE - 4
    core.vcpu.run(2)  # the mapping goes on, RAM does not
    assert core.interrupt == 6
    assert core.bus.accesses == []


def test_long_program_through_many_pages(core: BareCore) -> None:
    step = insn("addi", rT=3, rA=3, SI=1)
    core.put(CODE, *[step] * (16 * 1024), *load_constant(4, 0x12345678), jump(0))
    core.state.pc = CODE
    core.vcpu.run(16 * 1024 + 10)
    assert (core.gpr[3], core.gpr[4]) == (16 * 1024, 0x12345678)


def test_code_that_runs_from_a_snapshot_have_changed_is_executed_as_it_is(core: BareCore) -> None:
    """A return keeps what earlier runs have missed: stores to this page in one, its execution in another."""
    subroutine(core, OTHER, 1)
    programs = {
        "stores": [insn("stw", rS=5, rA=4)],
        "stores and calls": [insn("stw", rS=5, rA=4), call(OTHER - CODE - 0x104), NOP],
        "calls, stores and calls": [
            call(OTHER - CODE - 0x200),
            insn("ori", rS=3, rA=6),
            insn("stw", rS=5, rA=4),
            call(OTHER - CODE - 0x20C),
        ],
    }
    for number, program in enumerate(programs.values()):
        core.put(CODE + 0x100 * number, *program)
    core.gpr[4], core.gpr[5] = OTHER, li(3, 2)
    restore = core.snapshot()
    for number, length in ((0, 1), (1, 4), (2, 8), (2, 8)):
        restore()
        assert core.word(OTHER) == li(3, 1)
        core.state.pc = CODE + 0x100 * number
        core.vcpu.run(length)
        assert core.word(OTHER) == li(3, 2)
    assert (core.gpr[6], core.gpr[3]) == (1, 2)


def test_code_that_runs_from_a_snapshot_have_executed_can_still_be_replaced(core: BareCore) -> None:
    """A return keeps the translation for fetches, but a store behind it must be noticed each time."""
    subroutine(core, OTHER, 1)
    move = insn("ori", rS=3, rA=6)
    core.put(CODE, call(OTHER - CODE), move, insn("stw", rS=5, rA=4), call(OTHER - CODE - 12))
    core.gpr[4], core.gpr[5] = OTHER, li(3, 2)
    restore = core.snapshot()
    core.vcpu.run(3)  # only the first call
    for _ in range(2):
        restore()
        core.vcpu.run(8)
        assert (core.gpr[6], core.gpr[3]) == (1, 2)


def test_code_that_a_device_writes_where_the_guest_has_stored_before_is_executed(core: BareCore) -> None:
    core.gpr[3], core.gpr[4] = li(5, 1), DATA
    core.execute(insn("stw", rS=3, rA=4))
    core.state.pc = DATA
    core.vcpu.run(1)
    assert core.gpr[5] == 1
    core.ram.contents[DATA : DATA + 4] = li(5, 2).to_bytes(4, "big")
    core.vcpu.memory_written(DATA, 4)
    core.state.pc = DATA
    core.vcpu.run(1)
    assert core.gpr[5] == 2
