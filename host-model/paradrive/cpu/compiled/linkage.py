# SPDX-License-Identifier: GPL-2.0-or-later
"""How handlers go on to each other, and back to Python.

Every handler has the same five parameters (`emitter.HandlerEmitter` names them) and ends by jumping to the
handler of the next slot. The calling convention keeps the parameters in registers and saves none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from paradrive.cpu.compiled.values import I64, POINTER

if TYPE_CHECKING:
    from collections.abc import Sequence

CONVENTION = "preserve_nonecc"
HANDLER = ir.FunctionType(I64, [POINTER, POINTER, I64, POINTER, POINTER])


class Linkage:
    """The handlers of one module: how they are declared, and the two that all others can jump to.

    ``far`` continues at any effective address, ``leave`` returns to Python; `Program` writes both.
    """

    def __init__(self, module: ir.Module) -> None:
        self._module = module
        self.far = self.declare("far")
        self.leave_to_python = self.declare("leave")

    def declare(self, name: str) -> ir.Function:
        """Return a new handler, without a body."""
        function = ir.Function(self._module, HANDLER, name)
        function.linkage, function.calling_convention = "internal", CONVENTION
        function.args[0].add_attribute("noalias")
        function.attributes.add("nounwind")
        return function

    def _tail_call(self, builder: ir.IRBuilder, function: ir.Value, arguments: Sequence[ir.Value]) -> None:
        builder.ret(builder.call(function, arguments, cconv=CONVENTION, tail="musttail"))

    def dispatch(self, builder: ir.IRBuilder, arguments: Sequence[ir.Value], slot: ir.Value) -> None:
        """Jump to the handler of ``slot``."""
        handler = builder.load(slot, typ=HANDLER.as_pointer())
        state, _, deadline, page, translations = arguments
        self._tail_call(builder, handler, [state, slot, deadline, page, translations])

    def leave(self, builder: ir.IRBuilder, arguments: Sequence[ir.Value], code: ir.Value) -> None:
        """Return ``code`` to Python with the state as it is before this instruction."""
        state, slot, deadline, page, _ = arguments
        code = builder.inttoptr(code, POINTER)
        self._tail_call(builder, self.leave_to_python, [state, slot, deadline, page, code])

    def go_far(
        self,
        builder: ir.IRBuilder,
        state: ir.Value,
        remaining: ir.Value,
        target: ir.Value,
        translations: ir.Value,
    ) -> None:
        """Continue at effective address ``target``, wherever it is, with ``remaining`` instructions to go."""
        address = builder.inttoptr(builder.zext(target, I64), POINTER)
        self._tail_call(builder, self.far, [state, address, remaining, POINTER(None), translations])
