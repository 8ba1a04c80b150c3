# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing the body of a handler: the pieces that every instruction's code is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.compiled.values import I8, I32, I64, Lane, Value, at_offset, i32, i64
from paradrive.cpu.state import offset_of
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from paradrive.cpu.compiled.linkage import Linkage
    from paradrive.cpu.models import CpuModel


class RegisterFile:
    """An array of registers in the state, of ``width`` bits each."""

    def __init__(self, context: HandlerEmitter, name: str, width: ir.IntType) -> None:
        self._context, self._offset, self._width = context, offset_of(name), width

    def _place(self, number: Any) -> ir.Value:
        builder, size = self._context.builder, self._width.width // 8
        if isinstance(number, Value):
            base = at_offset(builder, self._context.state, self._offset)
            return builder.gep(base, [builder.zext(number.llvm, I64)], source_etype=self._width)
        return at_offset(builder, self._context.state, self._offset + number * size)

    def __getitem__(self, number: Any) -> Value:
        builder = self._context.builder
        loaded = builder.load(self._place(number), typ=self._width)
        return Value(builder, loaded if self._width is I32 else builder.zext(loaded, I32))

    def __setitem__(self, number: Any, value: Any) -> None:
        builder = self._context.builder
        llvm = self._context.llvm(value)
        builder.store(llvm if self._width is I32 else builder.trunc(llvm, self._width), self._place(number))


class FloatingRegisterFile:
    """The floating-point registers, read as a `Double` of two `Value`."""

    def __init__(self, context: HandlerEmitter) -> None:
        self._context = context

    def _place(self, number: Value) -> ir.Value:
        builder = self._context.builder
        base = at_offset(builder, self._context.state, offset_of("fpr"))
        return builder.gep(base, [builder.zext(number.llvm, I64)], source_etype=I64)

    def __getitem__(self, number: Value) -> Double:
        return self._context.double(self._context.builder.load(self._place(number), typ=I64))

    def __setitem__(self, number: Value, value: Any) -> None:
        self._context.builder.store(self._context.wide(value), self._place(number))


class HandlerEmitter:
    """Writes the body of one handler.

    A handler's parameters are the state, the address of its slot, the deadline, its code page and
    the translation table. The deadline is the slot address at which the instruction budget would
    end if execution went straight on: only branches have to change it.
    """

    def __init__(self, linkage: Linkage, function: ir.Function, model: CpuModel) -> None:
        self.linkage, self.function, self.model = linkage, function, model
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.state, self.slot, self.deadline, self.page, self.translations = function.args
        self.gpr, self.cr = RegisterFile(self, "gpr", I32), RegisterFile(self, "cr", I8)
        self.fpr = FloatingRegisterFile(self)
        self._lanes: dict[int, Value] = {}
        self._interpret: ir.Block | None = None

    def llvm(self, value: Any) -> ir.Value:
        """Return a value or int as LLVM's."""
        return value.llvm if isinstance(value, Value) else i32(value)

    def constant(self, value: int) -> Value:
        """Return ``value`` as a word."""
        return Value(self.builder, i32(value))

    def double(self, wide: ir.Value) -> Double:
        """Return LLVM's 64-bit value as two words."""
        high = self.builder.lshr(wide, i64(32))
        words = (Value(self.builder, self.builder.trunc(half, I32)) for half in (high, wide))
        return Double(*words)

    def wide(self, double: Any) -> ir.Value:
        """Return two words as LLVM's 64-bit value."""
        high, low = (self.builder.zext(self.llvm(word), I64) for word in double)
        return self.builder.or_(self.builder.shl(high, i64(32)), low)

    def state_place(self, name: str) -> ir.Value:
        """Return the address of a member of the state."""
        return at_offset(self.builder, self.state, offset_of(name))

    def load_state(self, name: str) -> Value:
        """Return a 32-bit member of the state."""
        return Value(self.builder, self.builder.load(self.state_place(name), typ=I32))

    def load_wide(self, name: str) -> ir.Value:
        """Return a 64-bit member of the state as LLVM's value."""
        return self.builder.load(self.state_place(name), typ=I64)

    def store_state(self, name: str, value: Any) -> None:
        """Set a member of the state to a `Value` or int (32 bits) or LLVM's (64 bits)."""
        self.builder.store(value if isinstance(value, ir.Value) else self.llvm(value), self.state_place(name))

    def _load_slot(self, offset: int, kind: ir.IntType) -> ir.Value:
        loaded = self.builder.load(at_offset(self.builder, self.slot, offset), typ=kind)
        loaded.set_metadata("invariant.load", self.function.module.add_metadata([]))
        return loaded

    def lane(self, shift: int, offset: int | None = None) -> Value:
        """Return five bits of the instruction, from its slot."""
        offset = layout.LANES[shift] if offset is None else offset
        if offset not in self._lanes:
            with self.builder.goto_block(self.function.entry_basic_block):
                llvm = self.builder.zext(self._load_slot(offset, I8), I32)
            self._lanes[offset] = Lane(self.builder, llvm, shift)
        return self._lanes[offset]

    def slot_operand(self) -> Value:
        """Return the computed operand of the instruction, from its slot."""
        if layout.OPERAND not in self._lanes:
            with self.builder.goto_block(self.function.entry_basic_block):
                self._lanes[layout.OPERAND] = Value(self.builder, self._load_slot(layout.OPERAND, I32))
        return self._lanes[layout.OPERAND]

    def slot_offset(self) -> ir.Value:
        """Return how far the slot lies from the start of its code page, in bytes."""
        as_integer = self.builder.ptrtoint
        return self.builder.sub(as_integer(self.slot, I64), as_integer(self.page, I64))

    def exit_if(self, condition: ir.Value, leave: ir.Block) -> None:
        """Continue in ``leave`` where ``condition`` holds, which is rare; here otherwise."""
        go_on = self.function.append_basic_block("go_on")
        branch = self.builder.cbranch(condition, leave, go_on)
        branch.set_weights([1, 2000])
        self.builder.position_at_end(go_on)

    def interpret_if(self, condition: ir.Value) -> None:
        """Leave the instruction to the reference engine where ``condition`` holds; precedes every effect."""
        if self._interpret is None:
            self._interpret = self.function.append_basic_block("interpret")
            with self.builder.goto_block(self._interpret):
                self.leave(i64(Exit.INTERPRET))
        self.exit_if(condition, self._interpret)

    def miss_if(self, condition: ir.Value, address: ir.Value, size: ir.Value, missed: Exit) -> None:
        """Have Python enter the translation of ``size`` bytes at ``address`` where ``condition`` holds.

        The instruction then restarts, so this must precede every effect.
        """
        builder = self.builder
        miss = self.function.append_basic_block("miss")
        self.exit_if(condition, miss)
        with builder.goto_block(miss):
            builder.store(address, self.state_place("fault_address"))
            size_code = builder.shl(builder.zext(size, I64), i64(layout.SIZE_SHIFT))
            self.leave(builder.or_(size_code, i64(missed)))

    def leave(self, code: ir.Value) -> None:
        """Return ``code``; pc is this instruction, which has not been executed."""
        self.linkage.leave(self.builder, self.function.args, code)

    def next(self) -> None:
        """Go on with the next instruction."""
        self.linkage.dispatch(
            self.builder, self.function.args, at_offset(self.builder, self.slot, layout.SLOT_SIZE)
        )
