# SPDX-License-Identifier: GPL-2.0-or-later
"""The program that executes cases: it runs in user mode on Linux, and writes its memory out at the end.

For each case it loads all registers from the case's record, executes the instruction in the case's
stub, and stores all registers to the case's result. A signal is noted, and the next instruction goes on.
"""

from __future__ import annotations

from struct import pack_into
from typing import TYPE_CHECKING, NamedTuple

from paradrive.isa import spr
from paradrive_dev.fidelity import layout as at
from paradrive_dev.fidelity.assembler import branch, load, load_constant, store, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paradrive_dev.fidelity.case import Case
    from paradrive_dev.fidelity.layout import Layout

# Linux's system calls and signals on PowerPC.
EXIT, WRITE, SIGACTION, SIGALTSTACK = 1, 4, 173, 185
SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV = 4, 5, 7, 8, 11
_SA_SIGINFO, _SA_NODEFER, _SA_ONSTACK = 0x4, 0x40000000, 0x08000000
_SIZE_OF_SIGNAL_SET = 8
#: In a signal's ucontext the pointer to its registers; among these the address of the instruction.
_CONTEXT_REGISTERS, _INSTRUCTION_ADDRESS = 48, 4 * 32

_STDOUT = 1
_CR0_EQ = 2
_IF_TRUE, _ALWAYS = 0b01100, 0b10100
_ALL_FIELDS = 0xFF


class Program(NamedTuple):
    """A program: its memory from `layout.BASE` on as it is when loaded, and where it is entered."""

    memory: bytes
    entry: int


def assemble(cases: Sequence[Case], layout: Layout) -> Program:
    """Return the program that executes ``cases`` one after another."""
    memory = bytearray(layout.end - at.BASE)

    def put(address: int, words: Sequence[int]) -> None:
        pack_into(f">{len(words)}I", memory, address - at.BASE, *words)

    code: list[int] = []

    def place(words: Sequence[int]) -> int:
        """Append code; return where it starts."""
        code.extend(words)
        return at.CODE + 4 * (len(code) - len(words))

    handler = place(_signal_handler())
    leave = place(_leave(layout))
    next_case = place(_load_registers(layout))
    finish = place(_store_registers(layout))
    place(_count(at.CODE + 4 * len(code), next_case, leave))
    followed = place(_pad(at.CODE + 4 * len(code), 0, finish))
    entry = place(_install_signal_handler())
    place([branch(at.CODE + 4 * len(code), next_case)])
    put(at.CODE, code)

    put(at.SIGNAL_ACTION, [handler, _SA_SIGINFO | _SA_NODEFER | _SA_ONSTACK, 0, 0, 0])
    put(at.SIGNAL_STACK, [layout.stack_end - at.STACK_SIZE, 0, at.STACK_SIZE])
    put(at.RECORD, [layout.records, layout.results, len(cases)])
    for number, pad in enumerate(layout.pads, start=1):
        put(pad, _pad(pad, number, finish))
    for number, case in enumerate(cases):
        stub, window = layout.stub(number), case.window - at.BASE
        put(stub, _stub(stub, case.word, followed))
        put(layout.record(number), _record(case, stub))
        memory[window : window + at.WINDOW_SIZE] = case.memory
    return Program(bytes(memory), entry)


def _record(case: Case, stub: int) -> list[int]:
    registers = case.registers
    words = [*registers.gpr, registers.cr, registers.xer, registers.lr, registers.ctr, stub, case.reserved]
    for value in registers.fpr:
        words += [value >> 32, value & 0xFFFFFFFF]
    return [*words, 0, registers.fpscr] if registers.fpr else words


def _stub(address: int, instruction: int, followed: int) -> list[int]:
    """Return what loads the last registers and executes the instruction; r1 holds CTR's value."""
    words = [_mtspr(spr.CTR, 1), load(1, at.REGISTER_1), instruction]
    return [*words, branch(address + 4 * len(words), followed)]


def _pad(address: int, number: int, finish: int) -> list[int]:
    """Return where an instruction leads: it notes which pad it is in r0."""
    return [store(0, at.REGISTER_0), _li(0, number), branch(address + 8, finish)]


def _load_registers(layout: Layout) -> list[int]:
    """Return what starts a case: no reservation or the wanted one, all registers, then the stub."""
    return [
        _li(3, at.NO_RESERVATION),
        word("stwcx.", rS=3, rA=0, rB=3),
        load(1, at.RECORD),
        load(4, 4 * at.RESERVE, 1),
        word("cmpwi", BF=0, rA=4, SI=0),
        word("bc", BO=_IF_TRUE, BI=_CR0_EQ, BD=2),
        word("lwarx", rT=3, rA=0, rB=4),
        *(_load_floating() if layout.floating_point else ()),
        load(3, 4 * at.CR, 1),
        word("mtcrf", FXM=_ALL_FIELDS, rS=3),
        load(3, 4 * at.XER, 1),
        _mtspr(spr.XER, 3),
        load(3, 4 * at.LR, 1),
        _mtspr(spr.LR, 3),
        load(3, 4 * at.STUB, 1),
        _mtspr(spr.CTR, 3),
        load(3, 4, 1),
        store(3, at.REGISTER_1),
        load(0, 0, 1),
        word("lmw", rT=2, rA=1, D=8),
        load(1, 4 * at.CTR, 1),
        word("bcctr", BO=_ALWAYS),
    ]


