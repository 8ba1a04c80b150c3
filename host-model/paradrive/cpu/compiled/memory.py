# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory accesses in compiled code: translation by table, and what happens when that misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.emitter import HandlerEmitter
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.compiled.values import I8, I16, I32, I64, POINTER, Lane, Value, at_offset, i32, i64
from paradrive.cpu.state import TRANSLATIONS, Translation, offset_of

if TYPE_CHECKING:
    from llvmlite import ir

    from paradrive.isa.semantics import Double

INT_OF_SIZE = {1: I8, 2: I16, 4: I32}
TRANSLATION_SIZE = 32


def translation_offset(name: str) -> int:
    """Return the offset of a member of `Translation`."""
    offset: int = getattr(Translation, name).offset
    return offset


class MemoryEmitter(HandlerEmitter):
    """Adds loads, stores and cache block operations."""

    def _translation(self, address: ir.Value) -> ir.Value:
        builder = self.builder
        index = builder.and_(builder.lshr(address, i32(12)), i32(TRANSLATIONS - 1))
        offset = builder.mul(builder.zext(index, I64), i64(TRANSLATION_SIZE))
        return at_offset(builder, self.translations, offset)

    def _tag_matches(self, entry: ir.Value, tag: str, last: ir.Value) -> ir.Value:
        """Tell whether ``entry`` allows an access whose last byte is ``last``.

        An access across a page's end never matches: its last byte belongs to the page that has the
        next entry.
        """
        builder = self.builder
        allowed = builder.load(at_offset(builder, entry, translation_offset(tag)), typ=I32)
        return builder.icmp_unsigned("==", allowed, builder.and_(last, i32(0xFFFFF000)))

    def _host_place(self, entry: ir.Value, address: ir.Value) -> ir.Value:
        builder = self.builder
        addend = builder.load(at_offset(builder, entry, translation_offset("addend")), typ=I64)
        return builder.inttoptr(builder.add(addend, builder.zext(address, I64)), POINTER)

    def _swapped(self, value: ir.Value, size: int) -> ir.Value:
        return value if size == 1 else self.builder.bswap(value)

    def _access(self, address: Value, size: int, tag: str) -> tuple[ir.Value, ir.Block, ir.Block]:
        """Begin an access: return the translation, and the blocks for a hit and a miss."""
        builder = self.builder
        entry = self._translation(address.llvm)
        last = builder.add(address.llvm, i32(size - 1)) if size > 1 else address.llvm
        hit, miss = (self.function.append_basic_block(name) for name in ("hit", "miss"))
        branch = builder.cbranch(self._tag_matches(entry, tag, last), hit, miss)
        branch.set_weights([2000, 1])
        return entry, hit, miss

    def _answer_or_leave(
        self, entry: ir.Value, address: Value, size: int, missed: Exit, device: Exit
    ) -> ir.Value:
        """After a miss: take the answer that Python left for this access, else return to Python for it."""
        builder = self.builder
        answer = self.load_wide("answer")
        answered, unanswered = (self.function.append_basic_block(name) for name in ("answered", "unanswered"))
        builder.cbranch(builder.icmp_unsigned("!=", answer, i64(0)), answered, unanswered)
        builder.position_at_end(unanswered)
        self.store_state("fault_address", address)
        to_device = self._tag_matches(entry, "device", builder.add(address.llvm, i32(size - 1)))
        addend = builder.load(at_offset(builder, entry, translation_offset("addend")), typ=I64)
        physical = builder.add(addend, builder.zext(address.llvm, I64))
        device_code = builder.or_(
            builder.shl(physical, i64(layout.ADDRESS_SHIFT)), i64(device | size << layout.SIZE_SHIFT)
        )
        self.leave(builder.select(to_device, device_code, i64(missed | size << layout.SIZE_SHIFT)))
        builder.position_at_end(answered)
        self.store_state("answer", i64(0))
        return builder.trunc(answer, I32)

    def load(self, address: Value, size: int) -> Value:
        builder, kind = self.builder, INT_OF_SIZE[size]
        entry, hit, miss = self._access(address, size, "read")
        done = self.function.append_basic_block("done")
        builder.position_at_end(hit)
        loaded = self._swapped(builder.load(self._host_place(entry, address.llvm), typ=kind, align=1), size)
        if size < 4:
            loaded = builder.zext(loaded, I32)
        builder.branch(done)
        builder.position_at_end(miss)
        answer = self._answer_or_leave(entry, address, size, Exit.LOAD_MISS, Exit.DEVICE_READ)
        # A device may say more than was asked for.
        answer = builder.and_(answer, i32((1 << 8 * size) - 1)) if size < 4 else answer
        answered = builder.block
        builder.branch(done)
        builder.position_at_end(done)
        result = builder.phi(I32)
        result.add_incoming(loaded, hit)
        result.add_incoming(answer, answered)
        return Value(builder, result)

    def store(self, address: Value, value: Value, size: int) -> None:
        builder = self.builder
        entry, hit, miss = self._access(address, size, "write")
        done = self.function.append_basic_block("done")
        builder.position_at_end(hit)
        narrow = value.llvm if size == 4 else builder.trunc(value.llvm, INT_OF_SIZE[size])
        builder.store(self._swapped(narrow, size), self._host_place(entry, address.llvm), align=1)
        builder.branch(done)
        builder.position_at_end(miss)
        self.store_state("store_value", value & (1 << 8 * size) - 1)
        self._answer_or_leave(entry, address, size, Exit.STORE_MISS, Exit.DEVICE_WRITE)
        builder.branch(done)
        builder.position_at_end(done)

    def _double_place(self, address: Value, tag: str, missed: Exit) -> ir.Value:
        """Begin an access to eight bytes of RAM: return their host address."""
        entry = self._translation(address.llvm)
        hit = self._tag_matches(entry, tag, (address + 7).llvm)
        self.miss_if(self.builder.not_(hit), address.llvm, i32(8), missed)
        return self._host_place(entry, address.llvm)

    def load_double(self, address: Value) -> Double:
        builder = self.builder
        place = self._double_place(address, "read", Exit.LOAD_MISS)
        return self.double(builder.bswap(builder.load(place, typ=I64, align=1)))

    def store_double(self, address: Value, value: Any) -> None:
        builder = self.builder
        place = self._double_place(address, "write", Exit.STORE_MISS)
        builder.store(builder.bswap(self.wide(value)), place, align=1)

    def _multiple(self, address: Value, first: Lane, tag: str) -> tuple[ir.Value, ir.Value]:
        """Begin lmw or stmw: return the host address of the first word, and the first register's number.

        Words that are unaligned or cross a page are left to the reference engine.
        """
        builder = self.builder
        self.interpret_if((address & 3).is_one())
        length = (self.constant(32) - first) * 4
        entry = self._translation(address.llvm)
        hit = self._tag_matches(entry, tag, (address + length - 1).llvm)
        missed = Exit.LOAD_MISS if tag == "read" else Exit.STORE_MISS
        self.miss_if(builder.not_(hit), address.llvm, length.llvm, missed)
        return self._host_place(entry, address.llvm), builder.zext(first.llvm, I64)

    def _for_each_register(self, first: ir.Value, host: ir.Value, *, store: bool) -> None:
        """Write the loop that moves registers from number ``first`` on between state and memory."""
        builder = self.builder
        before = builder.block
        loop, done = (self.function.append_basic_block(name) for name in ("loop", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        number = builder.phi(I64)
        number.add_incoming(first, before)
        registers = at_offset(builder, self.state, offset_of("gpr"))
        register = builder.gep(registers, [number], source_etype=I32)
        word = builder.gep(host, [builder.sub(number, first)], source_etype=I32)
        source, target = (register, word) if store else (word, register)
        builder.store(builder.bswap(builder.load(source, typ=I32, align=1)), target, align=1)
        following = builder.add(number, i64(1))
        number.add_incoming(following, loop)
        builder.cbranch(builder.icmp_unsigned("<", following, i64(32)), loop, done)
        builder.position_at_end(done)

    def load_multiple(self, address: Value, first: Lane) -> None:
        host, number = self._multiple(address, first, "read")
        self._for_each_register(number, host, store=False)

    def store_multiple(self, address: Value, first: Lane) -> None:
        host, number = self._multiple(address, first, "write")
        self._for_each_register(number, host, store=True)

    def load_and_reserve(self, address: Value) -> Value:
        self.interpret_if((address & 3).is_one())
        value = self.load(address, 4)
        self.store_state("reserved", 1)
        self.store_state("reservation", address)
        return value

    def store_conditional(self, address: Value, value: Value) -> Value:
        builder = self.builder
        self.interpret_if((address & 3).is_one())
        held = self.load_state("reserved") & self.load_state("reservation").equals(address)
        perform, done = (self.function.append_basic_block(name) for name in ("perform", "done"))
        builder.cbranch(held.is_one(), perform, done)
        builder.position_at_end(perform)
        self.store(address, value, 4)
        builder.branch(done)
        builder.position_at_end(done)
        self.store_state("reserved", 0)
        return held

    def zero_cache_block(self, address: Value) -> None:
        builder = self.builder
        size = self.model.cache_line_size
        entry = self._translation(address.llvm)
        missing = builder.not_(self._tag_matches(entry, "write", address.llvm))
        self.miss_if(missing, address.llvm, i32(1), Exit.STORE_MISS)
        host = self._host_place(entry, (address & -size).llvm)
        for offset in range(0, size, 8):
            builder.store(i64(0), at_offset(builder, host, offset), align=1)

    def touch_cache_block(self, address: Value, *, store: bool) -> None:
        entry = self._translation(address.llvm)
        missing = self.builder.not_(self._tag_matches(entry, "write" if store else "read", address.llvm))
        self.miss_if(missing, address.llvm, i32(1), Exit.STORE_MISS if store else Exit.LOAD_MISS)
