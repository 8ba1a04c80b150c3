# SPDX-License-Identifier: GPL-2.0-or-later
"""From the declaration of an instruction to a Python function on plain ints: what the reference engine runs.

A declaration is run once for each combination of its narrow fields, over words that are Python expressions.
What it does with them is written down, as the compiled engine does in LLVM's language. A debugger that steps
into an instruction shows the text, for example of ``add rT,rA,rB``::

    def bind(engine, word):
        ...
        t1 = word >> 0x10
        t2 = t1 & 0x1f
        rA = t2
        ...
        def execute(pc):
            t3 = gpr[rA]
            ...
            return pc + 4 & 0xffffffff
        return execute
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paradrive.cpu.state import offset_of
from paradrive.isa.encoding import SPLIT_FIELDS
from paradrive.isa.operands import COMPUTED_OPERANDS
from paradrive.isa.semantics import Double

if TYPE_CHECKING:
    from paradrive.isa.encoding import Field
    from paradrive.isa.instruction import Instruction

#: Executes one instruction at the effective address that it is given; returns that of the next one.
Operation = Callable[[int], int]

MASK = 0xFFFFFFFF
SIGN = 0x80000000


def signed(value: int) -> int:
    """Return the 32-bit ``value`` read as two's complement."""
    return (value ^ SIGN) - SIGN


def quotient_signed(dividend: int, divisor: int) -> int:
    """Return the quotient of two's complements, rounded towards zero, as one that may exceed 32 bits."""
    left, right = signed(dividend), signed(divisor)
    magnitude = abs(left) // abs(right)
    return magnitude if (left < 0) == (right < 0) else -magnitude


class Text:
    """A `Word` that is a Python expression: the name of a variable, or a number.

    It is ``bound`` if it depends on nothing but the instruction word: it is computed once for each.
    """

    __slots__ = ("_text", "_trace", "bound")

    def __init__(self, trace: Trace, text: str, *, bound: bool) -> None:
        self._trace, self._text, self.bound = trace, text, bound

    def __str__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        raise TypeError("what is only known when the instruction executes cannot decide what it means")

    def _new(self, expression: str, *others: Any) -> Text:
        return self._trace.variable(expression, self, *others)

    def __add__(self, other: Any) -> Text:
        return self._new("{} + {} & 0xffffffff", other)

    def __sub__(self, other: Any) -> Text:
        return self._new("{} - {} & 0xffffffff", other)

    def __mul__(self, other: Any) -> Text:
        return self._new("{} * {} & 0xffffffff", other)

    def __and__(self, other: Any) -> Text:
        return self._new("{} & {}", other)

    def __or__(self, other: Any) -> Text:
        return self._new("{} | {}", other)

    def __xor__(self, other: Any) -> Text:
        return self._new("{} ^ {}", other)

    def __lshift__(self, other: Any) -> Text:
        return self._new("{} << {} & 0xffffffff", other)

    def __rshift__(self, other: Any) -> Text:
        return self._new("{} >> {}", other)

    def __invert__(self) -> Text:
        return self._new("{} ^ 0xffffffff")

    # Conditions are bools, which Python counts among the numbers 0 and 1.

    def equals(self, other: Any) -> Text:
        return self._new("{} == {}", other)

    def unsigned_less(self, other: Any) -> Text:
        return self._new("{} < {}", other)

    def signed_less(self, other: Any) -> Text:
        # With the sign inverted, unsigned numbers have the order of the signed ones.
        return (self ^ SIGN).unsigned_less(other ^ SIGN)

    def select(self, if_one: Any, if_zero: Any) -> Text:
        return self._new("{1} if {0} else {2}", if_one, if_zero)

    def sign_extend(self, bits: int) -> Text:
        sign = 1 << bits - 1
        return self._new(f"({{}} & {2 * sign - 1:#x} ^ {sign:#x}) - {sign:#x} & 0xffffffff")

    def shift_right_signed(self, amount: Any) -> Text:
        return self._new("signed({}) >> {} & 0xffffffff", amount)

    def rotate_left(self, amount: Any) -> Text:
        return self._new("({0} << {1} | {0} >> 32 - {1}) & 0xffffffff", amount)

    def leading_zeros(self) -> Text:
        return self._new("32 - {}.bit_length()")

    def swap_bytes(self, size: int) -> Text:
        low = (1 << 8 * size) - 1
        return self._new(f"int.from_bytes(({{}} & {low:#x}).to_bytes({size}, 'big'), 'little')")

    def high_product_unsigned(self, other: Any) -> Text:
        return self._new("{} * {} >> 32", other)

    def high_product_signed(self, other: Any) -> Text:
        return self._new("signed({}) * signed({}) >> 32 & 0xffffffff", other)

    def quotient_unsigned(self, divisor: Any) -> Text:
        return self._new("{} // {}", divisor)

    def quotient_signed(self, divisor: Any) -> Text:
        return self._new("quotient_signed({}, {}) & 0xffffffff", divisor)


