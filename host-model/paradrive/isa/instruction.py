# SPDX-License-Identifier: GPL-2.0-or-later
"""Declaring an instruction, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from paradrive.isa.encoding import Encoding
from paradrive.isa.semantics import Context

Semantics = Callable[[Context, Any], None]

E500V2 = "e500v2"
E500MC = "e500mc"
ALL_CORES = frozenset({E500V2, E500MC})
#: The cores to which an instruction with a reserved bit set is an illegal one. The architecture has
#: processors ignore such bits (Power ISA 2.06, Book I, 1.3.3). The makers of the e500v2 say that it does
#: not (Linux, commit d6ccb1f55ddf), as those find who try lwarx with EH = 1, or lwsync (msync, L = 1).
REFUSING_RESERVED_BITS = frozenset({E500V2})


class Instruction(NamedTuple):
    """One declared instruction.

    ``specialise`` names the fields whose value must be known when code is compiled, each with the
    function that reduces its values to those which matter (None: leave it to the reference engine).
    ``compiled`` is False for what is rare or changes how the core translates, interrupts or stops.
    ``floating_point`` instructions raise the unavailable interrupt unless MSR[FP] is 1.
    """

    syntax: str
    encoding: Encoding
    semantics: Semantics
    cores: frozenset[str] = ALL_CORES
    privileged: bool = False
    compiled: bool = True
    specialise: Mapping[str, Callable[[int], int | None]] = MappingProxyType({})
    floating_point: bool = False

    @property
    def mnemonic(self) -> str:
        """The mnemonic without its suffixes: "rlwinm" of "rlwinm{Rc} rA,rS,SH,MB,ME"."""
        name = self.syntax.partition(" ")[0]
        return name.partition("{")[0] + name.rpartition("}")[2] if "{" in name else name

    @property
    def description(self) -> str:
        """What it does, in the manual's words."""
        return (self.semantics.__doc__ or "").strip()

    @property
    def looks_at_values(self) -> bool:
        """Whether it computes with ints: only floating-point instructions which are not compiled may."""
        return self.floating_point and not self.compiled

    def matches(self, word: int) -> bool:
        """Tell whether ``word`` encodes this instruction."""
        return word & self.encoding.mask == self.encoding.match


#: Every declaration, in the order in which they are written.
INSTRUCTIONS: list[Instruction] = []


def insn(
    syntax: str,
    pattern: str,
    *,
    cores: Iterable[str] = ALL_CORES,
    privileged: bool = False,
    compiled: bool = True,
    specialise: Mapping[str, Callable[[int], int | None]] = MappingProxyType({}),
    floating_point: bool = False,
) -> Callable[[Semantics], Semantics]:
    """Declare the instruction whose meaning the decorated function tells.

    ``syntax`` is the assembler's: a suffix such as ``{Rc}`` stands for "." where the field is 1.
    ``pattern`` is described in `encoding`. The rest is described in `Instruction`.
    """

    def declare(semantics: Semantics) -> Semantics:
        INSTRUCTIONS.append(
            Instruction(
                syntax,
                Encoding.parse(pattern),
                semantics,
                frozenset(cores),
                privileged,
                compiled,
                specialise,
                floating_point,
            )
        )
        return semantics

    return declare
