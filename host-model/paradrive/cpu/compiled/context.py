# SPDX-License-Identifier: GPL-2.0-or-later
"""The core as the declarations see it while code is generated: the counterpart of the reference engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.memory import MemoryEmitter
from paradrive.cpu.compiled.values import I32, I64, Lane, Value, at_offset, i32, i64
from paradrive.cpu.interrupts import SAVE_RESTORE
from paradrive.cpu.state import MSR_DS, MSR_EE, MSR_FP, MSR_IS, MSR_PR, MSR_WE, offset_of
from paradrive.isa.operands import COMPUTED_OPERANDS
from paradrive.isa.spr import CTR, LR, SPRS, TBL_READ, TBU_READ, XER

if TYPE_CHECKING:
    from llvmlite import ir

    from paradrive.isa.instruction import Instruction


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


def _state_word(name: str) -> property:
    def get(context: Emitter) -> Value:
        return context.load_state(name)

    def put(context: Emitter, value: Any) -> None:
        context.store_state(name, value)

    return property(get, put)


class Emitter(MemoryEmitter):
    """Implements `paradrive.isa.semantics.Context` by writing code."""

    so = _state_word("so")
    ov = _state_word("ov")
    ca = _state_word("ca")
    lr = _state_word("lr")
    ctr = _state_word("ctr")
    fpscr = _state_word("fpscr")

    @property
    def current_instruction_address(self) -> Value:
        builder = self.builder
        offset = builder.trunc(builder.lshr(self.slot_offset(), i64(2)), I32)
        return self.load_state("virtual_page") + Value(builder, offset)

    def gpr_or_zero(self, number: Lane) -> Value:
        return self.gpr[self.lane(number.shift, layout.LANE_OR_ZERO)]

    def branch(self, target: Value, condition: Value | None = None) -> None:
        """Branch: stay in this code page where target and budget allow, else through `Linkage.far`."""
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
        self.linkage.dispatch(builder, arguments, slot)
        builder.position_at_end(far)
        remaining = builder.ashr(left, i64(4))
        self.linkage.go_far(builder, self.state, remaining, target.llvm, self.translations)

    def trap_if(self, condition: Value) -> None:
        self.interpret_if(condition.is_one())

    def require_supervisor(self) -> None:
        """Leave privileged instructions in user mode to the reference engine, which raises."""
        self.interpret_if((self.load_state("msr") & MSR_PR).is_one())

    def require_floating_point(self) -> None:
        """Leave floating-point instructions to the reference engine while MSR[FP] is 0: it raises."""
        self.interpret_if((self.load_state("msr") & MSR_FP).equals(0).is_one())

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
        return Value(self.builder, self.builder.load(self._spr_place(register.place), typ=I32))

    def _spr_place(self, number: int) -> ir.Value:
        return at_offset(self.builder, self.state, offset_of("spr") + 4 * number)

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
            self.builder.store((value & register.mask).llvm, self._spr_place(register.place))

    def read_msr(self) -> Value:
        return self.load_state("msr")

    def write_msr(self, value: Value) -> None:
        old, new = self.load_state("msr"), value & self.model.msr_mask
        # What selects translations or makes the core wait is left to Python. So is whatever is pending, which
        # may have to be taken at once.
        self.interpret_if(((old ^ new) & (MSR_PR | MSR_IS | MSR_DS)).is_one())
        self.interpret_if((new & MSR_WE | self.load_state("pending")).is_one())
        self.store_state("msr", new)

    def return_from_interrupt(self, level: str) -> None:
        registers = SAVE_RESTORE[level]
        address, status = (
            Value(self.builder, self.builder.load(self._spr_place(number), typ=I32))
            for number in (registers.address, registers.status)
        )
        self.write_msr(status)
        self.branch(address & 0xFFFFFFFC)

    def write_external_enable(self, value: Any) -> None:
        # What is pending may have to be taken at once: Python decides.
        self.interpret_if(self.load_state("pending").is_one())
        self.store_state("msr", self.load_state("msr") & ~MSR_EE | value)
