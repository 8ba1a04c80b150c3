# SPDX-License-Identifier: GPL-2.0-or-later
"""`Word`s that are LLVM values: computing with them writes down instructions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()


def i32(value: int) -> ir.Constant:
    """Return a 32-bit constant."""
    return ir.Constant(I32, value & 0xFFFFFFFF)


def i64(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(I64, value)


def at_offset(builder: ir.IRBuilder, base: ir.Value, offset: ir.Value | int) -> ir.Value:
    """Return the pointer ``offset`` bytes behind ``base``."""
    if isinstance(offset, int):
        offset = i64(offset)
    return builder.gep(base, [offset], source_etype=I8)


class Value:
    """A 32-bit LLVM value with the operations of `paradrive.isa.semantics.Word`."""

    def __init__(self, builder: ir.IRBuilder, llvm: ir.Value) -> None:
        self.builder, self.llvm = builder, llvm

    def _of(self, other: Any) -> ir.Value:
        return other.llvm if isinstance(other, Value) else i32(other)

    def _new(self, llvm: ir.Value) -> Value:
        return Value(self.builder, llvm)

    def _binary(self, operation: str, other: Any) -> Value:
        return self._new(getattr(self.builder, operation)(self.llvm, self._of(other)))

    def __add__(self, other: Any) -> Value:
        return self._binary("add", other)

    def __sub__(self, other: Any) -> Value:
        return self._binary("sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._binary("mul", other)

    def __and__(self, other: Any) -> Value:
        return self._binary("and_", other)

    def __or__(self, other: Any) -> Value:
        return self._binary("or_", other)

    def __xor__(self, other: Any) -> Value:
        return self._binary("xor", other)

    def __lshift__(self, other: Any) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: Any) -> Value:
        return self._binary("lshr", other)

    def __invert__(self) -> Value:
        return self._binary("xor", 0xFFFFFFFF)

    def _condition(self, llvm: ir.Value) -> Value:
        return self._new(self.builder.zext(llvm, I32))

    def equals(self, other: Any) -> Value:
        return self._condition(self.builder.icmp_unsigned("==", self.llvm, self._of(other)))

    def unsigned_less(self, other: Any) -> Value:
        return self._condition(self.builder.icmp_unsigned("<", self.llvm, self._of(other)))

    def signed_less(self, other: Any) -> Value:
        return self._condition(self.builder.icmp_signed("<", self.llvm, self._of(other)))

    def is_one(self) -> ir.Value:
        """Return this condition as an LLVM i1."""
        return self.builder.icmp_unsigned("!=", self.llvm, i32(0))

    def select(self, if_one: Any, if_zero: Any) -> Value:
        return self._new(self.builder.select(self.is_one(), self._of(if_one), self._of(if_zero)))

    def sign_extend(self, bits: int) -> Value:
        narrow = self.builder.trunc(self.llvm, ir.IntType(bits))
        return self._new(self.builder.sext(narrow, I32))

    def shift_right_signed(self, amount: Any) -> Value:
        return self._binary("ashr", amount)

    def _intrinsic(self, name: str, *arguments: ir.Value, width: ir.IntType = I32) -> ir.Value:
        kinds = [argument.type for argument in arguments]
        function_type = ir.FunctionType(width, kinds)
        module = self.builder.module
        full_name = f"llvm.{name}.i{width.width}"
        function = module.globals.get(full_name) or ir.Function(module, function_type, full_name)
        return self.builder.call(function, arguments)

    def rotate_left(self, amount: Any) -> Value:
        return self._new(self._intrinsic("fshl", self.llvm, self.llvm, self._of(amount)))

    def leading_zeros(self) -> Value:
        return self._new(self._intrinsic("ctlz", self.llvm, ir.Constant(I1, 0)))

    def swap_bytes(self, size: int) -> Value:
        if size == 4:
            return self._new(self._intrinsic("bswap", self.llvm))
        swapped = self._intrinsic("bswap", self.builder.trunc(self.llvm, I16), width=I16)
        return self._new(self.builder.zext(swapped, I32))

    def _high_product(self, other: Any, extend: str) -> Value:
        extend_to = getattr(self.builder, extend)
        product = self.builder.mul(extend_to(self.llvm, I64), extend_to(self._of(other), I64))
        return self._new(self.builder.trunc(self.builder.lshr(product, i64(32)), I32))

    def high_product_unsigned(self, other: Any) -> Value:
        return self._high_product(other, "zext")

    def high_product_signed(self, other: Any) -> Value:
        return self._high_product(other, "sext")

    def quotient_unsigned(self, divisor: Any) -> Value:
        return self._binary("udiv", divisor)

    def quotient_signed(self, divisor: Any) -> Value:
        return self._binary("sdiv", divisor)


class Lane(Value):
    """A register number from a slot; remembers the lane it came from, for (rA|0)."""

    def __init__(self, builder: ir.IRBuilder, llvm: ir.Value, shift: int) -> None:
        super().__init__(builder, llvm)
        self.shift = shift
