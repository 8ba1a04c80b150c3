# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts from instructions and devices: what is saved, what is masked, where the core goes on."""

from __future__ import annotations

import pytest

from bare_core import (
    CODE,
    DATA,
    DEVICE,
    ENGINES,
    ILLEGAL,
    MSR_CE,
    MSR_DE,
    MSR_DS,
    MSR_EE,
    MSR_ME,
    MSR_PR,
    MSR_WE,
    NOP,
    PAGE,
    VECTORS,
    BareCore,
    insn,
    li,
    mfspr,
    mtspr,
)
from paradrive.cpu.vcpu import RunExit
from paradrive.isa import spr

EXTERNAL, ALIGNMENT, PROGRAM, SYSTEM_CALL, DATA_TLB, INSTRUCTION_TLB = 4, 5, 6, 8, 13, 14
ILLEGAL_SYNDROME, PRIVILEGED, TRAP, STORE = 0x08000000, 0x04000000, 0x02000000, 0x00800000
FLOATING_POINT_LOAD = 0xC0000000


def test_interrupt_saves_where_and_how_it_came_and_masks(core: BareCore) -> None:
    before = MSR_EE | MSR_CE | MSR_ME | MSR_DE | MSR_PR
    core.state.msr = before
    core.execute(insn("sc"))
    assert core.interrupt == SYSTEM_CALL
    assert (core.spr[spr.SRR0], core.spr[spr.SRR1]) == (CODE + 4, before)
    assert core.state.msr == MSR_CE | MSR_ME | MSR_DE


def test_vector_is_the_prefix_with_the_offset(core: BareCore) -> None:
    core.gpr[3], core.gpr[4] = 0x00038FFF, 0xABCDE53F
    core.execute(mtspr(spr.IVPR, 3), mtspr(spr.IVOR0 + 8, 4), mfspr(5, spr.IVPR), insn("sc"))
    assert core.gpr[5] == 0x00030000
    assert core.state.pc == 0x0003E530


def test_rfi_returns_to_the_saved_place_and_state(core: BareCore) -> None:
    core.spr[spr.SRR0], core.spr[spr.SRR1] = DATA | 3, MSR_EE | MSR_PR | 1
    core.execute(insn("rfi"))
    assert (core.state.pc, core.state.msr) == (DATA, MSR_EE | MSR_PR)  # bit 0 does not exist


@pytest.mark.parametrize(
    ("mnemonic", "registers"), [("rfci", (spr.CSRR0, spr.CSRR1)), ("rfmci", (spr.MCSRR0, spr.MCSRR1))]
)
def test_other_levels_return_through_their_own_registers(
    core: BareCore, mnemonic: str, registers: tuple[int, int]
) -> None:
    core.spr[registers[0]], core.spr[registers[1]] = DATA, MSR_CE | MSR_EE
    core.execute(insn(mnemonic))
    assert (core.state.pc, core.state.msr) == (DATA, MSR_CE | MSR_EE)


@pytest.mark.parametrize("msr", [0, MSR_PR])
@pytest.mark.parametrize("word", [ILLEGAL, FLOATING_POINT_LOAD, 0xFFFFFFFF])
def test_unimplemented_instruction_is_illegal_and_counted(core: BareCore, word: int, msr: int) -> None:
    core.state.msr = msr
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, ILLEGAL_SYNDROME)
    assert core.spr[spr.SRR0] == CODE
    core.execute(word)
    assert core.vcpu.unimplemented == {f".long {word:#010x}": 2}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (mfspr(3, 700), "mfspr 700"),
        (mtspr(spr.PVR, 3), "mtspr PVR"),
        (mfspr(3, spr.TBL_WRITE), "mfspr TBL"),
        (mfspr(3, spr.DSRR0), "mfspr DSRR0"),  # of the e500mc
    ],
)
def test_register_that_the_core_does_not_have_is_illegal_and_counted(
    core: BareCore, word: int, name: str
) -> None:
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, ILLEGAL_SYNDROME)
    assert core.vcpu.unimplemented == {name: 1}


