# SPDX-License-Identifier: GPL-2.0-or-later
"""The decoder of compiled code: tables made from the declarations, and the function that looks up in them.

The primary opcode gives an instruction, or a table of 1024 of them by bits 21 to 30. The chosen one is
then held against its full mask, and its specialised fields tell which of its handlers it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.values import I8, I16, I32, I64, POINTER, Value, at_offset, i32, i64
from paradrive.cpu.compiled.variants import NO_VARIANT, VariantSet
from paradrive.isa.operands import COMPUTED_OPERANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive.isa.encoding import Field

EXTENDED_OPCODES = 1024
#: How many fields of one instruction can be specialised.
SPECIALISATIONS = 3


def _constant(module: ir.Module, name: str, kind: ir.IntType, values: Sequence[int]) -> ir.GlobalVariable:
    """Add a constant array to ``module``."""
    array = ir.ArrayType(kind, len(values))
    variable = ir.GlobalVariable(module, array, name)
    variable.linkage, variable.global_constant = "internal", True
    variable.initializer = ir.Constant(array, list(values))
    return variable


def _extended_table(sets: Sequence[VariantSet], numbers: Sequence[int]) -> list[int]:
    """Return, for each value of bits 21 to 30, the number of the only instruction it can belong to."""
    table = [0] * EXTENDED_OPCODES
    for number in numbers:
        encoding = sets[number - 1].instruction.encoding
        mask, match = encoding.mask >> 1 & 1023, encoding.match >> 1 & 1023
        for extended in range(EXTENDED_OPCODES):
            if extended & mask == match:
                if table[extended]:
                    other = sets[table[extended] - 1].instruction.syntax
                    raise ValueError(f"{sets[number - 1].instruction.syntax!r} and {other!r} share an opcode")
                table[extended] = number
    return table


def _handler_table(module: ir.Module, handlers: Sequence[ir.Function]) -> ir.GlobalVariable:
    """Add the table of handlers as 32-bit distances, which need no relocation when loaded."""
    array = ir.ArrayType(I32, len(handlers))
    table = ir.GlobalVariable(module, array, "handlers")
    table.linkage, table.global_constant = "internal", True
    base = table.ptrtoint(I64)
    table.initializer = ir.Constant(
        array, [handler.ptrtoint(I64).sub(base).trunc(I32) for handler in handlers]
    )
    return table


class DecoderTables:
    """The constant tables of the decoder, in ``module``. Instruction number 0 is none.

    ``handlers`` are those of all variants, ``first_handlers`` the numbers of each instruction's first one.
    """

    def __init__(
        self,
        module: ir.Module,
        sets: Sequence[VariantSet],
        handlers: Sequence[ir.Function],
        first_handlers: Sequence[int],
    ) -> None:
        self.module, self._sets = module, sets
        self.handlers = _handler_table(module, handlers)
        by_opcode: dict[int, list[int]] = {}
        for number, variants in enumerate(sets, 1):
            by_opcode.setdefault(variants.instruction.encoding.primary_opcode, []).append(number)
        primary, extended = [0] * 64, list[int]()
        for opcode, numbers in by_opcode.items():
            if len(numbers) == 1:
                primary[opcode] = numbers[0]
            else:
                primary[opcode] = -1 - len(extended) // EXTENDED_OPCODES
                extended += _extended_table(sets, numbers)
        descriptors, contributions = self._specialisations(sets)
        encodings = [variants.instruction.encoding for variants in sets]
        self.primary = _constant(module, "primary", I16, primary)
        self.extended = _constant(module, "extended", I16, extended)
        self.masks = _constant(module, "masks", I32, [0, *(encoding.mask for encoding in encodings)])
        self.matches = _constant(module, "matches", I32, [1, *(encoding.match for encoding in encodings)])
        self.first_handlers = _constant(module, "first_handlers", I16, [0, *first_handlers])
        self.descriptors = _constant(module, "descriptors", I32, descriptors)
        self.contributions = _constant(module, "contributions", I16, contributions)

    def field(self, name: str) -> Field:
        """Return the field ``name``, which has the same place in all instructions that need it computed."""
        for variants in self._sets:
            if name in variants.instruction.encoding.fields:
                return variants.instruction.encoding.fields[name]
        raise KeyError(name)

    @staticmethod
    def _specialisations(sets: Sequence[VariantSet]) -> tuple[list[int], list[int]]:
        """Return a descriptor (shift, width << 8, table << 16) for each place, and the tables behind them."""
        contributions = [0]
        descriptors = [0] * SPECIALISATIONS
        for variants in sets:
            if len(variants.specialisations) > SPECIALISATIONS:
                raise ValueError(f"{variants.instruction.syntax!r} specialises too many fields")
            row = []
            for specialisation in variants.specialisations:
                field = specialisation.field
                row.append(field.shift | field.width << 8 | len(contributions) << 16)
                contributions += specialisation.contributions
            descriptors += row + [0] * (SPECIALISATIONS - len(row))
        return descriptors, contributions


def emit_decode(tables: DecoderTables, operand_kinds: Sequence[str | None]) -> ir.Function:
    """Write ``void decode(ptr page, ptr slot)``: fill ``slot`` from the instruction that it stands for."""
    function = ir.Function(tables.module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER]), "decode")
    function.linkage = "internal"
    page, slot = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))

    def element(table: ir.GlobalVariable, index: ir.Value, kind: ir.IntType) -> ir.Value:
        place = builder.gep(table, [builder.zext(index, I64)], source_etype=kind)
        return builder.load(place, typ=kind)

    offset = builder.sub(builder.ptrtoint(slot, I64), builder.ptrtoint(page, I64))
    ram_page = builder.load(at_offset(builder, page, layout.RAM_ADDRESS), typ=POINTER)
    word = builder.bswap(builder.load(at_offset(builder, ram_page, builder.lshr(offset, i64(2))), typ=I32))

    opcode = builder.lshr(word, i32(26))
    first = builder.sext(element(tables.primary, opcode, I16), I32)
    extended_index = builder.add(
        builder.mul(builder.sub(i32(-1), first), i32(EXTENDED_OPCODES)),
        builder.and_(builder.lshr(word, i32(1)), i32(EXTENDED_OPCODES - 1)),
    )
    is_table = builder.icmp_signed("<", first, i32(0))
    extended_index = builder.select(is_table, extended_index, i32(0))
    number = builder.select(is_table, builder.zext(element(tables.extended, extended_index, I16), I32), first)
    matches = builder.icmp_unsigned(
        "==", builder.and_(word, element(tables.masks, number, I32)), element(tables.matches, number, I32)
    )
    number = builder.select(matches, number, i32(0))
    handler = builder.zext(element(tables.first_handlers, number, I16), I32)
    has_variant = ir.Constant(ir.IntType(1), 1)
    for place in range(SPECIALISATIONS):
        index = builder.add(builder.mul(number, i32(SPECIALISATIONS)), i32(place))
        descriptor = element(tables.descriptors, index, I32)
        width = builder.and_(builder.lshr(descriptor, i32(8)), i32(0xFF))
        field_mask = builder.sub(builder.shl(i32(1), width), i32(1))
        value = builder.and_(builder.lshr(word, builder.and_(descriptor, i32(31))), field_mask)
        entry = builder.add(builder.lshr(descriptor, i32(16)), value)
        contribution = builder.zext(element(tables.contributions, entry, I16), I32)
        handler = builder.add(handler, contribution)
        valid = builder.icmp_unsigned("!=", contribution, i32(NO_VARIANT))
        has_variant = builder.and_(has_variant, valid)
    handler = builder.select(has_variant, handler, i32(0))
    _emit_operands(tables, builder, slot, word, number, operand_kinds)
    # The table holds distances from itself.
    place = builder.gep(tables.handlers, [builder.zext(handler, I64)], source_etype=I32)
    distance = builder.sext(builder.load(place, typ=I32), I64)
    builder.store(builder.add(builder.ptrtoint(tables.handlers, I64), distance), slot)
    builder.ret_void()
    return function


def _emit_operands(
    tables: DecoderTables,
    builder: ir.IRBuilder,
    slot: ir.Value,
    word: ir.Value,
    number: ir.Value,
    operand_kinds: Sequence[str | None],
) -> None:
    """Write the lanes and the computed operand of ``word`` to ``slot``."""
    for shift, lane in layout.LANES.items():
        bits = builder.and_(builder.lshr(word, i32(shift)), i32(31))
        builder.store(builder.trunc(bits, I8), at_offset(builder, slot, lane))
        if lane == layout.LANES[16]:
            or_zero = builder.select(builder.icmp_unsigned("==", bits, i32(0)), i32(32), bits)
            builder.store(builder.trunc(or_zero, I8), at_offset(builder, slot, layout.LANE_OR_ZERO))
    kinds = sorted({kind for kind in operand_kinds if kind is not None})
    by_number = _constant(
        tables.module,
        "operand_kinds",
        I8,
        [0, *(0 if k is None else 1 + kinds.index(k) for k in operand_kinds)],
    )
    kind = builder.load(builder.gep(by_number, [builder.zext(number, I64)], source_etype=I8), typ=I8)
    operand = i32(0)
    for place, name in enumerate(kinds, 1):
        value = _operand_value(tables, builder, word, name)
        is_kind = builder.icmp_unsigned("==", kind, ir.Constant(I8, place))
        operand = builder.select(is_kind, value, operand)
    builder.store(operand, at_offset(builder, slot, layout.OPERAND))


def _operand_value(tables: DecoderTables, builder: ir.IRBuilder, word: ir.Value, name: str) -> ir.Value:
    """Compute the operand ``name``: a computed one, or a field that lies in no lane."""
    value = Value(builder, word)
    if name in COMPUTED_OPERANDS:
        computed: Value = COMPUTED_OPERANDS[name][1](value)  # type: ignore[assignment]
        return computed.llvm
    field = tables.field(name)
    return (value >> field.shift & (1 << field.width) - 1).llvm
