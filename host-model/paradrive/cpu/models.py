# SPDX-License-Identifier: GPL-2.0-or-later
"""The cores that can be modelled, and in which constants they differ."""

from __future__ import annotations

from typing import NamedTuple

from paradrive.isa import spr
from paradrive.isa.instruction import E500MC, E500V2


class CpuModel(NamedTuple):
    """Constants of a core: what its read-only registers say.

    They are those which QEMU 7.2 shows for the core, so that the same kernel takes the same paths on both.
    """

    name: str
    pvr: int
    cache_line_size: int
    tlb0cfg: int
    tlb1cfg: int
    l1cfg0: int
    l1cfg1: int
    #: Bits of the MSR that exist.
    msr_mask: int

    @property
    def constants(self) -> dict[int, int]:
        """The special-purpose registers that nothing changes, by number."""
        return {
            spr.PVR: self.pvr,
            spr.TLB0CFG: self.tlb0cfg,
            spr.TLB1CFG: self.tlb1cfg,
            spr.L1CFG0: self.l1cfg0,
            spr.L1CFG1: self.l1cfg1,
        }

    @property
    def tlb0_entries(self) -> int:
        """Number of entries of TLB 0."""
        return self.tlb0cfg & 0xFFF

    @property
    def tlb0_ways(self) -> int:
        """Associativity of TLB 0."""
        return self.tlb0cfg >> 24

    @property
    def tlb1_entries(self) -> int:
        """Number of entries of TLB 1, which is fully associative."""
        return self.tlb1cfg & 0xFFF


CPU_MODELS: dict[str, CpuModel] = {
    E500V2: CpuModel(
        name=E500V2,
        pvr=0x80210022,
        cache_line_size=32,
        tlb0cfg=0x04110200,
        tlb1cfg=0x101CC010,
        l1cfg0=0x00003820,
        l1cfg1=0x00003820,
        msr_mask=0x0606FF30,
    ),
    E500MC: CpuModel(
        name=E500MC,
        pvr=0x80230020,
        cache_line_size=64,
        tlb0cfg=0x04110200,
        tlb1cfg=0x401CC040,
        l1cfg0=0x01003820,
        l1cfg1=0x01003820,
        msr_mask=0x1402FF36,
    ),
}