PRIVILEGED_INSTRUCTIONS = [
    *(insn(name) for name in ("rfi", "rfci", "rfmci", "mfmsr", "mtmsr", "wrtee", "wrteei")),
    *(insn(name) for name in ("tlbwe", "tlbre", "tlbsx", "tlbivax", "tlbsync", "dcbi")),
    mfspr(3, spr.SRR0),
    mtspr(spr.SPRS[272].number, 3),
    mfspr(3, spr.PVR),
    mfspr(3, 0x3F0),
    mtspr(0x3FF, 3),
    mfspr(3, 0x31F),  # no core has it, but bit 5 of the number says that it would be privileged
]


@pytest.mark.parametrize("word", PRIVILEGED_INSTRUCTIONS, ids=hex)
def test_privileged_instruction_in_user_mode_raises_and_changes_nothing(core: BareCore, word: int) -> None:
    core.state.msr = MSR_PR | MSR_EE
    core.gpr[3] = 0x55
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR]) == (PROGRAM, PRIVILEGED)
    assert (core.spr[spr.SRR0], core.spr[spr.SRR1], core.gpr[3]) == (CODE, MSR_PR | MSR_EE, 0x55)
    assert not core.vcpu.unimplemented


@pytest.mark.parametrize("number", [spr.XER, spr.LR, spr.CTR, 256, 259, 263, spr.TBL_READ, spr.TBU_READ])
def test_users_may_read_their_registers(core: BareCore, number: int) -> None:
    core.state.msr = MSR_PR
    core.execute(mfspr(3, number))
    assert core.interrupt is None


@pytest.mark.parametrize("general", range(3, 8))
def test_users_see_the_general_registers_of_the_supervisor(core: BareCore, general: int) -> None:
    for number in range(8):
        core.gpr[3] = 0x12345670 + number
        core.execute(mtspr(272 + number, 3))
    core.state.msr = MSR_PR
    core.execute(mfspr(4, 256 + general))
    assert core.gpr[4] == 0x12345670 + general


@pytest.mark.parametrize("number", [spr.DBSR, spr.MCSR])
def test_status_is_cleared_by_ones_and_set_by_no_write(core: BareCore, number: int) -> None:
    core.spr[number] = 0xC0000000
    core.gpr[3] = 0x60000000
    core.execute(mtspr(number, 3), mfspr(4, number))
    assert core.gpr[4] == 0x80000000


def test_trap_saves_its_own_address(core: BareCore) -> None:
    core.execute(NOP, insn("twi", TO=31))
    assert (core.interrupt, core.spr[spr.ESR], core.spr[spr.SRR0]) == (PROGRAM, TRAP, CODE + 4)


@pytest.mark.parametrize(
    ("word", "syndrome"),
    [
        (insn("lwarx", rT=3, rB=4), 0),
        (insn("stwcx.", rS=3, rB=4), STORE),
        (insn("lmw", rT=30, rA=4), 0),
        (insn("stmw", rS=30, rA=4), STORE),
    ],
)
@pytest.mark.parametrize("offset", [1, 2, 3])
def test_instruction_that_demands_alignment_raises(
    core: BareCore, word: int, syndrome: int, offset: int
) -> None:
    core.gpr[4] = DATA + offset
    core.execute(word)
    assert (core.interrupt, core.spr[spr.ESR], core.spr[spr.DEAR]) == (ALIGNMENT, syndrome, DATA + offset)
    assert core.spr[spr.SRR0] == CODE


def test_clearing_a_block_of_a_device_raises_alignment(core: BareCore) -> None:
    core.gpr[4] = DEVICE + 0x24
    core.execute(insn("dcbz", rB=4))
    assert (core.interrupt, core.spr[spr.DEAR]) == (ALIGNMENT, DEVICE + 0x24)
    assert core.bus.accesses == []


def test_fetch_behind_the_last_mapped_page_raises_there(core: BareCore) -> None:
    core.tlbwe(0x10020000, 0x80000100, 0x40000000, DATA | 0x3F)
    core.put(DATA + PAGE - 8, NOP, NOP)
    core.state.pc = 0x40000000 + PAGE - 8
    core.vcpu.run(3)
    assert (core.interrupt, core.spr[spr.SRR0]) == (INSTRUCTION_TLB, 0x40000000 + PAGE)


