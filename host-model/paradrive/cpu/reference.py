# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference engine: the declarations run on integers, one instruction at a time.

It is the executable specification, and what the compiled engine hands every instruction to that it
does not execute itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from paradrive.cpu import interrupts, sprs
from paradrive.cpu.interrupts import (
    ESR_DATA_CACHE_LOCKING,
    ESR_FLOATING_POINT,
    ESR_INSTRUCTION_CACHE_LOCKING,
    ESR_TRAP,
    SAVE_RESTORE,
    GuestInterrupt,
)
from paradrive.cpu.mmu import Access
from paradrive.cpu.state import (
    MSR_EE,
    MSR_FE0,
    MSR_FE1,
    MSR_FP,
    MSR_PR,
    MSR_UCLE,
    PENDING_WAIT,
    CoreState,
    offset_of,
)
from paradrive.isa.decoder import decode
from paradrive.isa.disassembler import disassemble
from paradrive.isa.operands import COMPUTED_OPERANDS
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from paradrive.cpu.core import Core
    from paradrive.isa.instruction import Instruction, Semantics
    from paradrive.isa.semantics import Operand

#: What an instruction word means: the function of its declaration, and its operands.
Decoded = tuple[Callable[[Any, Any], None], Any]

MASK = 0xFFFFFFFF
SIGN = 0x80000000
_PC, _MSR = offset_of("pc") // 4, offset_of("msr") // 4
_REMAINING = offset_of("remaining") // 8
_CLOCK_LIMIT = offset_of("clock_limit") // 8


def signed(value: int) -> int:
    """Return the 32-bit ``value`` read as two's complement."""
    plain = int(value)
    return (plain & 0x7FFFFFFF) - (plain & 0x80000000)


