# SPDX-License-Identifier: GPL-2.0-or-later
"""Any value of any register in a saved state is refused, or goes on in the same way on both engines."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from engine_pair import REPEATABLE, Pair, put_handlers, randomise
from hypothesis import given, settings
from hypothesis import strategies as st

from bare_core import CODE, DATA, ENGINES, BareCore, insn, jump, li, load_constant, mfspr, mtspr
from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.saved_core import saved_sprs
from paradrive.isa import spr

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]

#: What looks at registers of all kinds, again and again, among them those that translate and interrupt.
PROGRAM = [
    *load_constant(4, DATA),
    insn("lwarx", rT=3, rB=4),
    insn("stwcx.", rS=5, rB=4),
    insn("stwu", rS=3, rA=4, D=4),
    insn("lwzx", rT=6, rA=7, rB=8),
    insn("mfcr", rT=9),
    mfspr(10, spr.XER),
    insn("tlbsx", rB=6),
    insn("tlbre"),
    insn("tlbwe"),
    mfspr(11, spr.TBL_READ),
    mfspr(11, spr.DEC),
    mtspr(spr.PID, 13),
    mtspr(spr.DEC, 14),
    mtspr(spr.TSR, 15),
    insn("bcctr", BO=0b10100, LK=1),
    insn("mtmsr", rS=16),
    insn("sc"),
    insn("rfi"),
    jump(-19 * 4),
]
FLOATING = [insn("fadd", frT=1, frA=2, frB=3), insn("mffs", frT=4), insn("stfd", frS=4, rA=4)]
BEFORE, AFTER = 7, 60

VALUES = st.one_of(
    st.sampled_from([bit - less for bit in (1 << n for n in range(70)) for less in (0, 1)]),
    st.integers(-1, (1 << 33) - 1),
    st.sampled_from([None, True, 0.5, "0", "external", [], [0], {}, 1 << 4000]),
)


def leaves(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything in a saved state, containers too."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def changed(saved: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    state = copy.deepcopy(saved)
    place: Any = state
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return state


class SavedPair(Pair):
    """The same core on both engines, and a state of theirs to which they can return with a change."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.prepare(lambda core: self._start(core, model))
        self.each(lambda core: core.vcpu.run(BEFORE))
        states = [json.loads(json.dumps(core.vcpu.save())) for core in self.cores.values()]
        assert states[0] == states[1]
        self.saved: dict[str, Any] = states[0]
        self.by_name: dict[str | int, list[Path]] = {}
        for path in leaves(self.saved):
            self.by_name.setdefault(path[0], []).append(path)
        self._ram = bytes(self.cores["reference"].ram.contents)

    @staticmethod
    def _start(core: BareCore, model: str) -> None:
        randomise(core, 1)
        core.state.reservation &= ~3
        put_handlers(core)
        core.put(CODE, *PROGRAM[:2], *(FLOATING if model == "e500mc" else ()), *PROGRAM[2:])
        core.state.ctr = CODE
        core.tlbwe(0, 0x80000000, DATA, DATA | 0x3F)
        core.state.pc = CODE

    def load(self, core: BareCore, state: dict[str, Any]) -> str | None:
        """Load a state; return with which words it is refused, None if it is not."""
        core.clock.clear()
        core.ram.contents[:] = self._ram
        core.bus.accesses.clear()
        try:
            core.vcpu.load(state)
        except ValueError as error:
            return str(error)
        return None

    def check(self, state: dict[str, Any]) -> str | None:
        """Have both load a state and run; return with which words both refuse it, None if they do not."""
        refusals = {self.load(core, copy.deepcopy(state)) for core in self.cores.values()}
        assert len(refusals) == 1
        (refusal,) = refusals
        if refusal is None:
            for _ in range(3):
                self.each(lambda core: core.vcpu.run(AFTER // 3))
        else:
            assert len(refusal.splitlines()) == 1
        return refusal


@pytest.fixture(scope="module", params=sorted(CPU_MODELS))
def pair(request: pytest.FixtureRequest) -> SavedPair:
    return SavedPair(request.param)


def test_state_as_it_was_saved_goes_on(pair: SavedPair) -> None:
    assert pair.check(pair.saved) is None


@settings(REPEATABLE, max_examples=500)
@given(data=st.data())
def test_any_value_is_refused_or_goes_on_the_same_on_both_engines(
    pair: SavedPair, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(pair.by_name, key=str)))
    path = data.draw(st.sampled_from(pair.by_name[name]))
    pair.check(changed(pair.saved, path, data.draw(VALUES)))


def test_each_bit_that_a_special_purpose_register_lacks_is_refused_and_no_other(pair: SavedPair) -> None:
    model = CPU_MODELS[pair.cores["reference"].vcpu.core.model.name]
    for name, register in saved_sprs(model).items():
        constant = model.constants.get(register.number)
        for bit in (1 << number for number in range(32)):
            value = bit if constant is None else constant ^ bit
            refusal = pair.load(pair.cores["reference"], changed(pair.saved, ("spr", name), value))
            accepted = refusal is None or name not in refusal
            assert accepted == bool(register.mask & bit), f"{name} {value:#x}: {refusal}"


@pytest.mark.parametrize("value", [0xFFFFFFFF, 0x100, 0xFF])
def test_every_process_id_that_is_accepted_can_miss(pair: SavedPair, value: int) -> None:
    state = changed(pair.saved, ("spr", "PID0"), value)
    # Nothing is mapped: the next instruction is a miss, which puts the process ID into a MAS register.
    state["tlb1"] = []
    assert (pair.check(state) is None) == (value <= 0xFF)


@pytest.mark.parametrize("pc", [1, 2, 3, CODE + 2])
def test_address_of_no_instruction_is_refused(pair: SavedPair, pc: int) -> None:
    assert pair.check(changed(pair.saved, ("pc",), pc)) is not None


@pytest.mark.parametrize("name", ["external", "decrementer", "fixed_interval", "watchdog", "wait", "reset"])
def test_interrupt_of_a_timer_is_pending_only_as_its_registers_say(pair: SavedPair, name: str) -> None:
    is_timer = name in ("decrementer", "fixed_interval", "watchdog")
    assert (pair.check(changed(pair.saved, ("pending",), [name])) is not None) == is_timer


@pytest.mark.parametrize("name", ["pending", "edges_due"])
def test_name_without_its_list_is_refused(pair: SavedPair, name: str) -> None:
    assert pair.check(changed(pair.saved, (name,), "watchdog")) is not None


@pytest.mark.parametrize(
    "field", [("size", 1 << 13), ("user_bits", 1), ("iprot", 1), ("epn", DATA + 0x1000)], ids=lambda f: f[0]
)
def test_entry_that_no_write_makes_is_refused(pair: SavedPair, field: tuple[str, int]) -> None:
    assert pair.check(changed(pair.saved, ("tlb0", 0, field[0]), field[1])) is not None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", sorted(CPU_MODELS))
def test_whatever_is_written_to_registers_can_be_saved_and_loaded(engine: str, model: str) -> None:
    """No write sets a bit that the declaration of the register does not have."""
    core = BareCore(engine, model)
    for register in spr.SPRS.values():
        if model not in register.cores or not register.writable:
            continue
        core.power_on()
        core.gpr[3] = 0xFFFFFFFF
        core.execute(mtspr(register.number, 3))
        assert core.interrupt is None, register.name
        saved = json.loads(json.dumps(core.vcpu.save()))
        core.clock.clear()
        core.vcpu.load(saved)
        assert core.vcpu.save() == saved, register.name


@pytest.mark.parametrize("engine", ENGINES)
def test_core_that_has_run_executes_what_is_in_ram_when_a_state_is_loaded(engine: str) -> None:
    """Who loads a state has put its RAM there before: nothing decoded of what was there counts any more."""
    core = BareCore(engine)
    core.put(CODE, li(5, 1))
    saved = core.vcpu.save()
    core.vcpu.run(1)
    core.ram.contents[CODE : CODE + 4] = li(5, 2).to_bytes(4, "big")
    core.clock.clear()
    core.vcpu.load(saved)
    core.vcpu.run(1)
    assert core.gpr[5] == 2
