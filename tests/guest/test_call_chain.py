# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of functions that a guest's stack tells, and stacks that tell nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from paradrive.guest.call_chain import MAX_FRAMES, call_chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paradrive.cpu.state import CoreState
    from paradrive.guest.memory import GuestMemory

PC, LR, STACK = 0xC0001000, 0xC0002000, 0xC0100000


def chain(words: Mapping[int, int], lr: int = LR) -> list[int]:
    """Return the chain of a core at PC, with these words in memory."""
    state = SimpleNamespace(pc=PC, lr=lr, gpr=[0, STACK])
    memory = SimpleNamespace(read_word=words.get)
    return call_chain(cast("CoreState", state), cast("GuestMemory", memory))


def frames(*returns: int) -> dict[int, int]:
    """Return the words of a stack: each frame's back chain, and the return addresses, innermost first."""
    words = {}
    for number, address in enumerate(returns):
        frame = STACK + 0x20 * number
        words |= {frame: frame + 0x20, frame + 0x24: address}
    return words


def test_functions_return_to_what_their_callers_frames_hold() -> None:
    assert chain(frames(0xC0003000, 0xC0004000)) == [PC, LR, 0xC0003000, 0xC0004000]


def test_a_return_address_in_the_link_register_and_on_the_stack_is_told_once() -> None:
    assert chain(frames(LR, 0xC0004000)) == [PC, LR, 0xC0004000]


def test_a_function_that_calls_itself_is_told_each_time() -> None:
    assert chain(frames(LR, LR, LR)) == [PC, LR, LR, LR]


def test_a_frame_without_a_return_address_is_passed_over() -> None:
    assert chain(frames(0, 0xC0004000)) == [PC, LR, 0xC0004000]


@pytest.mark.parametrize(
    "words",
    [{}, {STACK: STACK}, {STACK: STACK - 0x20}, {STACK: STACK + 0x20}],
    ids=["none", "loop", "down", "cut"],
)
def test_a_chain_that_does_not_lead_up_ends(words: dict[int, int]) -> None:
    assert chain(words) == [PC, LR]


def test_a_chain_without_end_is_cut() -> None:
    assert len(chain(frames(*range(4, 4000, 4)))) == 2 + MAX_FRAMES