class RegisterFile:
    """Registers that are read and written one after the other, as the declaration does."""

    def __init__(self, trace: Trace, name: str) -> None:
        self._trace, self._name = trace, name

    def __getitem__(self, number: Any) -> Text:
        return self._trace.read(f"{self._name}[{number}]")

    def __setitem__(self, number: Any, value: Any) -> None:
        self._trace.line(f"{self._name}[{number}] = {self._trace.operand(value)}")


class FloatingRegisterFile:
    """The floating-point registers, of 64 bits, as two words each."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __getitem__(self, number: Any) -> Double:
        return self._trace.double(self._trace.read(f"fpr[{number}]"))

    def __setitem__(self, number: Any, value: Any) -> None:
        self._trace.line(f"fpr[{number}] = {self._trace.joined(value)}")


class Operands:
    """Operands of an instruction: narrow fields as ints, the others as what computes them from the word."""

    def __init__(self, trace: Trace, instruction: Instruction, narrow: dict[str, int]) -> None:
        self._trace, self._fields, self._narrow = trace, instruction.encoding.fields, narrow

    def __getattr__(self, name: str) -> Any:
        if name in self._narrow:
            return self._narrow[name]
        if name == "OE":
            return 0
        word: Any = Text(self._trace, "word", bound=True)
        compute = COMPUTED_OPERANDS[name][1] if name in COMPUTED_OPERANDS else self._fields[name].extract
        operand = self._trace.named(name, compute(word))
        setattr(self, name, operand)  # to be computed once
        return operand


def _state_word(name: str) -> property:
    """Make a property of the word ``name`` of the core's state."""
    place = f"words[{offset_of(name) // 4}]"

    def get(trace: Trace) -> Text:
        return trace.read(place)

    def put(trace: Trace, value: Any) -> None:
        trace.line(f"{place} = {trace.operand(value)}")

    return property(get, put)


