# SPDX-License-Identifier: GPL-2.0-or-later
"""The core as the declarations see it while code is generated: the counterpart of the reference engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.compiled.values import I8, I16, I32, I64, POINTER, Lane, Value, at_offset, i32, i64
from paradrive.cpu.state import ANSWERED, MSR_EE, MSR_PR, TRANSLATIONS, Translation, offset_of
from paradrive.isa.operands import COMPUTED_OPERANDS
from paradrive.isa.spr import CTR, LR, SPRS, TBL_READ, TBU_READ, XER

if TYPE_CHECKING:
    from paradrive.cpu.compiled.program import Program
    from paradrive.isa.instruction import Instruction

INT_OF_SIZE = {1: I8, 2: I16, 4: I32}
TRANSLATION_SIZE = 32


def translation_offset(name: str) -> int:
    """Return the offset of a member of `Translation`."""
    offset: int = getattr(Translation, name).offset
    return offset


class Operands:
    """The operands of one variant of an instruction: ints where specialised, else values from the slot."""

    def __init__(self, context: Emitter, instruction: Instruction, fixed: dict[str, int]) -> None:
        self._context, self._fields, self._fixed = context, instruction.encoding.fields, fixed
        #: The computed operand that the decoder must put into the slot, None if none is used.
        self.computed: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name in self._fixed:
            return self._fixed[name]
        if name == "OE":
            return 0
        if name in COMPUTED_OPERANDS:
            return self._from_slot(name)
        field = self._fields[name]
        for shift in layout.LANES:
            if shift <= field.shift and field.shift + field.width <= shift + 5:
                lane: Value = self._context.lane(shift)
                if field.width == 5:
                    return lane
                return lane >> field.shift - shift & (1 << field.width) - 1
        return self._from_slot(name)

    def _from_slot(self, name: str) -> Value:
        if self.computed not in (None, name):
            raise ValueError(f"an instruction may use one computed operand, not {self.computed} and {name}")
        self.computed = name
        return self._context.slot_operand()


class RegisterFile:
    """An array of registers in the state, of ``width`` bits each."""

    def __init__(self, context: Emitter, name: str, width: ir.IntType) -> None:
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


def _state_word(name: str) -> property:
    def get(context: Emitter) -> Value:
        return context.load_state(name)

    def put(context: Emitter, value: Any) -> None:
        context.store_state(name, value)

    return property(get, put)


class Emitter:
    """Writes the body of one handler; implements `paradrive.isa.semantics.Context`.

    A handler's parameters are the state, the address of its slot, the deadline, its code page and
    the translation table. The deadline is the slot address at which the instruction budget would
    end if execution went straight on: only branches have to change it.
    """

    def __init__(self, program: Program, function: ir.Function) -> None:
        self.program, self.function = program, function
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.state, self.slot, self.deadline, self.page, self.translations = function.args
        self.gpr, self.cr = RegisterFile(self, "gpr", I32), RegisterFile(self, "cr", I8)
        self._lanes: dict[int, Value] = {}
        self._interpret: ir.Block | None = None

    # Building blocks

    def llvm(self, value: Any) -> ir.Value:
        """Return a value or int as LLVM's."""
        return value.llvm if isinstance(value, Value) else i32(value)

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
        loaded.set_metadata("invariant.load", self.program.module.add_metadata([]))
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
        self.program.leave(self.builder, self.function.args, code)

    def next(self) -> None:
        """Go on with the next instruction."""
        self.program.dispatch(
            self.builder, self.function.args, at_offset(self.builder, self.slot, layout.SLOT_SIZE)
        )

    # Memory

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
        self.store_state("store_value", value)
        self._answer_or_leave(entry, address, size, Exit.STORE_MISS, Exit.DEVICE_WRITE)
        builder.branch(done)
        builder.position_at_end(done)

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
        size = self.program.cache_line_size
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

    # Everything else

    so = _state_word("so")
    ov = _state_word("ov")
    ca = _state_word("ca")
    lr = _state_word("lr")
    ctr = _state_word("ctr")

    @property
    def current_instruction_address(self) -> Value:
        builder = self.builder
        offset = builder.trunc(builder.lshr(self.slot_offset(), i64(2)), I32)
        return self.load_state("virtual_page") + Value(builder, offset)

    def constant(self, value: int) -> Value:
        return Value(self.builder, i32(value))

    def gpr_or_zero(self, number: Lane) -> Value:
        return self.gpr[self.lane(number.shift, layout.LANE_OR_ZERO)]

    def branch(self, target: Value, condition: Value | None = None) -> None:
        """Branch: stay in this code page where target and budget allow, else go through `Program.far`."""
        builder = self.builder
        taken, near, far = (self.function.append_basic_block(name) for name in ("taken", "near", "far"))
        if condition is None:
            builder.branch(taken)
        else:
            not_taken = self.function.append_basic_block("not_taken")
            builder.cbranch(condition.is_one(), taken, not_taken)
            builder.position_at_end(not_taken)
            self.next()
        builder.position_at_end(taken)
        following = builder.add(builder.ptrtoint(self.slot, I64), i64(layout.SLOT_SIZE))
        left = builder.sub(self.deadline, following)
        within = (target - self.load_state("virtual_page")).llvm
        in_page = builder.icmp_unsigned("<", within, i32(4096))
        # A straight run to the end of the page must not exceed the budget: handlers do not check it.
        enough = builder.icmp_signed(">", left, i64(layout.SLOTS_SIZE))
        branch = builder.cbranch(builder.and_(in_page, enough), near, far)
        branch.set_weights([2000, 1])
        builder.position_at_end(near)
        slot = at_offset(
            builder, self.page, builder.mul(builder.zext(within, I64), i64(layout.SLOT_SIZE // 4))
        )
        arguments = list(self.function.args)
        arguments[2] = builder.add(left, builder.ptrtoint(slot, I64))
        self.program.dispatch(builder, arguments, slot)
        builder.position_at_end(far)
        remaining = builder.ashr(left, i64(4))
        self.program.go_far(builder, self.state, remaining, target.llvm, self.translations)

    def trap_if(self, condition: Value) -> None:
        self.interpret_if(condition.is_one())

    def require_supervisor(self) -> None:
        """Leave privileged instructions in user mode to the reference engine, which raises."""
        self.interpret_if((self.load_state("msr") & MSR_PR).is_one())

    def read_spr(self, number: int) -> Value:
        register = SPRS[number]
        if register.privileged:
            self.require_supervisor()
        if number == XER:
            flags: Value = self.so << 31 | self.ov << 30 | self.ca << 29
            return self.load_state("xer_rest") | flags
        if number in (TBL_READ, TBU_READ):
            return self._timebase(high=number == TBU_READ)
        if number in (LR, CTR):
            return self.load_state(register.name.lower())
        place = at_offset(self.builder, self.state, offset_of("spr") + 4 * register.place)
        return Value(self.builder, self.builder.load(place, typ=I32))

    def _timebase(self, *, high: bool) -> Value:
        builder = self.builder
        left = builder.ashr(builder.sub(self.deadline, builder.ptrtoint(self.slot, I64)), i64(4))
        now = builder.sub(self.load_wide("clock_limit"), left)
        numerator = self.load_wide("timebase_numerator")
        denominator = self.load_wide("timebase_denominator")
        # The whole multiples of the denominator apart, so that no product exceeds 64 bits.
        multiples, rest = builder.udiv(now, denominator), builder.urem(now, denominator)
        ticks = builder.add(
            builder.mul(multiples, numerator), builder.udiv(builder.mul(rest, numerator), denominator)
        )
        timebase = builder.add(ticks, self.load_wide("timebase_offset"))
        half = builder.lshr(timebase, i64(32)) if high else timebase
        return Value(builder, builder.trunc(half, I32))

    def write_spr(self, number: int, value: Value) -> None:
        register = SPRS[number]
        if register.privileged:
            self.require_supervisor()
        if number == XER:
            self.so, self.ov, self.ca = value >> 31, value >> 30 & 1, value >> 29 & 1
            self.store_state("xer_rest", value & 0x7F)
        elif number in (LR, CTR):
            self.store_state(register.name.lower(), value)
        else:
            place = at_offset(self.builder, self.state, offset_of("spr") + 4 * register.place)
            self.builder.store((value & register.write_mask).llvm, place)

    def read_msr(self) -> Value:
        return self.load_state("msr")

    def write_external_enable(self, value: Any) -> None:
        # What is pending may have to be taken at once: Python decides.
        self.interpret_if(self.load_state("pending").is_one())
        self.store_state("msr", self.load_state("msr") & ~MSR_EE | value)


#: Kept here so that the layout of an answer stands beside the code that takes it.
assert ANSWERED == 1 << 32
