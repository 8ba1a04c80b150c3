# SPDX-License-Identifier: GPL-2.0-or-later
"""A loop in compiled code around an engine that executes one instruction at a time: in Python it would take
as long as the reference engine does.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING

from llvmlite import binding as llvm

from paradrive.cpu.compiled.layout import Exit
from paradrive.cpu.state import offset_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: What programs can observe of a core's state, in bytes from its beginning.
STATE_SIZE = offset_of("pending")

#: Has a state that may execute one instruction execute up to ``most`` of them, and compares the state behind
#: each with the next one of those ``expected``. Returns behind how many they agree; ends early where they do
#: not, and before an instruction that the engine must serve in Python, which has not been executed then.
SOURCE = f"""
    declare i32 @memcmp(ptr, ptr, i64)
    declare ptr @PyObject_CallOneArg(ptr, ptr)
    declare i64 @PyLong_AsLongLong(ptr)
    declare void @Py_DecRef(ptr)

    define i64 @steps_that_agree(ptr %run, ptr %address, ptr %state, ptr %expected, i64 %most) {{
    entry:
        %remaining = getelementptr i8, ptr %state, i64 {offset_of("remaining")}
        %limit = getelementptr i8, ptr %state, i64 {offset_of("clock_limit")}
        br label %step
    step:
        %done = phi i64 [ 0, %entry ], [ %agreed, %next ]
        %answer = call ptr @PyObject_CallOneArg(ptr %run, ptr %address)
        %exit = call i64 @PyLong_AsLongLong(ptr %answer)
        call void @Py_DecRef(ptr %answer)
        %executed = icmp eq i64 %exit, {int(Exit.LIMIT)}
        br i1 %executed, label %compare, label %end
    compare:
        %offset = mul i64 %done, {STATE_SIZE}
        %one = getelementptr i8, ptr %expected, i64 %offset
        %order = call i32 @memcmp(ptr %state, ptr %one, i64 {STATE_SIZE})
        %equal = icmp eq i32 %order, 0
        br i1 %equal, label %agree, label %end
    agree:
        %agreed = add i64 %done, 1
        %more = icmp ult i64 %agreed, %most
        br i1 %more, label %next, label %all
    next:
        %now = load i64, ptr %limit
        %later = add i64 %now, 1
        store i64 %later, ptr %limit
        store i64 1, ptr %remaining
        br label %step
    all:
        ret i64 %agreed
    end:
        ret i64 %done
    }}
"""


@cache
def _machine_code() -> llvm.ExecutionEngine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine()
    code = llvm.create_mcjit_compiler(llvm.parse_assembly(SOURCE), target)
    code.finalize_object()
    return code


def steps_that_agree() -> Callable[[object, int, int, int, int], int]:
    """Return the function of `CompiledCode.run`, a state's address, twice, that of states, and a count."""
    kind = ctypes.PYFUNCTYPE(
        ctypes.c_int64,
        *(ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64),
    )
    return kind(_machine_code().get_function_address("steps_that_agree"))
