# SPDX-License-Identifier: GPL-2.0-or-later
"""A vCPU returns to a snapshot with RAM in several blocks, and looks at what was stored to and no more."""

from __future__ import annotations

import pytest

from paradrive.cpu.clock import Clock
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.vcpu import ENGINES, Vcpu
from paradrive.devices.bus import Bus
from paradrive.devices.ram import Ram
from paradrive.machine.snapshot import SavedRam

SIZE = 0x4000
FIRST, SECOND, NOWHERE = 0, 0x10_0000, 0x80_0000


@pytest.mark.parametrize("engine", ENGINES)
def test_stored_pages_of_all_blocks_return(engine: str) -> None:
    bus = Bus()
    memories = [Ram(FIRST, SIZE), Ram(SECOND, SIZE)]
    for memory in memories:
        bus.map_memory(memory)
        memory.view[:] = bytes(range(256)) * (SIZE // 256)
    vcpu = Vcpu(CPU_MODELS["e500v2"], bus, Clock(), engine=engine)
    contents = [bytes(memory.view) for memory in memories]
    snapshot, copies = vcpu.snapshot(), [SavedRam(memory) for memory in memories]
    for _ in range(2):
        for memory in memories:
            memory.view[0x1FFF] = memory.view[0x2000] = memory.view[0x3000] = 0xEE
            vcpu.note_written(memory.base + 0x1FFF, 2)
        # One that nothing has changed, and one that is not RAM, or not any more.
        vcpu.note_written(FIRST, 4)
        vcpu.note_written(NOWHERE, 4)
        vcpu.restore(snapshot, zip(memories, copies, strict=True))
        for memory, before in zip(memories, contents, strict=True):
            assert memory.view[:0x3000] == before[:0x3000]
            # It was not said to be stored to.
            assert memory.view[0x3000] == 0xEE
        assert not vcpu.stored_pages
