# SPDX-License-Identifier: GPL-2.0-or-later
"""The floating-point status and control register (Power ISA 2.06, Book I, 4.2.2), as masks of its 32 bits."""

from __future__ import annotations

FX = 0x80000000  # some exception bit has become one
FEX = 0x40000000  # some enabled exception bit is one
VX = 0x20000000  # some invalid operation bit is one
OX = 0x10000000  # overflow
UX = 0x08000000  # underflow
ZX = 0x04000000  # division by zero
XX = 0x02000000  # inexact result
VXSNAN = 0x01000000  # signalling NaN
VXISI = 0x00800000  # infinity - infinity
VXIDI = 0x00400000  # infinity / infinity
VXZDZ = 0x00200000  # zero / zero
VXIMZ = 0x00100000  # infinity * zero
VXVC = 0x00080000  # ordered comparison of a NaN
FR = 0x00040000  # rounding has incremented the fraction
FI = 0x00020000  # the result is inexact
FPRF = 0x0001F000  # class of the result
FPCC = 0x0000F000  # the part of FPRF that comparisons set
RESERVED = 0x00000800
VXSOFT = 0x00000400  # set by software
VXSQRT = 0x00000200  # square root of a negative number
VXCVI = 0x00000100  # an integer cannot hold the value
VE = 0x00000080  # the exceptions that are enabled: VX,
OE = 0x00000040  # OX,
UE = 0x00000020  # UX,
ZE = 0x00000010  # ZX,
XE = 0x00000008  # XX
ENABLES = VE | OE | UE | ZE | XE
NI = 0x00000004  # non-IEEE mode, which changes nothing here, as on QEMU
RN = 0x00000003  # rounding mode

ANY_INVALID = VXSNAN | VXISI | VXIDI | VXZDZ | VXIMZ | VXVC | VXSOFT | VXSQRT | VXCVI
#: The bits that say what has happened, and stay one until they are cleared explicitly.
EXCEPTIONS = OX | UX | ZX | XX | ANY_INVALID
#: Bits which follow from others, and which no instruction sets or clears explicitly.
SUMMARIES = FEX | VX

#: Distance from VX, OX, UX, ZX, XX to the bits that enable them, which stand in the same order.
_ENABLE_SHIFT = 22


def enabled(value: int) -> int:
    """Return the enable bits of those exceptions that have happened and are enabled."""
    happened = value & (OX | UX | ZX | XX) | (VX if value & ANY_INVALID else 0)
    return happened >> _ENABLE_SHIFT & value


def summarised(value: int) -> int:
    """Return ``value`` with the bits that follow from others set accordingly."""
    value &= ~(SUMMARIES | RESERVED)
    if value & ANY_INVALID:
        value |= VX
    return value | FEX if enabled(value) else value


def raising(value: int, exceptions: int) -> int:
    """Return ``value`` with ``exceptions`` set, and FX if one of them was zero before."""
    if exceptions & ~value:
        value |= FX
    return summarised(value | exceptions)
