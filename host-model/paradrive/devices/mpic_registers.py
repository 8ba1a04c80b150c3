# SPDX-License-Identifier: GPL-2.0-or-later
"""The register map of the Freescale MPIC; ``mpic`` says what the accesses do.

Source: Freescale MPC8544E Reference Manual, chapter "Programmable Interrupt Controller"; reset values as
in QEMU's models of MPIC 2.0 and 4.2.
"""

from __future__ import annotations

from paradrive.devices.mpic_arbiter import HIGHEST_PRIORITY, VectorPriority
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, WO, Fields, Register, RegisterArray

# Source numbers: sixteen external pins, the chip's own devices, then what the MPIC itself makes.
EXTERNAL_SOURCES = 16
SOURCES = 256
IPIS = 4
TIMERS = 8
FIRST_IPI = SOURCES
FIRST_TIMER = FIRST_IPI + IPIS
ALL_SOURCES = FIRST_TIMER + TIMERS

# The timers lie in two groups of four.
TIMER_DIMENSIONS = ((2, 0x1000), (4, 0x40))


class GlobalConfiguration(Fields):
    """Bits of GCR."""

    RESET = 0x80000000
    MODE = 0x60000000
    MODE_MIXED = 0x20000000
    MODE_EXTERNAL_PROXY = 0x60000000


class MpicRegisters(RegisterDevice):
    """The registers; a subclass sets ``cpus`` and performs the accesses that do more than store."""

    cpus: int

    BRR1 = Register(0x0000, RO, "Block revision.", constant=True)
    THIS_IPIDR = RegisterArray(0x0040, WO, "IPIDR of the CPU that accesses.", dimensions=((IPIS, 0x10),))
    THIS_CTPR = Register(0x0080, RW, "CTPR of the CPU that accesses.")
    THIS_WHOAMI = Register(0x0090, RO, "WHOAMI of the CPU that accesses.")
    THIS_IACK = Register(0x00A0, RO, "IACK of the CPU that accesses.")
    THIS_EOI = Register(0x00B0, WO, "EOI of the CPU that accesses.")

    FRR = Register(0x1000, RO, "Features: sources - 1 << 16, CPUs - 1 << 8, version.", constant=True)
    GCR = Register(0x1020, RW, "Global configuration.", fields=GlobalConfiguration)
    VIR = Register(0x1080, RO, "Vendor identification; generic.")
    PIR = Register(0x1090, RW, "Processor initialisation: a bit that becomes set resets its CPU.")
    IPIVPR = RegisterArray(
        0x10A0,
        RW,
        "Vector and priority of an interprocessor interrupt.",
        dimensions=((IPIS, 0x10),),
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    SVR = Register(0x10E0, RW, "Vector of a spurious interrupt.", reset=0xFFFF, writable=0xFFFF)
    TFRR = RegisterArray(0x10F0, RW, "Timer frequency, as firmware reports it.", dimensions=((2, 0x1000),))
    GTCCR = RegisterArray(0x1100, RO, "Current count of a timer.", dimensions=TIMER_DIMENSIONS)
    GTBCR = RegisterArray(0x1110, RW, "Base count of a timer.", dimensions=TIMER_DIMENSIONS)
    GTVPR = RegisterArray(
        0x1120,
        RW,
        "Vector and priority of a timer.",
        dimensions=TIMER_DIMENSIONS,
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    GTDR = RegisterArray(0x1130, RW, "CPUs that a timer interrupts.", dimensions=TIMER_DIMENSIONS, reset=1)
    EISR0 = Register(0x3900, RO, "Error interrupt summary; no device of the model reports errors.")
    EIMR0 = Register(0x3910, RW, "Error interrupt mask.", reset=0xFFFFFFFF)

    IVPR = RegisterArray(
        0x10000,
        RW,
        "Vector and priority of a source.",
        dimensions=((SOURCES, 0x20),),
        reset=VectorPriority.MASK,
        fields=VectorPriority,
    )
    IDR = RegisterArray(0x10010, RW, "CPUs that a source interrupts.", dimensions=((SOURCES, 0x20),), reset=1)

    IPIDR = RegisterArray(
        0x20040,
        WO,
        "Sends an interprocessor interrupt to the CPUs of the mask.",
        dimensions=(("cpus", 0x1000), (IPIS, 0x10)),
    )
    CTPR = RegisterArray(
        0x20080,
        RW,
        "Current task priority: only what is above it interrupts.",
        dimensions=(("cpus", 0x1000),),
        reset=HIGHEST_PRIORITY,
    )
    WHOAMI = RegisterArray(0x20090, RO, "Number of the CPU.", dimensions=(("cpus", 0x1000),))
    IACK = RegisterArray(0x200A0, RO, "Takes an interrupt into service.", dimensions=(("cpus", 0x1000),))
    EOI = RegisterArray(0x200B0, WO, "Ends the service.", dimensions=(("cpus", 0x1000),))
