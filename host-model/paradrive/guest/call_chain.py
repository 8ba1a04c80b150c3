# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain of functions in which the guest's kernel is.

Source: System V ABI, PowerPC Processor Supplement (1995), "The Stack Frame": r1 points to the back chain,
a word that holds the caller's r1; the word after it is where a function saves the LR it was called with
for the frame that it creates, so in its caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paradrive.cpu.state import CoreState
    from paradrive.guest.memory import GuestMemory

#: A guest can build chains without end.
MAX_FRAMES = 32


def call_chain(state: CoreState, memory: GuestMemory) -> list[int]:
    """Return the addresses of the next instruction and of those to which functions return, innermost first.

    The link register comes second; it is stale if the innermost function has called others. Where the stack
    says the same, it is left out.
    """
    returns: list[int] = []
    frame = state.gpr[1]
    for _ in range(MAX_FRAMES):
        caller = memory.read_word(frame)
        # Stacks grow down, so a chain that does not lead up is none.
        if caller is None or caller <= frame:
            break
        return_address = memory.read_word(caller + 4)
        if return_address is None:
            break
        if return_address:
            returns.append(return_address)
        frame = caller
    if returns[:1] == [state.lr]:
        returns.pop(0)
    return [state.pc, state.lr, *returns]
