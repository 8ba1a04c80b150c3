# SPDX-License-Identifier: GPL-2.0-or-later
"""The variants of an instruction, each with a handler: all combinations of its specialised fields."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from paradrive.isa.decoder import instructions_of
from paradrive.isa.encoding import SPLIT_FIELDS, Field, swap_halves

if TYPE_CHECKING:
    from paradrive.isa.instruction import Instruction

#: In a table of contributions: this value has no handler, the reference engine takes the instruction.
NO_VARIANT = 0x7FFF


class Specialisation(NamedTuple):
    """How one field contributes to the number of the variant: indexed by the field as it lies in the word."""

    field: Field
    contributions: tuple[int, ...]


class VariantSet(NamedTuple):
    """All variants of one instruction; variant ``n`` fixes the fields as ``fixed[n]`` says."""

    instruction: Instruction
    fixed: tuple[dict[str, int], ...]
    specialisations: tuple[Specialisation, ...]


def _itself(value: int) -> int | None:
    return value


def _values(instruction: Instruction, field: Field) -> list[int | None]:
    """Return what each value of ``field``, in the order of the word's bits, is reduced to."""
    reduce = instruction.specialise.get(field.name, _itself)
    raw = range(1 << field.width)
    return [reduce(swap_halves(value) if field.name in SPLIT_FIELDS else value) for value in raw]


def variants_of(instruction: Instruction) -> VariantSet:
    """Return the variants of ``instruction``: single-bit fields are always specialised."""
    fields = [
        field
        for field in instruction.encoding.fields.values()
        if field.width == 1 or field.name in instruction.specialise
    ]
    choices: list[list[int]] = []
    specialisations = []
    stride = 1
    for field in fields:
        values = _values(instruction, field)
        distinct = sorted({value for value in values if value is not None})
        places = {value: stride * number for number, value in enumerate(distinct)}
        contributions = tuple(NO_VARIANT if value is None else places[value] for value in values)
        specialisations.append(Specialisation(field, contributions))
        choices.append(distinct)
        stride *= len(distinct)
    # The first field varies fastest, as the strides say.
    combinations = product(*reversed(choices))
    names = [field.name for field in reversed(fields)]
    fixed = tuple(dict(zip(names, combination, strict=True)) for combination in combinations)
    return VariantSet(instruction, fixed, tuple(specialisations))


def compiled_variants(core: str) -> list[VariantSet]:
    """Return the variants of every instruction of ``core`` that is compiled."""
    return [variants_of(instruction) for instruction in instructions_of(core) if instruction.compiled]