def _store_registers(layout: Layout) -> list[int]:
    """Return what ends a case whose pad's number is in r0: it fills the result and turns to the next one."""
    words = [
        store(0, at.MARK),
        store(1, at.REGISTER_1),
        load(1, at.RESULT),
        word("stmw", rS=2, rA=1, D=8),
        word("mfcr", rT=3),
        store(3, 4 * at.CR, 1),
        _mfspr(3, spr.XER),
        *load_constant(4, at.XER_BITS),
        word("and", rA=3, rS=3, rB=4),
        store(3, 4 * at.XER, 1),
        _mfspr(3, spr.LR),
        store(3, 4 * at.LR, 1),
        _mfspr(3, spr.CTR),
        store(3, 4 * at.CTR, 1),
        *(_store_floating() if layout.floating_point else ()),
    ]
    for variable, index in (
        (at.REGISTER_0, 0),
        (at.REGISTER_1, 1),
        (at.MARK, at.REACHED),
        (at.SIGNAL, at.SIGNALLED),
    ):
        words += [load(3, variable), store(3, 4 * index, 1)]
    words += [_li(3, 0), store(3, at.SIGNAL)]
    for variable in (at.RESULT, at.RECORD):
        words += [load(3, variable), word("addi", rT=3, rA=3, SI=layout.record_size), store(3, variable)]
    return words


def _load_floating() -> list[int]:
    status = word("lfd", frT=0, rA=1, D=at.FLOATING + 8 * at.FPSCR_INDEX)
    registers = [word("lfd", frT=number, rA=1, D=at.FLOATING + 8 * number) for number in range(32)]
    # Loading FPSCR with an exception that is enabled raises it.
    forget_signal = [_li(3, 0), store(3, at.SIGNAL)]
    return [status, word("mtfsf", FLM=_ALL_FIELDS, frB=0), *forget_signal, *registers]


def _store_floating() -> list[int]:
    registers = [word("stfd", frS=number, rA=1, D=at.FLOATING + 8 * number) for number in range(32)]
    status = word("stfd", frS=0, rA=1, D=at.FLOATING + 8 * at.FPSCR_INDEX)
    return [*registers, word("mffs", frT=0), status]


def _count(address: int, next_case: int, leave: int) -> list[int]:
    """Return what goes on with the next case, or leaves after the last one."""
    words = [load(3, at.REMAINING), word("addic.", rT=3, rA=3, SI=-1), store(3, at.REMAINING)]
    address += 4 * len(words)
    last = word("bc", BO=_IF_TRUE, BI=_CR0_EQ, BD=leave - address >> 2)
    return [*words, last, branch(address + 4, next_case)]


def _install_signal_handler() -> list[int]:
    words = _system_call(SIGALTSTACK, at.SIGNAL_STACK, 0)
    for signal in (SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV):
        words += _system_call(SIGACTION, signal, at.SIGNAL_ACTION, 0, _SIZE_OF_SIGNAL_SET)
    return words


def _signal_handler() -> list[int]:
    """Return the handler: r3 is the signal, r5 the ucontext; the instruction is left out."""
    return [
        store(3, at.SIGNAL),
        load(7, _CONTEXT_REGISTERS, 5),
        load(8, _INSTRUCTION_ADDRESS, 7),
        word("addi", rT=8, rA=8, SI=4),
        store(8, _INSTRUCTION_ADDRESS, 7),
        word("bclr", BO=_ALWAYS),
    ]


def _leave(layout: Layout) -> list[int]:
    """Return what writes the memory out and ends the program."""
    return [*_system_call(WRITE, _STDOUT, at.BASE, layout.end - at.BASE), *_system_call(EXIT, 0)]


def _system_call(number: int, *arguments: int) -> list[int]:
    words = [_li(0, number)]
    for register, value in enumerate(arguments, start=3):
        words += load_constant(register, value)
    return [*words, word("sc")]


def _li(register: int, value: int) -> int:
    return word("addi", rT=register, SI=value)


def _mtspr(number: int, register: int) -> int:
    return word("mtspr", SPR=number, rS=register)


def _mfspr(register: int, number: int) -> int:
    return word("mfspr", SPR=number, rT=register)
