# SPDX-License-Identifier: GPL-2.0-or-later
"""A vCPU returns to a snapshot: RAM of several blocks, as far as it was stored to, and where pages lead."""

from __future__ import annotations

import pytest

from bare_core import CODE, DATA, PAGE, BareCore, insn
from paradrive.cpu.clock import Clock
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.vcpu import ENGINES, Vcpu
from paradrive.devices.bus import Bus
from paradrive.devices.ram import Ram
from paradrive.isa import spr
from paradrive.machine.snapshot import SavedRam

SIZE = 0x4000
FIRST, SECOND, NOWHERE = 0, 0x10_0000, 0x80_0000


@pytest.mark.parametrize("engine", ENGINES)
def test_stored_pages_of_all_blocks_return(engine: str) -> None:
    bus = Bus()
    memories = [Ram(FIRST, SIZE), Ram(SECOND, SIZE)]
    for memory in memories:
        bus.map_memory(memory)
        memory.contents[:] = bytes(range(256)) * (SIZE // 256)
    vcpu = Vcpu(CPU_MODELS["e500v2"], bus, Clock(), engine=engine)
    contents = [bytes(memory.contents) for memory in memories]
    snapshot, copies = vcpu.snapshot(), [SavedRam(memory) for memory in memories]
    for _ in range(2):
        for memory in memories:
            memory.contents[0x1FFF] = memory.contents[0x2000] = memory.contents[0x3000] = 0xEE
            vcpu.memory_written(memory.base + 0x1FFF, 2)
        # One that nothing has changed, and one that is not RAM, or not any more.
        vcpu.memory_written(FIRST, 4)
        vcpu.memory_written(NOWHERE, 4)
        vcpu.restore(snapshot, zip(memories, copies, strict=True))
        for memory, before in zip(memories, contents, strict=True):
            assert memory.contents[:0x3000] == before[:0x3000]
            # It was not said to be stored to.
            assert memory.contents[0x3000] == 0xEE
        assert not vcpu.stored_pages


def test_page_that_a_run_maps_elsewhere_leads_to_its_old_place_after_the_return(core: BareCore) -> None:
    """Whatever else the run has put into the same entry of the compiled engine's table."""
    alias, elsewhere = 0x4000_0000, DATA + PAGE  # the alias shares its entry with page 0
    core.put(DATA, 1)
    core.put(elsewhere, 0, insn("bclr", BO=20))
    core.tlbwe(0x1002_0000, 0x8000_0100, alias, DATA | 0x3F)
    store, load_from_page_0 = insn("stw", rS=5, rA=4), insn("lwz", rT=6)
    call = insn("b", LI=(elsewhere + 4 - (CODE + 16)) // 4, LK=1)
    core.put(CODE, store, load_from_page_0, insn("tlbwe"), store, call, insn("lwz", rT=6, rA=4))
    core.gpr[4], core.gpr[5] = alias, 2
    core.state.pc, core.spr[spr.MAS3] = CODE, elsewhere | 0x3F
    restore = core.snapshot()
    for length in (1, 6):
        core.vcpu.run(length)
        assert core.word(DATA) == 2
        restore()
    core.state.pc = CODE + 20
    core.vcpu.run(1)
    assert core.gpr[6] == 1
