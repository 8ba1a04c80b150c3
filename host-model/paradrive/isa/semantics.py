# SPDX-License-Identifier: GPL-2.0-or-later
"""The words in which the meaning of an instruction is told.

Both engines run a declaration's function to have it written down: the reference engine as Python on
integers, the compiled engine as LLVM's code. So its choices at run time go through ``Word.select``,
``Context.branch``, ``Context.trap_if`` and the like, while Python's ``if`` and ``for`` may look only at
what is known when the instruction is decoded. Only floating-point instructions that are not compiled run
on integers as they are (`Instruction.looks_at_values`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeAlias, Union

#: What an operation on a word accepts.
Operand: TypeAlias = Union["Word", int]


class Word(Protocol):
    """A 32-bit value; arithmetic wraps around, ``>>`` shifts in zeros. Conditions are words 0 and 1."""

    def __add__(self, other: Operand, /) -> Word: ...
    def __sub__(self, other: Operand, /) -> Word: ...
    def __mul__(self, other: Operand, /) -> Word: ...
    def __and__(self, other: Operand, /) -> Word: ...
    def __or__(self, other: Operand, /) -> Word: ...
    def __xor__(self, other: Operand, /) -> Word: ...
    def __lshift__(self, other: Operand, /) -> Word: ...
    def __rshift__(self, other: Operand, /) -> Word: ...
    def __invert__(self) -> Word: ...

    def equals(self, other: Operand) -> Word:
        """Return 1 if both are equal, else 0."""

    def unsigned_less(self, other: Operand) -> Word:
        """Return 1 if this is less than ``other``, both taken as unsigned, else 0."""

    def signed_less(self, other: Operand) -> Word:
        """Return 1 if this is less than ``other``, both taken as signed, else 0."""

    def select(self, if_one: Operand, if_zero: Operand) -> Word:
        """Return ``if_one`` where this condition is 1, ``if_zero`` where it is 0."""

    def sign_extend(self, bits: int) -> Word:
        """Return the low ``bits`` bits, sign-extended."""

    def shift_right_signed(self, amount: Operand) -> Word:
        """Return this shifted right by 0 to 31, copies of the sign shifted in."""

    def rotate_left(self, amount: Operand) -> Word:
        """Return this rotated left by 0 to 31."""

    def leading_zeros(self) -> Word:
        """Return how many zero bits precede the first one; 32 for zero."""

    def swap_bytes(self, size: int) -> Word:
        """Return the low ``size`` (2 or 4) bytes in reversed order."""

    def high_product_unsigned(self, other: Word) -> Word:
        """Return the upper 32 bits of the unsigned 64-bit product."""

    def high_product_signed(self, other: Word) -> Word:
        """Return the upper 32 bits of the signed 64-bit product."""

    def quotient_unsigned(self, divisor: Word) -> Word:
        """Return the unsigned quotient; the divisor must not be zero."""

    def quotient_signed(self, divisor: Word) -> Word:
        """Return the signed quotient, rounded towards zero; it must be representable."""


class Registers(Protocol):
    """A file of registers, indexed by number."""

    def __getitem__(self, number: Operand, /) -> Word: ...
    def __setitem__(self, number: Operand, value: Operand, /) -> None: ...


class Double(NamedTuple):
    """The 64 bits of a floating-point register as two words."""

    high: Word
    low: Word


class FloatingRegisters(Protocol):
    """The floating-point registers, indexed by number."""

    def __getitem__(self, number: Operand, /) -> Double: ...
    def __setitem__(self, number: Operand, value: Double, /) -> None: ...


class Context(Protocol):
    """The core as an instruction sees it."""

    gpr: Registers
    fpr: FloatingRegisters
    #: The 32 bits of the condition register, each 0 or 1, bit 0 the most significant.
    cr: Registers
    so: Word
    ov: Word
    ca: Word
    lr: Word
    ctr: Word
    fpscr: Word

    @property
    def current_instruction_address(self) -> Word:
        """The effective address of this instruction."""

    def constant(self, value: int) -> Word:
        """Return ``value`` as a word."""

    def gpr_or_zero(self, number: Operand) -> Word:
        """Return the register, or zero for number 0: the manual's (rA|0)."""

    def load(self, address: Word, size: int) -> Word:
        """Return ``size`` (1, 2, 4) bytes from effective address ``address``, big-endian, zero-extended."""

    def store(self, address: Word, value: Word, size: int) -> None:
        """Store the low ``size`` (1, 2, 4) bytes of ``value`` at ``address``, big-endian."""

    def load_double(self, address: Word) -> Double:
        """Return the eight bytes at ``address``, big-endian."""

    def store_double(self, address: Word, value: Double) -> None:
        """Store eight bytes at ``address``, big-endian."""

    def load_multiple(self, address: Word, first: Operand) -> None:
        """Load registers ``first`` to 31 from consecutive words."""

    def store_multiple(self, address: Word, first: Operand) -> None:
        """Store registers ``first`` to 31 to consecutive words."""

    def load_and_reserve(self, address: Word) -> Word:
        """Load the aligned word at ``address`` and reserve its place."""

    def store_conditional(self, address: Word, value: Word) -> Word:
        """Store the word if its place is still reserved; return 1 if it was. The reservation ends."""

    def zero_cache_block(self, address: Word) -> None:
        """Clear the cache block that holds ``address``."""

    def touch_cache_block(self, address: Word, *, store: bool) -> None:
        """Raise what a load (or store) of the byte at ``address`` raises; change nothing."""

    def require_cache_locking(self, address: Word, *, instruction: bool) -> None:
        """Raise what the core raises where users may not lock blocks of the (instruction) cache."""

    def branch(self, target: Word, condition: Word | None = None) -> None:
        """Continue at ``target`` where ``condition`` (None: always) is 1. The last step of an instruction."""

    def trap_if(self, condition: Word) -> None:
        """Raise the trap exception where ``condition`` is 1."""

    def raise_floating_point_enabled(self) -> None:
        """Raise the floating-point enabled exception unless MSR[FE0] and MSR[FE1] are both 0."""

    def read_spr(self, number: int) -> Word:
        """Read a special-purpose register; raises what the core raises for one it does not have."""

    def write_spr(self, number: int, value: Word) -> None:
        """Write a special-purpose register, as ``read_spr``."""

    def read_msr(self) -> Word:
        """Return the machine state register."""

    def write_msr(self, value: Word) -> None:
        """Set the machine state register."""

    def write_external_enable(self, value: Operand) -> None:
        """Set MSR[EE] to the bit of the same place in ``value``."""

    def wait_for_interrupt(self) -> None:
        """Execute nothing more until an interrupt is taken."""

    def system_call(self) -> None:
        """Raise the system call exception."""

    def return_from_interrupt(self, level: str) -> None:
        """Return through the registers of ``level``: "base", "critical", "debug" or "machine_check"."""

    def tlb_write_entry(self) -> None:
        """Perform tlbwe."""

    def tlb_read_entry(self) -> None:
        """Perform tlbre."""

    def tlb_search(self, address: Word) -> None:
        """Perform tlbsx."""

    def tlb_invalidate_address(self, address: Word) -> None:
        """Perform tlbivax."""

    def tlb_invalidate_local(self, kind: int, address: Word) -> None:
        """Perform tlbilx; ``kind`` is its T field."""
