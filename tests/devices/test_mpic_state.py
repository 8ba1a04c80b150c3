# SPDX-License-Identifier: GPL-2.0-or-later
"""Saved state and guest errors of the MPIC, and that no sequence of accesses breaks it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpic_driver import (
    CTPR,
    DISK,
    EOI,
    FRR,
    GCR,
    GTBCR,
    GTCCR,
    GTDR,
    GTVPR,
    IACK,
    IPIDR,
    IPIVPR,
    NANOSECONDS_PER_TICK,
    PIN,
    PIR,
    SPURIOUS,
    SVR,
    UART,
    Controller,
    idr,
    ivpr,
)


def interrupted(pic: Controller) -> None:
    """Bring the controller into a state with everything in it: service, requests, levels, a timer."""
    pic.program(UART, 4, 0x2A)
    pic.program(DISK, 9, 0x2B)
    pic.program(PIN, 2, 0x30)
    pic[GTVPR] = 6 << 16 | 0x90
    pic[GTBCR] = 100


def test_saved_state_continues_where_it_was() -> None:
    pic, other = Controller(), Controller()
    lines = [[controller.mpic.source(source) for source in (UART, DISK, PIN)] for controller in (pic, other)]
    interrupted(pic)
    for line in lines[0]:
        line.set(True)
    lines[0][2].set(False)
    assert pic.of_cpu(0, IACK) == 0x2B
    pic.advance(60 * NANOSECONDS_PER_TICK)
    other.time = pic.time
    other.mpic.load(json.loads(json.dumps(pic.mpic.save())))
    assert [line.level for line in lines[1]] == [True, True, False]
    for controller, (uart, disk, _) in zip((pic, other), lines, strict=True):
        assert controller[GTCCR] == 40
        uart.set(False)
        disk.set(False)
        controller.to_cpu(0, EOI, 0)
        assert controller.of_cpu(0, IACK) == 0x30
        controller.advance(40 * NANOSECONDS_PER_TICK)
        assert controller.of_cpu(0, IACK) == 0x90
    assert pic.mpic.save() == other.mpic.save()


def test_load_drops_what_was_requested_since(pic: Controller) -> None:
    pic.program(PIN, 2, 0x30)
    line = pic.mpic.source(PIN)
    state = pic.mpic.save()
    line.set(True)
    assert pic.outputs == [True]
    pic.mpic.load(state)
    assert pic.outputs == [False]
    assert not line.level
    line.set(True)
    assert pic.outputs == [True]


def test_load_of_a_level_is_no_edge(pic: Controller) -> None:
    pic.program(PIN, 2, 0x30)
    line = pic.mpic.source(PIN)
    line.set(True)
    pic.of_cpu(0, IACK)
    pic.to_cpu(0, EOI, 0)
    state = pic.mpic.save()
    line.set(False)
    pic.changes = 0
    pic.mpic.load(state)
    assert line.level
    assert pic.changes == 0


def test_load_of_the_present_state_moves_no_output(pic: Controller) -> None:
    pic.program(UART, 8, 0x2A)
    pic.mpic.source(UART).set(True)
    pic.changes = 0
    pic.mpic.load(pic.mpic.save())
    assert pic.changes == 0


@pytest.mark.parametrize(
    "change",
    [
        {"requests": [[268, 1]]},
        {"requests": [[1, 2]]},
        {"requests": [[1]]},
        {"requests": 1},
        {"in_service": [[1, 1, 1]]},
        {"in_service": [[0, 16, 1]]},
        {"in_service": [None]},
        {"asserted": [[256, 0]]},
        {"timers": [[8, 0, 0, 0, 0]]},
        {"timers": [[0, 0, 0, 0, "1"]]},
        {"timers": [[0, 0, 0, 0, -1]]},
    ],
)
def test_malformed_state_is_refused(pic: Controller, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="mpic"):
        pic.mpic.load(pic.mpic.save() | change)


@pytest.mark.parametrize(
    ("offset", "size"), [(FRR, 1), (FRR, 2), (FRR + 2, 2), (0x1300, 4), (0x41600 & 0xFFFF, 4)]
)
def test_undefined_access_is_a_guest_error(pic: Controller, offset: int, size: int) -> None:
    pic.mpic.write(offset, size, 1)
    assert pic.mpic.read(offset, size) == 0
    assert pic.mpic.guest_errors.count == 2


OFFSETS = st.one_of(
    st.integers(0, 0x3FFFF),
    st.sampled_from(
        [GCR, PIR, IPIVPR, SVR, GTBCR, GTVPR, GTDR, GTCCR, IPIDR, CTPR, IACK, EOI]
        + [place for source in (0, PIN, UART) for place in (ivpr(source), idr(source))]
        + [0x20000 + cpu * 0x1000 + place for cpu in (0, 1) for place in (IPIDR, CTPR, IACK, EOI)]
    ),
)
VALUES = st.one_of(
    st.integers(0, 3),
    st.integers(0, 15).map(lambda priority: priority << 16 | 5),
    st.integers(0, (1 << 64) - 1),
)
STEPS = st.tuples(
    st.sampled_from(["read", "write", "write", "line", "time"]),
    OFFSETS,
    st.sampled_from([4, 4, 4, 4, 1, 2, 8]),
    VALUES,
)


@given(st.lists(STEPS, max_size=60))
def test_no_sequence_raises_and_a_loaded_state_continues_alike(
    steps: list[tuple[str, int, int, int]],
) -> None:
    smp = Controller(cpus=2)
    lines = [smp.mpic.source(number) for number in (0, PIN, UART, UART)]
    smp[SVR] = SPURIOUS
    for action, offset, size, value in steps:
        if action == "read":
            assert 0 <= smp.mpic.read(offset, size) < 1 << 32
        elif action == "write":
            smp.mpic.write(offset, size, value)
        elif action == "line":
            lines[offset % 4].set(value % 2 == 1)
        else:
            smp.advance(value % 1000)
    # The loaded state behaves as the one that was saved, and nothing interrupts without end.
    other = Controller(cpus=2)
    for number in (0, PIN, UART, UART):
        other.mpic.source(number)
    other.time = smp.time
    other.mpic.load(smp.mpic.save())
    assert other.outputs == smp.outputs
    for cpu in (0, 1):
        for _ in range(20):
            level = smp.outputs[cpu]
            assert smp.of_cpu(cpu, IACK) == other.of_cpu(cpu, IACK)
            assert smp.outputs == other.outputs
            if not level:
                break
        assert not smp.outputs[cpu]
