# SPDX-License-Identifier: GPL-2.0-or-later
"""The special-purpose registers of e500v2 and e500mc (EREF chapter 2; e500 core manual, 2.5).

A declaration says what a register is: its number, who may access it, and whether it is plain
storage. What the others do beside storing stands in `paradrive.cpu.sprs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from paradrive.isa.instruction import ALL_CORES, E500MC, E500V2

if TYPE_CHECKING:
    from collections.abc import Iterable


class Spr(NamedTuple):
    """One register.

    ``storage`` is true where a read returns what was written last. ``mask`` are the bits that it has, whoever
    sets them: a write drops the others, and a saved state that has others is refused. A constant, which the
    model of the core tells (`CpuModel.constants`), has none. ``alias_of`` names the number where the value is
    kept.
    ``compiled`` registers are accessed without leaving compiled code.
    """

    number: int
    name: str
    description: str
    cores: frozenset[str] = ALL_CORES
    readable: bool = True
    writable: bool = True
    storage: bool = True
    mask: int = 0xFFFFFFFF
    alias_of: int | None = None
    compiled: bool = False

    @property
    def privileged(self) -> bool:
        """Bit 5 of the number tells (Power ISA 2.06, Book III-E, 5.4.1)."""
        return bool(self.number & 0x10)

    @property
    def place(self) -> int:
        """The number under which the value is kept."""
        return self.number if self.alias_of is None else self.alias_of


#: Every declared register of any core, by number.
SPRS: dict[int, Spr] = {}

XER, LR, CTR, DEC, SRR0, SRR1, PID, DECAR = 1, 8, 9, 22, 26, 27, 48, 54
CSRR0, CSRR1, DEAR, ESR, IVPR = 58, 59, 61, 62, 63
TBL_READ, TBU_READ, TBL_WRITE, TBU_WRITE, PIR, PVR = 268, 269, 284, 285, 286, 287
DBSR, DBCR0, TSR, TCR, IVOR0 = 304, 308, 336, 340, 400
MCSRR0, MCSRR1, MCSR, MCAR, DSRR0, DSRR1 = 570, 571, 572, 573, 574, 575
MAS0, MAS1, MAS2, MAS3, MAS4, MAS6, MAS7, PID1, PID2 = 624, 625, 626, 627, 628, 630, 944, 633, 634
TLB0CFG, TLB1CFG, EPR, MMUCFG = 688, 689, 702, 1015
L1CFG0, L1CFG1 = 515, 516
HID0, HID1, L1CSR0, L1CSR1, MMUCSR0, BUCSR, SVR = 1008, 1009, 1010, 1011, 1012, 1013, 1023

# Flash invalidate and lock clear bits of L1CSR0 and L1CSR1, and of L2CSR0, act at once and read as zero (e500
# core manual, 2.11).
L1_IMMEDIATE = 0x00000102
L2_IMMEDIATE = 0x00200000 | 0x00000800 | 0x00000400


def spr(
    number: int,
    name: str,
    description: str,
    *,
    cores: Iterable[str] = ALL_CORES,
    access: str = "rw",
    storage: bool = True,
    mask: int = 0xFFFFFFFF,
    alias_of: int | None = None,
    compiled: bool = False,
) -> None:
    """Declare a register; ``access`` is "rw", "r" or "w"."""
    SPRS[number] = Spr(
        number,
        name,
        description,
        frozenset(cores),
        "r" in access,
        "w" in access,
        storage,
        mask & 0xFFFFFFFF,
        alias_of,
        compiled,
    )


spr(XER, "XER", "Integer exception register", storage=False, compiled=True)
spr(LR, "LR", "Link register", storage=False, compiled=True)
spr(CTR, "CTR", "Count register", storage=False, compiled=True)
spr(256, "USPRG0", "User SPR general 0", compiled=True)
spr(259, "USPRG3", "SPR general 3, read-only for users", access="r", alias_of=275, compiled=True)
for _n in range(4, 8):
    spr(
        256 + _n,
        f"USPRG{_n}",
        f"SPR general {_n}, read-only for users",
        access="r",
        alias_of=272 + _n,
        compiled=True,
    )
for _n in range(8):
    spr(272 + _n, f"SPRG{_n}", f"SPR general {_n}", compiled=True)
spr(604, "SPRG8", "SPR general 8", compiled=True)
spr(605, "SPRG9", "SPR general 9", compiled=True)

spr(SRR0, "SRR0", "Save/restore register 0", compiled=True)
spr(SRR1, "SRR1", "Save/restore register 1", compiled=True)
spr(CSRR0, "CSRR0", "Critical save/restore register 0", compiled=True)
spr(CSRR1, "CSRR1", "Critical save/restore register 1", compiled=True)
spr(MCSRR0, "MCSRR0", "Machine check save/restore register 0")
spr(MCSRR1, "MCSRR1", "Machine check save/restore register 1")
spr(DSRR0, "DSRR0", "Debug save/restore register 0", cores=[E500MC])
spr(DSRR1, "DSRR1", "Debug save/restore register 1", cores=[E500MC])
spr(DEAR, "DEAR", "Data exception address register", compiled=True)
spr(ESR, "ESR", "Exception syndrome register", compiled=True)
spr(MCSR, "MCSR", "Machine check syndrome register; ones clear", storage=False, mask=0)
spr(MCAR, "MCAR", "Machine check address register", access="r", mask=0)
spr(IVPR, "IVPR", "Interrupt vector prefix register", mask=0xFFFF0000)
for _n in range(16):
    spr(IVOR0 + _n, f"IVOR{_n}", f"Interrupt vector offset register {_n}", mask=0xFFF0)
for _n in range(32, 35):
    spr(496 + _n, f"IVOR{_n}", f"Interrupt vector offset register {_n}", cores=[E500V2], mask=0xFFF0)
spr(531, "IVOR35", "Interrupt vector offset register 35", mask=0xFFF0)
for _n in range(36, 42):
    _number = 496 + _n if _n < 38 else 394 + _n
    spr(_number, f"IVOR{_n}", f"Interrupt vector offset register {_n}", cores=[E500MC], mask=0xFFF0)
spr(
    EPR,
    "EPR",
    "External proxy register: the vector of the interrupt taken last",
    access="r",
    mask=0xFFFF,
    compiled=True,
)

spr(DEC, "DEC", "Decrementer", storage=False)
spr(DECAR, "DECAR", "Decrementer auto-reload", access="w")
spr(TBL_READ, "TBL", "Time base, lower half", access="r", storage=False, compiled=True)
spr(TBU_READ, "TBU", "Time base, upper half", access="r", storage=False, compiled=True)
spr(TBL_WRITE, "TBL", "Time base, lower half, for writing", access="w", storage=False)
spr(TBU_WRITE, "TBU", "Time base, upper half, for writing", access="w", storage=False)
spr(526, "ATBL", "Alternate time base, lower half", access="r", storage=False)
spr(527, "ATBU", "Alternate time base, upper half", access="r", storage=False)
spr(TSR, "TSR", "Timer status register; ones clear", storage=False, mask=0xFC000000)
spr(TCR, "TCR", "Timer control register", storage=False)

spr(PIR, "PIR", "Processor ID register")
spr(PVR, "PVR", "Processor version register", access="r", compiled=True, mask=0)
spr(SVR, "SVR", "System version register", access="r", mask=0)
spr(HID0, "HID0", "Hardware implementation-dependent register 0")
spr(HID1, "HID1", "Hardware implementation-dependent register 1", cores=[E500V2])
spr(BUCSR, "BUCSR", "Branch unit control and status register", mask=0x00000001)
spr(L1CSR0, "L1CSR0", "L1 cache control and status register 0", mask=~L1_IMMEDIATE)
spr(L1CSR1, "L1CSR1", "L1 cache control and status register 1", mask=~L1_IMMEDIATE)
spr(606, "L1CSR2", "L1 cache control and status register 2", cores=[E500MC])
spr(L1CFG0, "L1CFG0", "L1 cache configuration register 0", access="r", mask=0)
spr(L1CFG1, "L1CFG1", "L1 cache configuration register 1", access="r", mask=0)
spr(1017, "L2CSR0", "L2 cache control and status register 0", cores=[E500MC], mask=~L2_IMMEDIATE)
spr(1018, "L2CSR1", "L2 cache control and status register 1", cores=[E500MC])
spr(519, "L2CFG0", "L2 cache configuration register 0", cores=[E500MC], access="r", mask=0)
spr(512, "SPEFSCR", "Signal processing and embedded floating-point status and control", cores=[E500V2])
spr(513, "BBEAR", "Branch buffer entry address register", cores=[E500V2])
spr(514, "BBTAR", "Branch buffer target address register", cores=[E500V2])

spr(PID, "PID0", "Process ID register", storage=False, mask=0xFF)
spr(PID1, "PID1", "Process ID register 1", cores=[E500V2], storage=False, mask=0xFF)
spr(PID2, "PID2", "Process ID register 2", cores=[E500V2], storage=False, mask=0xFF)
for _number, _name in ((MAS0, "MAS0"), (MAS1, "MAS1"), (MAS2, "MAS2"), (MAS3, "MAS3"), (MAS4, "MAS4")):
    spr(_number, _name, f"MMU assist register {_name[3]}", compiled=True)
spr(MAS6, "MAS6", "MMU assist register 6", compiled=True)
spr(MAS7, "MAS7", "MMU assist register 7", mask=0xF, compiled=True)
spr(339, "MAS8", "MMU assist register 8", cores=[E500MC])
spr(341, "MAS5", "MMU assist register 5", cores=[E500MC])
spr(MMUCSR0, "MMUCSR0", "MMU control and status register 0", storage=False, mask=0)
spr(MMUCFG, "MMUCFG", "MMU configuration register", access="r", mask=0)
spr(TLB0CFG, "TLB0CFG", "TLB 0 configuration register", access="r", mask=0)
spr(TLB1CFG, "TLB1CFG", "TLB 1 configuration register", access="r", mask=0)

spr(DBSR, "DBSR", "Debug status register; ones clear", storage=False, mask=0)
spr(DBCR0, "DBCR0", "Debug control register 0", storage=False)
spr(309, "DBCR1", "Debug control register 1")
spr(310, "DBCR2", "Debug control register 2")
spr(561, "DBCR3", "Debug control register 3", cores=[E500V2])
spr(312, "IAC1", "Instruction address compare 1")
spr(313, "IAC2", "Instruction address compare 2")
spr(316, "DAC1", "Data address compare 1")
spr(317, "DAC2", "Data address compare 2")


def compiled_read(number: int) -> int | None:
    """Choose the registers which compiled code reads itself."""
    register = SPRS.get(number)
    return number if register is not None and register.compiled and register.readable else None


def compiled_write(number: int) -> int | None:
    """Choose the registers which compiled code writes itself."""
    register = SPRS.get(number)
    return number if register is not None and register.compiled and register.writable else None
