# SPDX-License-Identifier: GPL-2.0-or-later
"""The Book E MMU of the e500: two TLBs that software fills (e500 core reference manual, chapter 12; EREF 5).

TLB 0 has 4 KiB pages in sets of several ways, TLB 1 has pages of 4^n KiB and is fully associative.
The MAS registers carry entries between software and the TLBs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from paradrive.cpu import interrupts
from paradrive.cpu.interrupts import ESR_STORE, GuestInterrupt
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.isa import spr

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.models import CpuModel
    from paradrive.cpu.state import CoreState

ADDRESS_SPACE_BITS = 32
PAGE_MASK = 0xFFFFF000

# MAS registers (e500 core reference manual, 2.12.5).
MAS0_TLB1 = 0x10000000
MAS0_ENTRY_SHIFT = 16
MAS1_VALID = 0x80000000
MAS1_PROTECTED = 0x40000000
MAS1_TRANSLATION_SPACE = 0x00001000
MAS4_TLB1_DEFAULT = 0x10000000
#: The bits of MAS3 that are for the system's software to use.
USER_BITS = 0x3C0


class Access(IntEnum):
    """What is done at an address: the user's permission bit in MAS3; the supervisor's is half of it."""

    READ = 0x02
    WRITE = 0x08
    FETCH = 0x20


class TlbEntry(NamedTuple):
    """One translation: ``size`` bytes from ``epn`` (effective) to ``rpn`` (physical), both aligned to it.

    ``permissions`` are MAS3's bits UX SX UW SW UR SR, from 0x20 down to 0x01. ``attributes`` are
    WIMGE, which the model keeps and does not act on.
    """

    epn: int
    rpn: int
    size: int = PAGE_SIZE
    permissions: int = 0x3F
    ts: int = 0
    tid: int = 0
    valid: bool = True
    iprot: bool = False
    wimge: int = 0
    user_bits: int = 0

    def allows(self, access: Access, user: bool) -> bool:
        """Tell whether the permissions allow an access in user or supervisor mode."""
        return bool(self.permissions & (access if user else access >> 1))

    def matches(self, address: int, space: int, pids: tuple[int, ...]) -> bool:
        """Tell whether this entry translates ``address`` for these process IDs."""
        return (
            self.valid
            and self.ts == space
            and (address ^ self.epn) & -self.size & 0xFFFFFFFF == 0
            and (self.tid == 0 or self.tid in pids)
        )


#: What the TLBs are full of after a reset, and reads as all zero (a page of 1 KiB has the size code 0).
EMPTY = TlbEntry(epn=0, rpn=0, size=1024, permissions=0, valid=False)


class Mmu:
    """The TLBs of one core. ``flushed(None | entry)`` is called whenever translations may have changed."""

    def __init__(self, state: CoreState, model: CpuModel, flushed: Callable[[TlbEntry | None], None]) -> None:
        self.state, self.model, self.flushed = state, model, flushed
        self.sets = model.tlb0_entries // model.tlb0_ways
        #: The ways of each set.
        self.tlb0: list[tuple[TlbEntry, ...]] = []
        self.tlb1: list[TlbEntry] = []
        #: The way that the next TLB miss proposes to replace.
        self.next_way = 0
        self.reset()

    def reset(self) -> None:
        """Invalidate everything."""
        self.tlb0 = [(EMPTY,) * self.model.tlb0_ways] * self.sets
        self.tlb1 = [EMPTY] * self.model.tlb1_entries
        self.next_way = 0
        self.flushed(None)

    def find(self, address: int, space: int, pids: tuple[int, ...]) -> TlbEntry | None:
        """Return the entry that translates ``address`` in address space ``space``, None if there is none."""
        page = address & PAGE_MASK
        for entry in self.tlb0[address >> 12 & self.sets - 1]:
            if entry.epn == page and entry.matches(address, space, pids):
                return entry
        for entry in self.tlb1:
            if entry.valid and entry.matches(address, space, pids):
                return entry
        return None

    def pids(self) -> tuple[int, ...]:
        """Return the process IDs in force."""
        registers = self.state.spr
        return registers[spr.PID], registers[spr.PID1], registers[spr.PID2]

    def translate(self, address: int, access: Access, space: int, user: bool) -> int:
        """Return the physical address of effective ``address``.

        Raises GuestInterrupt: a TLB error where nothing matches (the MAS registers are then set up
        for the handler), a storage interrupt where the entry forbids the access.
        """
        entry = self.find(address, space, self.pids())
        if entry is None:
            self._prepare_miss(address, space)
            raise self._refusal(address, access, interrupts.INSTRUCTION_TLB_ERROR, interrupts.DATA_TLB_ERROR)
        if not entry.allows(access, user):
            raise self._refusal(address, access, interrupts.INSTRUCTION_STORAGE, interrupts.DATA_STORAGE)
        return entry.rpn | address & entry.size - 1

    @staticmethod
    def _refusal(
        address: int, access: Access, fetching: interrupts.Interrupt, accessing: interrupts.Interrupt
    ) -> GuestInterrupt:
        if access is Access.FETCH:
            syndrome = 0 if fetching is interrupts.INSTRUCTION_STORAGE else None
            return GuestInterrupt(fetching, syndrome=syndrome)
        return GuestInterrupt(
            accessing, syndrome=ESR_STORE if access is Access.WRITE else 0, data_address=address
        )

    def _prepare_miss(self, address: int, space: int) -> None:
        """Set the MAS registers to the defaults that MAS4 gives (EREF, 'MAS register updates')."""
        registers = self.state.spr
        defaults = registers[spr.MAS4]
        select = defaults & 0x30000000
        pid = registers[spr.PID]
        entry, self.next_way = self.next_way, (self.next_way + 1) % self.model.tlb0_ways
        registers[spr.MAS0] = select | entry << MAS0_ENTRY_SHIFT | self.next_way
        selected = defaults >> 16 & 3  # MAS4[TIDSELD]; 3 selects none
        tid = registers[(spr.PID, spr.PID1, spr.PID2)[selected]] << 16 if selected < 3 else 0
        registers[spr.MAS1] = MAS1_VALID | tid | space << 12 | defaults & 0xF80
        registers[spr.MAS2] = address & PAGE_MASK | defaults & 0x7F
        registers[spr.MAS3] = registers[spr.MAS7] = 0
        registers[spr.MAS6] = pid << 16 | space

    def write_entry(self) -> None:
        """tlbwe: write the entry that the MAS registers describe to the place that MAS0 names."""
        registers = self.state.spr
        mas0, mas1, mas2 = registers[spr.MAS0], registers[spr.MAS1], registers[spr.MAS2]
        mas3, mas7 = registers[spr.MAS3], registers[spr.MAS7]
        in_tlb1 = bool(mas0 & MAS0_TLB1)
        size = 1024 << (mas1 >> 7 & 0x1E) if in_tlb1 else PAGE_SIZE
        size = max(size, PAGE_SIZE)
        entry = TlbEntry(
            epn=mas2 & PAGE_MASK & -size,
            rpn=(mas7 << 32 | mas3 & PAGE_MASK) & -size,
            size=size,
            permissions=mas3 & 0x3F,
            ts=mas1 >> 12 & 1,
            tid=mas1 >> 16 & 0xFFF,
            valid=bool(mas1 & MAS1_VALID),
            iprot=in_tlb1 and bool(mas1 & MAS1_PROTECTED),
            wimge=mas2 & 0x7F,
            user_bits=mas3 & USER_BITS,
        )
        number = mas0 >> MAS0_ENTRY_SHIFT & 0xFFF
        if in_tlb1:
            number %= self.model.tlb1_entries
            old, self.tlb1[number] = self.tlb1[number], entry
        else:
            number %= self.model.tlb0_ways
            old = self.set_way(mas2 >> 12 & self.sets - 1, number, entry)
            self.next_way = (mas0 & 0xFFF) % self.model.tlb0_ways
        for changed in (old, entry):
            if changed.valid:
                self.flushed(changed)

    def set_way(self, set_number: int, way: int, entry: TlbEntry) -> TlbEntry:
        """Put an entry into TLB 0; return the one that it replaces."""
        ways = self.tlb0[set_number]
        self.tlb0[set_number] = (*ways[:way], entry, *ways[way + 1 :])
        return ways[way]

    def _show(self, entry: TlbEntry, select: int, number: int) -> None:
        """Set the MAS registers to ``entry``."""
        registers = self.state.spr
        registers[spr.MAS0] = select | number << MAS0_ENTRY_SHIFT | self.next_way
        size_code = (entry.size // 1024).bit_length() - 1
        registers[spr.MAS1] = (
            entry.valid * MAS1_VALID
            | entry.iprot * MAS1_PROTECTED
            | entry.tid << 16
            | entry.ts << 12
            | size_code << 7
        )
        registers[spr.MAS2] = entry.epn | entry.wimge
        registers[spr.MAS3] = entry.rpn & PAGE_MASK | entry.user_bits | entry.permissions
        registers[spr.MAS7] = entry.rpn >> 32

    def read_entry(self) -> None:
        """tlbre: set the MAS registers to the entry that MAS0 and, for TLB 0, MAS2 name, valid or not."""
        mas0 = self.state.spr[spr.MAS0]
        number = mas0 >> MAS0_ENTRY_SHIFT & 0xFFF
        if mas0 & MAS0_TLB1:
            number %= self.model.tlb1_entries
            entry = self.tlb1[number]
        else:
            number %= self.model.tlb0_ways
            entry = self.tlb0[self.state.spr[spr.MAS2] >> 12 & self.sets - 1][number]
        self._show(entry, mas0 & MAS0_TLB1, number)

    def search(self, address: int) -> None:
        """tlbsx: set the MAS registers to the entry for ``address`` under MAS6's PID and space, or a miss."""
        mas6 = self.state.spr[spr.MAS6]
        space, pids = mas6 & 1, (mas6 >> 16 & 0xFFF,)
        for way, entry in enumerate(self.tlb0[address >> 12 & self.sets - 1]):
            if entry.matches(address, space, pids):
                self._show(entry, 0, way)
                return
        for number, entry in enumerate(self.tlb1):
            if entry.matches(address, space, pids):
                self._show(entry, MAS0_TLB1, number)
                return
        self._prepare_search_miss()

    def _prepare_search_miss(self) -> None:
        """Set the MAS registers after a search without a result: defaults, and the entry not valid."""
        registers = self.state.spr
        defaults, mas6 = registers[spr.MAS4], registers[spr.MAS6]
        registers[spr.MAS0] = defaults & 0x30000000 | self.next_way << MAS0_ENTRY_SHIFT
        self.next_way = (self.next_way + 1) % self.model.tlb0_ways
        registers[spr.MAS0] |= self.next_way
        registers[spr.MAS1] = mas6 & 0xFFF0000 | (mas6 & 1) << 12 | defaults & 0xF80
        registers[spr.MAS2] = defaults & 0x7F
        registers[spr.MAS3] = registers[spr.MAS7] = 0

    def invalidate_address(self, operand: int) -> None:
        """tlbivax: invalidate by address; bits 3 and 2 of ``operand`` select TLB 1 and all entries."""
        in_tlb1, everything = operand & 0x8, operand & 0x4
        page = operand & PAGE_MASK
        if everything:
            self.invalidate_all(tlb0=not in_tlb1, tlb1=bool(in_tlb1))
        elif in_tlb1:
            self._invalidate_tlb1(lambda e: (page ^ e.epn) & -e.size & 0xFFFFFFFF == 0)
        else:
            self._invalidate_set(page >> 12 & self.sets - 1, lambda e: e.epn == page)

    def invalidate_local(self, kind: int, address: int) -> None:
        """tlbilx: invalidate all entries (kind 0), those of MAS6's PID (1), or that for ``address`` (3)."""
        mas6 = self.state.spr[spr.MAS6]
        pid, space, page = mas6 >> 16 & 0xFFF, mas6 & 1, address & PAGE_MASK
        matches: dict[int, Callable[[TlbEntry], bool]] = {
            0: lambda e: True,
            1: lambda e: e.tid == pid,
            3: lambda e: e.matches(page, space, (pid,)) and e.tid == pid,
        }
        if kind in matches:
            for number in range(self.sets):
                self._invalidate_set(number, matches[kind])
            self._invalidate_tlb1(matches[kind])

    def invalidate_all(self, *, tlb0: bool, tlb1: bool) -> None:
        """Invalidate all entries of the named TLBs that are not protected (MMUCSR0, tlbivax)."""
        if tlb0:
            for number in range(self.sets):
                self._invalidate_set(number, lambda e: True)
        if tlb1:
            self._invalidate_tlb1(lambda e: True)

    def _invalidate_set(self, set_number: int, matches: Callable[[TlbEntry], bool]) -> None:
        for way, entry in enumerate(self.tlb0[set_number]):
            if entry.valid and matches(entry):
                self.set_way(set_number, way, entry._replace(valid=False))
                self.flushed(entry)

    def _invalidate_tlb1(self, matches: Callable[[TlbEntry], bool]) -> None:
        for number, entry in enumerate(self.tlb1):
            if entry.valid and not entry.iprot and matches(entry):
                self.tlb1[number] = entry._replace(valid=False)
                self.flushed(entry)
