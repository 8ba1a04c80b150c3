# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between the memories that a program has left on QEMU and on the model, case by case."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, NamedTuple

from paradrive.isa.disassembler import disassemble
from paradrive_dev.fidelity import layout as at
from paradrive_dev.fidelity.operands import is_floating_register, is_register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from paradrive_dev.fidelity.case import Case
    from paradrive_dev.fidelity.layout import Layout

_WORDS = (*(f"r{number}" for number in range(32)), "CR", "XER", "LR", "CTR", "reached", "signal")
_DOUBLEWORDS = (*(f"f{number}" for number in range(32)), "FPSCR")


class Values(NamedTuple):
    """What QEMU has in a place, and what the model has."""

    expected: int
    got: int


class Mismatch(NamedTuple):
    """A case whose results differ.

    ``differences`` are by the name of what differs: r0 to r31, CR, XER, LR, CTR, f0 to f31, FPSCR,
    "reached" (the pad where execution went on, 0 the next instruction), "signal" (0 for none), or the
    address of a byte of memory.
    """

    case: Case
    address: int
    #: The signal on QEMU, 0 for none.
    signal: int
    differences: dict[str, Values]

    def operands(self) -> dict[str, int]:
        """Return the values of the registers that the instruction names or always uses, by name."""
        case = self.case
        registers = case.registers
        result: dict[str, int] = {}
        for name, field in case.instruction.encoding.fields.items():
            number = field.extract(case.word)
            if is_register(name):
                result[f"r{number}"] = registers.gpr[number]
            elif is_floating_register(name):
                result[f"f{number}"] = registers.fpr[number]
        result |= {"CR": registers.cr, "XER": registers.xer, "LR": registers.lr, "CTR": registers.ctr}
        if registers.fpr:
            result["FPSCR"] = registers.fpscr
        if case.reserved:
            result["reserved"] = case.reserved
        return result

    def description(self, core: str, engine: str) -> dict[str, object]:
        """Return everything that is needed to look into it, for the report."""
        case = self.case
        return {
            "core": core,
            "engine": engine,
            "word": f"{case.word:#010x}",
            "instruction": disassemble(case.word, core, self.address),
            "address": f"{self.address:#x}",
            "operands": {name: f"{value:#x}" for name, value in self.operands().items()},
            "expected": {name: f"{values.expected:#x}" for name, values in self.differences.items()},
            "got": {name: f"{values.got:#x}" for name, values in self.differences.items()},
        }


def mismatches(cases: Sequence[Case], layout: Layout, expected: bytes, got: bytes) -> Iterator[Mismatch]:
    """Yield the cases in which the memory that the model has left (``got``) is not the expected one."""
    for number, case in enumerate(cases):
        differences = dict(_differences(layout.result(number), layout, expected, got))
        differences |= _differences_in_memory(case.window, expected, got)
        if differences:
            (signal,) = unpack_from(">I", expected, layout.result(number) + 4 * at.SIGNALLED - at.BASE)
            yield Mismatch(case, layout.instruction(number), signal, differences)


def _differences(address: int, layout: Layout, expected: bytes, got: bytes) -> Iterator[tuple[str, Values]]:
    """Yield what differs in the result at ``address``."""
    start = address - at.BASE
    if expected[start : start + layout.record_size] == got[start : start + layout.record_size]:
        return
    parts = [(_WORDS, f">{len(_WORDS)}I", start)]
    if layout.floating_point:
        parts.append((_DOUBLEWORDS, f">{len(_DOUBLEWORDS)}Q", start + at.FLOATING))
    for names, code, offset in parts:
        pairs = zip(names, unpack_from(code, expected, offset), unpack_from(code, got, offset), strict=True)
        for name, of_qemu, of_model in pairs:
            if of_qemu != of_model:
                yield name, Values(of_qemu, of_model)


def _differences_in_memory(window: int, expected: bytes, got: bytes) -> dict[str, Values]:
    """Return the bytes of the window at an address that differ."""
    start, end = window - at.BASE, window - at.BASE + at.WINDOW_SIZE
    if expected[start:end] == got[start:end]:
        return {}
    return {
        f"{at.BASE + place:#x}": Values(expected[place], got[place])
        for place in range(start, end)
        if expected[place] != got[place]
    }