class Trace:
    """Implements `paradrive.isa.semantics.Context` by writing Python: ``source`` is the text so far.

    What is not told here, because it takes more than registers, the text calls the engine for.
    """

    def __init__(self) -> None:
        self.gpr, self.cr, self.fpr = (
            RegisterFile(self, "gpr"),
            RegisterFile(self, "cr"),
            FloatingRegisterFile(self),
        )
        self._variables = 0
        self._has_branched = False
        #: Methods of the engine that are called.
        self._called: dict[str, None] = {}
        self._once: list[str] = []
        self._each_time: list[str] = []

    so = _state_word("so")
    ov = _state_word("ov")
    ca = _state_word("ca")
    lr = _state_word("lr")
    ctr = _state_word("ctr")
    fpscr = _state_word("fpscr")

    def operand(self, value: Any) -> str:
        """Return a word or an int as an expression."""
        return hex(value & MASK) if isinstance(value, int) else str(value)

    def line(self, text: str) -> None:
        """Have something done each time the instruction executes."""
        self._each_time.append(text)

    def variable(self, expression: str, *operands: Any) -> Text:
        """Return the value of an expression, whose fields stand for ``operands``, as a new variable."""
        bound = all(isinstance(operand, int) or operand.bound for operand in operands)
        self._variables += 1
        name = f"t{self._variables}"
        text = expression.format(*map(self.operand, operands))
        (self._once if bound else self._each_time).append(f"{name} = {text}")
        return Text(self, name, bound=bound)

    def named(self, name: str, value: Any) -> Text:
        """Return ``value``, which is bound, as a variable of this name."""
        self._once.append(f"{name} = {value}")
        return Text(self, name, bound=True)

    def read(self, place: str) -> Text:
        """Return what a place of the state holds now, as a new variable."""
        self._variables += 1
        self.line(f"t{self._variables} = {place}")
        return Text(self, f"t{self._variables}", bound=False)

    def double(self, value: Text) -> Double:
        """Return 64 bits as two words."""
        return Double(value >> 32, value & MASK)

    def joined(self, value: Double) -> Text:
        """Return two words as 64 bits."""
        return self.variable("{} << 32 | {}", value.high, value.low)

    @property
    def current_instruction_address(self) -> Text:
        return Text(self, "pc", bound=False)

    def constant(self, value: int) -> Text:
        return Text(self, hex(value & MASK), bound=True)

    def gpr_or_zero(self, number: Any) -> Text:
        return self.gpr[self.variable("{} or 32", number)]  # register 32 of the state is always zero

    def branch(self, target: Any, condition: Any = None) -> None:
        self._has_branched = condition is None
        self.line(f"return {target}" if condition is None else f"if {condition}: return {target}")

    def return_from_interrupt(self, level: str) -> None:
        self.branch(self.call("return_from_interrupt", level))

    def load_double(self, address: Text) -> Double:
        return self.double(self.call("load", address, 8))

    def store_double(self, address: Text, value: Double) -> None:
        self.call("store", address, self.joined(value), 8)

    def call(self, method: str, *arguments: Any, **options: bool) -> Text:
        """Have the engine do something each time; return its answer as a new variable."""
        self._called[method] = None
        texts = [str(each) if isinstance(each, Text) else repr(each) for each in arguments]
        texts += [f"{name}={value}" for name, value in options.items()]
        return self.read(f"{method}({', '.join(texts)})")

    def __getattr__(self, name: str) -> Callable[..., Text]:
        return lambda *arguments, **options: self.call(name, *arguments, **options)

    def source(self) -> str:
        """Return the text of a function that makes an `Operation` of an engine and an instruction word."""
        once = ["gpr, cr, fpr, words = engine.gpr, engine.cr, engine.fpr, engine.words"]
        once += [f"{method} = engine.{method}" for method in self._called] + self._once
        each_time = self._each_time + ["return pc + 4 & 0xffffffff"] * (not self._has_branched)
        lines = ["def bind(engine, word):", *(f"    {line}" for line in once)]
        lines += ["    def execute(pc):", *(f"        {line}" for line in each_time), "    return execute"]
        return "\n".join(lines) + "\n"


#: Functions that make an `Operation` of an engine and a word, by declaration and values of narrow fields.
BINDERS: dict[tuple[Any, ...], Callable[[Any, int], Operation]] = {}


def bind(instruction: Instruction, engine: Any, word: int) -> Operation:
    """Return what ``engine`` does to execute ``word``, which encodes ``instruction``."""
    fields = instruction.encoding.fields
    narrow = {name: field.extract(word) for name, field in fields.items() if _decides(instruction, field)}
    key = (instruction.semantics, *narrow.values())
    binder = BINDERS.get(key)
    if binder is None:
        binder = BINDERS[key] = _compiled(trace(instruction, narrow), instruction, narrow)
    return binder(engine, word)


def _decides(instruction: Instruction, field: Field) -> bool:
    """Tell whether a declaration may look at this field with Python's ``if``.

    The numbers of SPRs are specialised only because compiled code reads these registers itself.
    """
    return field.width == 1 or (field.name in instruction.specialise and field.name not in SPLIT_FIELDS)


def trace(instruction: Instruction, narrow: dict[str, int]) -> str:
    """Return the text of the function for these values of the narrow fields."""
    trace = Trace()
    if instruction.privileged:
        trace.call("require_supervisor")
    if instruction.floating_point:
        trace.call("require_floating_point")
    instruction.semantics(trace, Operands(trace, instruction, narrow))  # type: ignore[arg-type]
    return trace.source()


def _compiled(text: str, instruction: Instruction, narrow: dict[str, int]) -> Callable[[Any, int], Operation]:
    fields = "".join(f" {name}={value}" for name, value in narrow.items())
    name = f"<{instruction.syntax}{fields}>"
    # Where debuggers and tracebacks find the text.
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    names: dict[str, Any] = {"signed": signed, "quotient_signed": quotient_signed}
    exec(compile(text, name, "exec"), names)
    binder: Callable[[Any, int], Operation] = names["bind"]
    return binder