def test_interrupted_instruction_counts(core: BareCore) -> None:
    core.execute(insn("sc"), budget=1)
    assert core.vcpu.instructions == 1
    assert core.state.pc == VECTORS + 0x800


# The external interrupt


class Controller:
    """An interrupt controller that answers every acknowledgement with the next of ``vectors``."""

    def __init__(self, *vectors: int | None) -> None:
        self.vectors = list(vectors)
        self.cpus: list[int] = []

    def acknowledge(self, cpu: int) -> int | None:
        self.cpus.append(cpu)
        return self.vectors.pop(0)


def test_external_interrupt_waits_until_it_is_enabled(core: BareCore) -> None:
    core.vcpu.set_external_interrupt(True)
    core.execute(NOP, NOP, insn("wrteei", E=1), li(3, 1), budget=4)
    # Taken behind wrteei; the fourth instruction of the budget is the handler's first, an illegal one.
    assert core.gpr[3] == 0
    assert core.interrupt == PROGRAM
    assert core.spr[spr.SRR0] == VECTORS + 0x100 * EXTERNAL


@pytest.mark.parametrize(
    "enabling", [[li(5, -1), insn("wrtee", rS=5)], [insn("mtmsr", rS=6), NOP], [insn("rfi"), NOP]]
)
def test_every_way_to_enable_lets_it_in_at_once(core: BareCore, enabling: list[int]) -> None:
    core.gpr[6] = core.spr[spr.SRR1] = MSR_EE
    core.spr[spr.SRR0] = CODE + 4
    core.put(VECTORS + 0x400, li(7, 1))
    core.vcpu.set_external_interrupt(True)
    length = 1 if enabling[1] == NOP else 2
    core.execute(*enabling, budget=length + 1)
    assert core.gpr[7] == 1
    assert core.spr[spr.SRR0] == CODE + 4 * length


def test_interrupt_that_is_withdrawn_is_not_taken(core: BareCore) -> None:
    core.vcpu.set_external_interrupt(True)
    core.execute(NOP)
    core.vcpu.set_external_interrupt(False)
    core.execute(insn("wrteei", E=1), NOP)
    assert core.interrupt is None


@pytest.mark.parametrize("engine", ENGINES)
def test_taking_it_acknowledges_it_and_shows_the_vector(engine: str) -> None:
    controller = Controller(0x42, None)
    core = BareCore(engine, controller=controller)
    core.state.msr = MSR_EE
    core.vcpu.set_external_interrupt(True)
    core.put(VECTORS + 0x400, mfspr(3, spr.EPR))
    core.execute(NOP, budget=1)
    assert (core.gpr[3], controller.cpus) == (0x42, [0])
    # A controller that is no external proxy leaves the register alone.
    core.state.msr = MSR_EE
    core.execute(NOP, budget=1)
    assert (core.gpr[3], controller.cpus) == (0x42, [0, 0])


def test_level_that_stays_is_taken_again_after_the_return(core: BareCore) -> None:
    core.put(VECTORS + 0x400, insn("addi", rT=3, rA=3, SI=1), insn("rfi"))
    core.state.msr = MSR_EE
    core.vcpu.set_external_interrupt(True)
    core.execute(*[NOP] * 10)
    assert core.gpr[3] == 5
    assert core.spr[spr.SRR0] == CODE


# Waiting


def wait(core: BareCore, msr: int = MSR_WE | MSR_EE) -> RunExit:
    core.gpr[3] = msr
    return core.execute(insn("mtmsr", rS=3), li(4, 1), budget=100)


def test_waiting_guest_ends_the_run_behind_its_instruction(core: BareCore) -> None:
    assert wait(core) is RunExit.IDLE
    assert (core.state.pc, core.vcpu.instructions) == (CODE + 4, 1)
    assert core.vcpu.run(100) is RunExit.IDLE
    assert core.vcpu.instructions == 1


def test_guest_waits_only_in_a_power_saving_mode(core: BareCore) -> None:
    core.spr[spr.HID0] = 0
    assert wait(core) is RunExit.BUDGET
    assert core.gpr[4] == 1


