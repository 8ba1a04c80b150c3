# SPDX-License-Identifier: GPL-2.0-or-later
"""An e500mc for tests of single floating-point instructions."""

from __future__ import annotations

import struct

from bare_core import BareCore, insn

MSR_FP = 0x2000
#: What the target register holds before the instruction.
OLD = 0x4008000000000000
REGISTERS = {"frT": 1, "frA": 2, "frB": 3, "frC": 4}


def bits(value: float) -> int:
    """Return the register that holds ``value``; an int stands for itself."""
    if isinstance(value, int):
        return value
    number: int = struct.unpack(">Q", struct.pack(">d", value))[0]
    return number


def e500mc(engine: str = "reference", msr: int = MSR_FP) -> BareCore:
    core = BareCore(engine, "e500mc")
    core.state.msr = msr
    return core


def compute(
    core: BareCore,
    mnemonic: str,
    a: float = 0.0,
    b: float = 0.0,
    c: float = 0.0,
    fpscr: int = 0,
    **fields: int,
) -> tuple[int, int]:
    """Execute ``mnemonic f1,f2,f4,f3`` with f1 = 3.0; return f1 and the FPSCR."""
    core.state.msr, core.state.fpscr = MSR_FP, fpscr
    core.state.fpr[1] = OLD
    for number, operand in enumerate((a, b, c), 2):
        core.state.fpr[number] = bits(operand)
    instruction = insn(mnemonic, **(fields or FIELDS[mnemonic]))
    core.execute(instruction)
    return core.state.fpr[1], core.state.fpscr


def fields_of(operands: str) -> dict[str, int]:
    return {f"fr{letter}": REGISTERS[f"fr{letter}"] for letter in f"T{operands}"}


FIELDS = {
    name + suffix: fields_of(operands)
    for names, operands, suffixes in (
        ("fadd fsub fdiv", "AB", ("", "s")),
        ("fmul", "AC", ("", "s")),
        ("fmadd fmsub fnmadd fnmsub", "ABC", ("", "s")),
        ("frsp fctiw fctiwz fres frsqrte fmr fneg fabs fnabs", "B", ("",)),
        ("fsel", "ABC", ("",)),
        ("mffs", "", ("",)),
    )
    for name in names.split()
    for suffix in suffixes
}