class Integer(int):
    """A `Word` that is a number: an int between 0 and 2^32 - 1 whose arithmetic wraps around."""

    __slots__ = ()

    def __add__(self, other: Any) -> Integer:
        return Integer(int.__add__(self, other) & MASK)

    def __sub__(self, other: Any) -> Integer:
        return Integer(int.__sub__(self, other) & MASK)

    def __mul__(self, other: Any) -> Integer:
        return Integer(int.__mul__(self, other) & MASK)

    def __and__(self, other: Any) -> Integer:
        return Integer(int.__and__(self, other))

    def __or__(self, other: Any) -> Integer:
        return Integer(int.__or__(self, other))

    def __xor__(self, other: Any) -> Integer:
        return Integer(int.__xor__(self, other))

    def __lshift__(self, other: Any) -> Integer:
        return Integer(int.__lshift__(self, other) & MASK)

    def __rshift__(self, other: Any) -> Integer:
        return Integer(int.__rshift__(self, other))

    def __invert__(self) -> Integer:
        return Integer(int.__xor__(self, MASK))

    def equals(self, other: Operand) -> Integer:
        return ONE if int.__eq__(self, other) else ZERO

    def unsigned_less(self, other: Any) -> Integer:
        return ONE if int.__lt__(self, other) else ZERO

    def signed_less(self, other: Any) -> Integer:
        # With the sign inverted, unsigned numbers have the order of the signed ones.
        return ONE if int.__xor__(self, SIGN) < int.__xor__(other, SIGN) else ZERO

    def select(self, if_one: Any, if_zero: Any) -> Integer:
        return Integer(if_one if self else if_zero)

    def sign_extend(self, bits: int) -> Integer:
        sign = 1 << bits - 1
        return Integer(((self & (1 << bits) - 1 ^ sign) - sign) & MASK)

    def shift_right_signed(self, amount: Any) -> Integer:
        return Integer((signed(self) >> amount) & MASK)

    def rotate_left(self, amount: Any) -> Integer:
        return Integer((int(self) << amount | int(self) >> 32 - amount) & MASK)

    def leading_zeros(self) -> Integer:
        return Integer(32 - self.bit_length())

    def swap_bytes(self, size: int) -> Integer:
        low = self & (1 << 8 * size) - 1
        return Integer(int.from_bytes(int(low).to_bytes(size, "big"), "little"))

    def high_product_unsigned(self, other: Any) -> Integer:
        return Integer(int(self) * int(other) >> 32)

    def high_product_signed(self, other: Any) -> Integer:
        return Integer((signed(self) * signed(other) >> 32) & MASK)

    def quotient_unsigned(self, divisor: Any) -> Integer:
        return Integer(int(self) // int(divisor))

    def quotient_signed(self, divisor: Any) -> Integer:
        dividend, by = signed(self), signed(divisor)
        magnitude = abs(dividend) // abs(by)
        return Integer((magnitude if (dividend < 0) == (by < 0) else -magnitude) & MASK)


ZERO, ONE = Integer(0), Integer(1)


class RegisterFile:
    """Registers in a memoryview, read as `Integer`."""

    __slots__ = ("_values",)

    def __init__(self, values: memoryview) -> None:
        self._values = values

    def __getitem__(self, number: Any) -> Integer:
        return Integer(self._values[number])

    def __setitem__(self, number: Any, value: Any) -> None:
        self._values[number] = value


class FloatingRegisterFile:
    """The floating-point registers, read as a `Double` of two `Integer`."""

    __slots__ = ("_values",)

    def __init__(self, values: memoryview) -> None:
        self._values = values

    def __getitem__(self, number: Any) -> Double:
        value = self._values[number]
        return Double(Integer(value >> 32), Integer(value & MASK))

    def __setitem__(self, number: Any, value: Any) -> None:
        self._values[number] = int(value.high) << 32 | int(value.low)


def _state_word(name: str) -> property:
    """Make a property of the word ``name`` of the core's state."""
    index = offset_of(name) // 4

    def get(engine: Reference) -> Integer:
        return Integer(engine.words[index])

    def put(engine: Reference, value: int) -> None:
        engine.words[index] = value

    return property(get, put)


class Reference:
    """Executes instructions on a `Core`; implements `paradrive.isa.semantics.Context`."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._fetch = core.fetch
        self.state: CoreState = core.state
        self.words, self.quads = core.state.words, core.state.quads
        self.gpr, self.cr = RegisterFile(core.state.gpr), RegisterFile(core.state.cr)
        self.fpr = FloatingRegisterFile(core.state.fpr)
        self.next = 0
        self._decoded: dict[int, Decoded] = {}

    def step(self) -> None:
        """Execute the instruction at pc or take the interrupt that it raises: one instruction either way."""
        words, quads = self.words, self.quads
        address = words[_PC]
        try:
            word = self._fetch(address)
            semantics, operands = self._decoded.get(word) or self._decode(word)
            self.next = address + 4 & MASK
            semantics(self, operands)
            words[_PC] = self.next
        except GuestInterrupt as raised:
            self.core.enter(raised, address)
        remaining = quads[_REMAINING]
        if remaining:
            quads[_REMAINING] = remaining - 1
        else:  # a device that was accessed has scheduled an event for now, which comes after the access
            quads[_CLOCK_LIMIT] += 1

    def _decode(self, word: int) -> Decoded:
        """Return the meaning of ``word`` and its operands, and remember them."""
        instruction = decode(word, self.core.model.name)
        if instruction is None:
            name = disassemble(word, self.core.model.name)

            def illegal(_cpu: Any, _i: Any) -> None:
                raise self.core.illegal(name)

            return illegal, None  # not remembered: the guest could try every one of 2^32 words
        semantics = instruction.semantics
        if instruction.privileged:
            semantics = self._privileged(semantics)
        if instruction.floating_point:
            semantics = self._floating_point(semantics)
        if len(self._decoded) > 1 << 17:
            self._decoded.clear()
        decoded = self._decoded[word] = semantics, operands_of(instruction, word)
        return decoded

    def _privileged(self, semantics: Semantics) -> Semantics:
        def checked(cpu: Any, i: Any) -> None:
            self.core.require_supervisor()
            semantics(cpu, i)

        return checked

    def _floating_point(self, semantics: Semantics) -> Semantics:
        def checked(cpu: Any, i: Any) -> None:
            if not self.words[_MSR] & MSR_FP:
                raise GuestInterrupt(interrupts.FLOATING_POINT_UNAVAILABLE)
            semantics(cpu, i)

        return checked

    # What an instruction sees (the docstrings stand in semantics.Context)

    so = _state_word("so")
    ov = _state_word("ov")
    ca = _state_word("ca")
    lr = _state_word("lr")
    ctr = _state_word("ctr")
    fpscr = _state_word("fpscr")
    current_instruction_address = property(lambda self: Integer(self.words[_PC]))

    def constant(self, value: int) -> Integer:
        return Integer(value)

    def gpr_or_zero(self, number: int) -> Integer:
        return self.gpr[number] if number else ZERO

    def load(self, address: int, size: int) -> Integer:
        return Integer(self.core.load(int(address), size))

    def store(self, address: int, value: int, size: int) -> None:
        self.core.store(int(address), int(value), size)

    def load_double(self, address: int) -> Double:
        value = self.core.load(address, 8)
        return Double(Integer(value >> 32), Integer(value & MASK))

    def store_double(self, address: int, value: Any) -> None:
        self.core.store(address, int(value.high) << 32 | int(value.low), 8)

    def _require_alignment(self, address: int, access: Access) -> None:
        if address & 3:
            syndrome = interrupts.ESR_STORE if access is Access.WRITE else 0
            raise GuestInterrupt(interrupts.ALIGNMENT, syndrome=syndrome, data_address=int(address))

    def load_multiple(self, address: Integer, first: int) -> None:
        self._require_alignment(address, Access.READ)
        self.core.require_pages(address, 4 * (32 - first), Access.READ)
        for number in range(first, 32):
            self.gpr[number] = self.core.load(address + 4 * (number - first), 4)

    def store_multiple(self, address: Integer, first: int) -> None:
        self._require_alignment(address, Access.WRITE)
        self.core.require_pages(address, 4 * (32 - first), Access.WRITE)
        for number in range(first, 32):
            self.core.store(address + 4 * (number - first), int(self.gpr[number]), 4)

    def load_and_reserve(self, address: int) -> Integer:
        self._require_alignment(address, Access.READ)
        value = self.core.load(address, 4)
        self.state.reserved, self.state.reservation = 1, address
        return Integer(value)

    def store_conditional(self, address: int, value: int) -> Integer:
        self._require_alignment(address, Access.WRITE)
        held = self.state.reserved and self.state.reservation == address
        if held:
            self.core.store(address, int(value), 4)
        self.state.reserved = 0
        return Integer(held)

    def zero_cache_block(self, address: int) -> None:
        size = self.core.model.cache_line_size
        view, place = self.core.page_at(address, Access.WRITE)
        if view is None:
            raise GuestInterrupt(
                interrupts.ALIGNMENT, syndrome=interrupts.ESR_STORE, data_address=int(address)
            )
        place += int(address) & 0xFFF & -size
        view[place : place + size] = bytes(size)

    def touch_cache_block(self, address: int, *, store: bool) -> None:
        self.core.page_at(address, Access.WRITE if store else Access.READ)

    def require_cache_locking(self, address: int, *, instruction: bool) -> None:
        if self.words[_MSR] & (MSR_PR | MSR_UCLE) == MSR_PR:
            syndrome = ESR_INSTRUCTION_CACHE_LOCKING if instruction else ESR_DATA_CACHE_LOCKING
            raise GuestInterrupt(interrupts.DATA_STORAGE, syndrome=syndrome, data_address=int(address))

    def branch(self, target: int, condition: int | None = None) -> None:
        if condition is None or condition:
            self.next = target

    def trap_if(self, condition: int) -> None:
        if condition:
            raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_TRAP)

    def raise_floating_point_enabled(self) -> None:
        if self.words[_MSR] & (MSR_FE0 | MSR_FE1):
            raise GuestInterrupt(interrupts.PROGRAM, syndrome=ESR_FLOATING_POINT)

    def read_spr(self, number: int) -> Integer:
        return Integer(sprs.read(self.core, number))

    def write_spr(self, number: int, value: int) -> None:
        sprs.write(self.core, number, int(value))

    def read_msr(self) -> Integer:
        return Integer(self.words[_MSR])

    def write_msr(self, value: int) -> None:
        self.core.write_msr(value)

    def write_external_enable(self, value: int) -> None:
        self.words[_MSR] = self.words[_MSR] & ~MSR_EE | value

    def wait_for_interrupt(self) -> None:
        self.state.pending |= PENDING_WAIT

    def system_call(self) -> None:
        raise GuestInterrupt(interrupts.SYSTEM_CALL, after=True)

    def return_from_interrupt(self, level: str) -> None:
        registers = SAVE_RESTORE[level]
        self.next = self.state.spr[registers.address] & ~3
        self.core.write_msr(self.state.spr[registers.status])

    def tlb_write_entry(self) -> None:
        self.core.mmu.write_entry()

    def tlb_read_entry(self) -> None:
        self.core.mmu.read_entry()

    def tlb_search(self, address: int) -> None:
        self.core.mmu.search(address)

    def tlb_invalidate_address(self, address: int) -> None:
        self.core.mmu.invalidate_address(address)

    def tlb_invalidate_local(self, kind: int, address: int) -> None:
        self.core.mmu.invalidate_local(kind, address)


def operands_of(instruction: Instruction, word: int) -> SimpleNamespace:
    """Return the operands of ``word``: fields as ints, computed operands as `Integer`."""
    fields = instruction.encoding.fields
    values: dict[str, Any] = {name: field.extract(word) for name, field in fields.items()}
    for name, (made_of, compute) in COMPUTED_OPERANDS.items():
        if all(part in fields for part in made_of):
            values[name] = compute(Integer(word))
    if "OE" not in values:
        values["OE"] = 0
    return SimpleNamespace(**values)