def test_reset_ends_a_wait(core: BareCore) -> None:
    assert wait(core) is RunExit.IDLE
    core.power_on()
    assert core.execute(li(4, 7)) is RunExit.BUDGET
    assert core.gpr[4] == 7


def test_interrupt_wakes_it_and_its_return_address_is_behind_the_wait(core: BareCore) -> None:
    wait(core)
    core.put(VECTORS + 0x400, NOP)
    core.vcpu.set_external_interrupt(True)
    assert core.vcpu.run(1) is RunExit.BUDGET
    assert (core.spr[spr.SRR0], core.spr[spr.SRR1]) == (CODE + 4, MSR_WE | MSR_EE)
    assert (core.state.pc, core.state.msr & MSR_WE) == (VECTORS + 0x404, 0)


def test_interrupt_that_is_pending_already_prevents_the_wait(core: BareCore) -> None:
    core.put(VECTORS + 0x400, NOP)
    core.vcpu.set_external_interrupt(True)
    core.gpr[3] = MSR_WE | MSR_EE
    assert core.execute(insn("mtmsr", rS=3), budget=2) is RunExit.BUDGET
    assert core.state.pc == VECTORS + 0x404


def test_masked_interrupt_does_not_wake_it(core: BareCore) -> None:
    core.vcpu.set_external_interrupt(True)
    assert wait(core, MSR_WE) is RunExit.IDLE


def test_skip_to_lets_time_pass_and_executes_nothing(core: BareCore) -> None:
    wait(core)
    seen: list[int] = []

    def strike() -> None:
        seen.append(core.clock.now())
        core.vcpu.set_external_interrupt(True)

    core.clock.at(5000, strike)
    core.vcpu.skip_to(4000)
    assert (core.clock.now(), seen) == (4000, [])
    assert core.vcpu.run(10) is RunExit.IDLE
    core.vcpu.skip_to(5000)
    assert (core.clock.now(), seen, core.vcpu.instructions) == (5000, [5000], 1)
    assert core.vcpu.run(3) is RunExit.BUDGET
    assert (core.clock.now(), core.vcpu.instructions) == (5003, 4)


def test_skip_to_the_past_changes_nothing(core: BareCore) -> None:
    core.execute(*[NOP] * 10)
    core.vcpu.skip_to(3)
    assert core.clock.now() == 10


def test_address_space_of_the_interrupted_program_comes_back(core: BareCore) -> None:
    core.tlbwe(0x10020000, 0x80001100, 0x40000000, DATA | 0x3F)
    core.put(VECTORS + 0x800, insn("rfi"))
    core.gpr[4] = 0x40000000
    core.put(DATA, 0x1234)
    core.put(CODE, insn("lwz", rT=3, rA=4), insn("sc"), insn("lwz", rT=5, rA=4))
    core.state.pc, core.state.msr = CODE, MSR_DS
    core.vcpu.run(4)
    assert (core.gpr[3], core.gpr[5]) == (0x1234, 0x1234)


def test_reset_is_the_state_after_power_on(core: BareCore) -> None:
    core.execute(li(3, 1), mtspr(spr.SRR0, 3), insn("sc"))
    core.vcpu.reset()
    assert (core.state.pc, core.state.msr, core.gpr[3], core.spr[spr.SRR0]) == (0, 0, 0, 0)
    assert core.spr[spr.PVR] == 0x80210022
    assert not any(entry.valid for entry in core.vcpu.mmu.tlb1)
    assert core.vcpu.instructions == 3


@pytest.mark.parametrize("kind", [0x10000000, 0x20000000, 0x30000000])  # core, chip, system
def test_debug_control_register_resets(core: BareCore, kind: int) -> None:
    core.gpr[3] = kind
    assert core.execute(mtspr(spr.DBCR0, 3), NOP, budget=5) is RunExit.RESET
    assert core.vcpu.instructions == 1


def test_input_that_is_asserted_through_a_reset_interrupts_after_it(core: BareCore) -> None:
    core.vcpu.set_external_interrupt(True)
    core.power_on()
    core.state.msr = MSR_EE
    core.execute(NOP, budget=0)
    assert core.interrupt == 4
