# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run from a snapshot does depends on nothing that ran before it, whatever an engine keeps of that."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from engine_pair import REPEATABLE, SEEDS, Pair, put_handlers
from hypothesis import given

from bare_core import HALT, MSR_PR, PAGE, RAM_SIZE, BareCore, insn, li, load_constant, mtspr
from paradrive.isa import spr
from paradrive.isa.instruction import E500V2
from paradrive.machine.snapshot import SavedRam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paradrive.cpu.vcpu import RunExit, VcpuSnapshot

PROGRAMS, PROGRAM_SIZE = 8, 0x400
FIRST_PROGRAM = 0x10000
#: Physical pages that are data and code by turns. Mapped one to one, and elsewhere: two of these places share
#: an entry of any table that is indexed by the low bits of a page's number, and some belong to a process.
PAGES = (0x2000, 0x3000)
ALIASES = (0x4000_0000, 0x4040_0000, 0x4000_2000)
PLACES = (0, 0x800)
RETURN = insn("bclr", BO=20)
VALID, TLB1, ALL, SUPERVISOR, USER = 0x8000_0000, 0x1000_0000, 0x3F, 0x15, 0x2A


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(E500V2)


def any_address(source: random.Random) -> int:
    return source.choice((*PAGES, *ALIASES)) + source.choice(PLACES)


def mapping(source: random.Random) -> tuple[int, int, int, int]:
    """Return MAS0 to MAS3 that map an alias to a page, for one process or all."""
    alias = source.choice(ALIASES)
    mas0 = source.choice((TLB1 | (2 + ALIASES.index(alias)) << 16, source.randrange(4) << 16))
    mas1 = VALID | source.choice((0, 1, 2)) << 16 | 0x100
    return mas0, mas1, alias, source.choice(PAGES) | source.choice((ALL, ALL, SUPERVISOR, USER))


def count(source: random.Random) -> int:
    """Return an instruction which shows later that it has been executed, and how often."""
    return insn("addi", rT=3, rA=3, SI=source.randrange(1 << 15))


def step(source: random.Random) -> list[int]:
    """Return loads, stores and calls at one address, a change of process, or one of a mapping."""
    kind = source.choice(("call", "store", "call and store", "load", "process", "map"))
    address = load_constant(4, any_address(source))
    store = [*load_constant(5, count(source)), insn("stw", rS=5, rA=4)]
    call = [mtspr(spr.CTR, 4), insn("bcctr", BO=20, LK=1)]
    if kind == "call":
        return [*address, *call]
    if kind == "store":
        return [*address, *store]
    if kind == "call and store":
        return [*address, *call, *store, *call]
    if kind == "load":
        return [*address, insn("lwz", rT=6, rA=4), insn("add", rT=3, rA=3, rB=6)]
    if kind == "process":
        change = [li(4, source.randrange(3)), mtspr(spr.PID, 4)]
        return [*change, *address, *call] if source.randrange(2) else change
    values = zip((spr.MAS0, spr.MAS1, spr.MAS2, spr.MAS3), mapping(source), strict=True)
    moves = [word for number, value in values for word in (*load_constant(4, value), mtspr(number, 4))]
    return [*moves, insn("tlbwe")]


def prepare(core: BareCore, seed: int) -> None:
    source = random.Random(seed)
    put_handlers(core)
    for page in PAGES:
        for place in PLACES:
            core.put(page + place, count(source), RETURN)
    for number in range(PROGRAMS):
        words = [word for _ in range(source.randrange(1, 9)) for word in step(source)]
        core.put(FIRST_PROGRAM + number * PROGRAM_SIZE, *words, HALT)
    for _ in range(5):
        core.tlbwe(*mapping(source))
    core.spr[spr.PID] = source.randrange(3)


class Snapshots:
    """The snapshots of a core, in the order in which they were taken."""

    def __init__(self, core: BareCore) -> None:
        self._core = core
        self._taken: list[tuple[VcpuSnapshot, SavedRam]] = []
        self._last = -1

    def take(self) -> None:
        self._taken.append((self._core.vcpu.snapshot(), SavedRam(self._core.ram)))
        self._last = len(self._taken) - 1

    def restore(self, place: int) -> None:
        """Return to one, as a machine does: what it differs in from the last one used counts as written."""
        core, place = self._core, place % len(self._taken)
        snapshot, ram = self._taken[place]
        for page in range(RAM_SIZE // PAGE):
            if ram.page(page) != self._taken[self._last][1].page(page):
                core.vcpu.stored_pages.add(page)
        self._last = place
        core.clock.clear()
        core.vcpu.restore(snapshot, [(core.ram, ram)])


def run(core: BareCore, program: int, length: int, msr: int) -> RunExit:
    old, core.state.msr = core.state.msr, msr
    core.vcpu.core.msr_changed(old)
    core.state.pc = FIRST_PROGRAM + program * PROGRAM_SIZE
    return core.vcpu.run(length)


def actions(seed: int) -> Iterator[Callable[[BareCore, Snapshots], object]]:
    """Yield runs of the programs, snapshots, and returns to these: mostly to the last one.

    In between, a reset that is undone, and that the host tells of a change in memory.
    """
    source = random.Random(seed)
    yield lambda _, snapshots: snapshots.take()
    for _ in range(12):
        kind = source.randrange(10)
        if kind == 0:
            yield lambda _, snapshots: snapshots.take()
        elif kind == 1:
            yield lambda core, _: core.vcpu.memory_changed()
        elif kind < 8:
            if kind == 2:
                yield lambda core, _: core.vcpu.reset()
            place = source.choice((-1, -1, -1, 0, 1))
            yield lambda _, snapshots, place=place: snapshots.restore(place)  # type: ignore[misc]
        for _ in range(source.randrange(1, 3)):
            what = source.randrange(PROGRAMS), source.randrange(1, 90), source.choice((0, 0, MSR_PR))
            yield lambda core, _, what=what: run(core, *what)  # type: ignore[misc]


@REPEATABLE
@given(seed=SEEDS)
def test_runs_returns_and_snapshots_in_any_order_do_the_same_on_both_engines(pair: Pair, seed: int) -> None:
    """The reference engine keeps nothing of a run, the compiled one what it has translated and decoded."""
    pair.prepare(lambda core: prepare(core, seed))
    snapshots = {id(core): Snapshots(core) for core in pair.cores.values()}
    for act in actions(seed):
        pair.each(lambda core, act=act: act(core, snapshots[id(core)]))  # type: ignore[misc]
