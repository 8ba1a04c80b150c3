# SPDX-License-Identifier: GPL-2.0-or-later
"""The LLVM module of a core's interpreter: handlers for all variants, threaded by tail calls (`linkage`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from paradrive.cpu.compiled import layout
from paradrive.cpu.compiled.context import Emitter, Operands
from paradrive.cpu.compiled.decoder import DecoderTables, emit_decode
from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.compiled.linkage import CONVENTION, Linkage
from paradrive.cpu.compiled.memory import translation_offset
from paradrive.cpu.compiled.page_copies import emit_restore_pages
from paradrive.cpu.compiled.values import I32, I64, POINTER, at_offset, i32, i64
from paradrive.cpu.compiled.variants import VariantSet, compiled_variants
from paradrive.cpu.state import TRANSLATIONS, offset_of

if TYPE_CHECKING:
    from paradrive.cpu.models import CpuModel


class Program:
    """Builds the module for ``model``; ``module`` is complete after construction.

    It exports ``void prepare_page(ptr page, ptr ram)``, which makes an empty code page for a page of
    RAM, `restore_pages`, which ``page_copies`` writes, and ``ptr run(ptr self, ptr state)``, a function as
    Python calls its built-in ones: it executes from ``state.pc`` and returns an `Exit`, both as Python's
    integers. ``void connect(ptr, ptr)`` must be told before where Python's PyLong_AsVoidPtr and
    PyLong_FromUnsignedLongLong are.
    """

    def __init__(self, model: CpuModel) -> None:
        self._model = model
        self.module = ir.Module(f"paradrive-{model.name}")
        self._sets = compiled_variants(model.name)
        self._linkage = Linkage(self.module)
        self._undecoded, self._page_end, self._stop = map(
            self._linkage.declare, ("undecoded", "page_end", "stop")
        )
        handlers, first_handlers, operand_kinds = self._emit_instructions()
        tables = DecoderTables(self.module, self._sets, handlers, first_handlers)
        self._decode = emit_decode(tables, operand_kinds)
        self._emit_leave()
        self._emit_far()
        self._emit_undecoded()
        self._emit_page_end()
        self._emit_stop()
        self._emit_prepare_page()
        emit_restore_pages(self.module)
        self._emit_run()

    def _emitter(self, function: ir.Function) -> Emitter:
        return Emitter(self._linkage, function, self._model)

    # Instructions

    def _emit_instructions(self) -> tuple[list[ir.Function], list[int], list[str | None]]:
        """Write all handlers; return them, each instruction's first one, and the operand each one needs."""
        interpret = self._linkage.declare("interpret")
        emitter = self._emitter(interpret)
        emitter.leave(i64(Exit.INTERPRET))
        handlers, first_handlers, kinds = [interpret], [], []
        for variants in self._sets:
            first_handlers.append(len(handlers))
            kind = None
            for fixed in variants.fixed:
                handler, computed = self._emit_variant(variants, fixed)
                handlers.append(handler)
                kind = kind or computed
            kinds.append(kind)
        return handlers, first_handlers, kinds

    def _emit_variant(self, variants: VariantSet, fixed: dict[str, int]) -> tuple[ir.Function, str | None]:
        instruction = variants.instruction
        suffix = "".join(f".{name}{value}" for name, value in fixed.items())
        function = self._linkage.declare(f"{instruction.mnemonic}{suffix}")
        emitter = self._emitter(function)
        operands = Operands(emitter, instruction, fixed)
        if instruction.privileged:
            emitter.require_supervisor()
        if instruction.floating_point:
            emitter.require_floating_point()
        instruction.semantics(emitter, operands)  # type: ignore[arg-type]
        if not emitter.builder.block.is_terminated:
            emitter.next()
        return function, operands.computed

    # Everything between instructions

    def _emit_leave(self) -> None:
        function = self._linkage.leave_to_python
        function.attributes.add("noinline")
        emitter = self._emitter(function)
        builder = emitter.builder
        slot = builder.ptrtoint(emitter.slot, I64)
        emitter.store_state("pc", emitter.current_instruction_address)
        emitter.store_state("remaining", builder.ashr(builder.sub(emitter.deadline, slot), i64(4)))
        builder.ret(builder.ptrtoint(emitter.translations, I64))

    def _emit_far(self) -> None:
        """Find the code page of an effective address and go on there, if the budget allows."""
        function = self._linkage.far
        function.attributes.add("noinline")
        emitter = self._emitter(function)
        builder = emitter.builder
        remaining = emitter.deadline
        target = builder.trunc(builder.ptrtoint(emitter.slot, I64), I32)
        limit, missing = (function.append_basic_block(name) for name in ("limit", "missing"))
        emitter.exit_if(builder.icmp_signed("<=", remaining, i64(0)), limit)
        index = builder.and_(builder.lshr(target, i32(12)), i32(TRANSLATIONS - 1))
        entry = at_offset(builder, emitter.translations, builder.mul(builder.zext(index, I64), i64(32)))
        tag = builder.load(at_offset(builder, entry, translation_offset("fetch")), typ=I32)
        virtual_page = builder.and_(target, i32(0xFFFFF000))
        emitter.exit_if(builder.icmp_unsigned("!=", tag, virtual_page), missing)
        builder.store(virtual_page, emitter.state_place("virtual_page"))
        page = builder.load(at_offset(builder, entry, translation_offset("code")), typ=POINTER)
        offset = builder.zext(builder.shl(builder.and_(target, i32(0xFFC)), i32(2)), I64)
        slot = at_offset(builder, page, offset)
        few = function.append_basic_block("few")
        emitter.exit_if(builder.icmp_signed("<=", remaining, i64(layout.SLOTS)), few)
        self._dispatch_with(emitter, slot, page, remaining)
        builder.position_at_end(few)
        self._emit_single(emitter, page, slot, offset, remaining)
        for block, code in ((limit, Exit.LIMIT), (missing, Exit.FETCH_MISS)):
            builder.position_at_end(block)
            builder.store(target, emitter.state_place("pc"))
            builder.store(remaining, emitter.state_place("remaining"))
            builder.ret(i64(code))

    def _dispatch_with(self, emitter: Emitter, slot: ir.Value, page: ir.Value, remaining: ir.Value) -> None:
        builder = emitter.builder
        budget = builder.mul(remaining, i64(layout.SLOT_SIZE))
        deadline = builder.add(builder.ptrtoint(slot, I64), budget)
        self._linkage.dispatch(builder, [emitter.state, slot, deadline, page, emitter.translations], slot)

    def _emit_single(
        self, emitter: Emitter, page: ir.Value, slot: ir.Value, offset: ir.Value, remaining: ir.Value
    ) -> None:
        """Execute one instruction only: a copy of its slot, with a stop behind it."""
        builder = emitter.builder
        decoded, undecoded = (
            emitter.function.append_basic_block(name) for name in ("decoded", "decode_first")
        )
        handler = builder.load(slot, typ=I64)
        is_decoded = builder.icmp_unsigned("!=", handler, builder.ptrtoint(self._undecoded, I64))
        builder.cbranch(is_decoded, decoded, undecoded)
        builder.position_at_end(undecoded)
        builder.call(self._decode, [page, slot])
        builder.branch(decoded)
        builder.position_at_end(decoded)
        copy = emitter.state_place("single")
        for half in (0, 8):
            builder.store(
                builder.load(at_offset(builder, slot, half), typ=I64), at_offset(builder, copy, half)
            )
        stop = builder.ptrtoint(self._stop, I64)
        builder.store(stop, at_offset(builder, copy, layout.SLOT_SIZE))
        # A page that begins so far before the copy that the copy has the instruction's place in it.
        page = builder.inttoptr(builder.sub(builder.ptrtoint(copy, I64), offset), POINTER)
        self._dispatch_with(emitter, copy, page, remaining)

    def _emit_undecoded(self) -> None:
        emitter = self._emitter(self._undecoded)
        emitter.builder.call(self._decode, [emitter.page, emitter.slot])
        self._linkage.dispatch(emitter.builder, self._undecoded.args, emitter.slot)

    def _emit_page_end(self) -> None:
        emitter = self._emitter(self._page_end)
        self._go_on(emitter, (emitter.load_state("virtual_page") + 4096).llvm)

    def _emit_stop(self) -> None:
        emitter = self._emitter(self._stop)
        self._go_on(emitter, emitter.current_instruction_address.llvm)

    def _go_on(self, emitter: Emitter, target: ir.Value) -> None:
        builder = emitter.builder
        left = builder.sub(emitter.deadline, builder.ptrtoint(emitter.slot, I64))
        self._linkage.go_far(builder, emitter.state, builder.ashr(left, i64(4)), target, emitter.translations)

    def _emit_prepare_page(self) -> None:
        kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER])
        function = ir.Function(self.module, kind, "prepare_page")
        page, ram = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        entry = builder.block
        loop, done = (function.append_basic_block(name) for name in ("loop", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        offset = builder.phi(I64)
        offset.add_incoming(i64(0), entry)
        builder.store(self._undecoded, at_offset(builder, page, offset))
        following = builder.add(offset, i64(layout.SLOT_SIZE))
        offset.add_incoming(following, loop)
        builder.cbranch(builder.icmp_unsigned("<", following, i64(layout.SLOTS_SIZE)), loop, done)
        builder.position_at_end(done)
        builder.store(self._page_end, at_offset(builder, page, layout.SLOTS_SIZE))
        builder.store(ram, at_offset(builder, page, layout.RAM_ADDRESS))
        builder.ret_void()

    def _emit_run(self) -> None:
        from_python, to_python = self._emit_connect()
        function = ir.Function(self.module, ir.FunctionType(POINTER, [POINTER, POINTER]), "run")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        state = builder.call(builder.load(from_python), [function.args[1]])

        def load(name: str, kind: ir.Type) -> ir.Value:
            return builder.load(at_offset(builder, state, offset_of(name)), typ=kind)

        address = builder.inttoptr(builder.zext(load("pc", I32), I64), POINTER)
        arguments = [state, address, load("remaining", I64), POINTER(None), load("translations", POINTER)]
        code = builder.call(self._linkage.far, arguments, cconv=CONVENTION)
        builder.ret(builder.call(builder.load(to_python), [code]))

    def _emit_connect(self) -> tuple[ir.GlobalVariable, ir.GlobalVariable]:
        """Write the function that takes the addresses of Python's conversions; return where it puts them."""
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [POINTER, POINTER]), "connect")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        kinds = (ir.FunctionType(POINTER, [POINTER]), ir.FunctionType(POINTER, [I64]))
        places = []
        for name, kind, address in zip(("from_python", "to_python"), kinds, function.args, strict=True):
            place = ir.GlobalVariable(self.module, kind.as_pointer(), name)
            place.linkage, place.initializer = "internal", ir.Constant(kind.as_pointer(), None)
            builder.store(builder.bitcast(address, kind.as_pointer()), place)
            places.append(place)
        builder.ret_void()
        return places[0], places[1]
