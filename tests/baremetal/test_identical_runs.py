# SPDX-License-Identifier: GPL-2.0-or-later
"""Two runs of the model are equal to the bit, also when they are cut into slices of any size."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

import pytest
from bare_metal import BUDGET, HERE, build, machine_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paradrive.cpu.vcpu import RunExit

if TYPE_CHECKING:
    from typing import Literal

    from paradrive.machine.machine import Machine


#: Little, because all of it is compared after each run.
MEMORY_MIB = 32


class End(NamedTuple):
    """Everything that a run leaves behind."""

    console: bytes
    instructions: int
    time: int
    registers: bytes
    memory: str


def run_in_slices(engine: Literal["compiled", "reference"], sizes: list[int]) -> End:
    """Run the program in slices of these sizes, and then of the last one; idling ends a slice early."""
    console = bytearray()
    machine = machine_for(build(HERE / "sliced.c", "e500v2"), "e500v2", engine, console, MEMORY_MIB)
    for size in chain(sizes, repeat(sizes[-1])):
        ended = machine.vcpu.run(size)
        if ended is RunExit.IDLE:
            due = machine.clock.next_event()
            assert due is not None
            machine.vcpu.skip_to(due)
        elif ended is not RunExit.BUDGET:
            break
        assert machine.vcpu.instructions < BUDGET
    return _end(machine, bytes(console))


def _end(machine: Machine, console: bytes) -> End:
    (memory,) = machine.memories
    digest = hashlib.sha256(memory.contents).hexdigest()
    registers = machine.vcpu.state.architectural()
    end = End(console, machine.vcpu.instructions, machine.clock.now(), registers, digest)
    machine.destroy()
    return end


@cache
def run_in_one(engine: Literal["compiled", "reference"]) -> End:
    return run_in_slices(engine, [BUDGET])


def test_program_takes_interrupts_of_every_kind() -> None:
    console = run_in_one("compiled").console.decode("ascii")
    for kind in ("decrementer", "fixed interval", "watchdog", "external"):
        assert console.count(f"{kind} at ") >= 3


def test_engines_end_alike() -> None:
    assert run_in_one("reference") == run_in_one("compiled")


def test_second_run_is_equal() -> None:
    assert run_in_slices("compiled", [BUDGET]) == run_in_one("compiled")


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_slices_of_one_size_change_nothing(engine: Literal["compiled", "reference"], size: int) -> None:
    assert run_in_slices(engine, [size]) == run_in_one("compiled")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=50))
def test_slices_of_any_sizes_change_nothing(sizes: list[int]) -> None:
    assert run_in_slices("compiled", sizes) == run_in_one("compiled")
