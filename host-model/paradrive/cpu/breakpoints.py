# SPDX-License-Identifier: GPL-2.0-or-later
"""Instructions before which the host wants to look at the guest, or to change it.

They cost nothing elsewhere: only the pages that they are on are left to the reference engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.cpu.ports import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.cpu.state import CoreState


class Breakpoints:
    """What to do before the instructions at certain effective addresses, in whichever address space.

    ``can_fetch`` tells of an effective address whether an instruction can be fetched there at present.
    """

    def __init__(self, state: CoreState, can_fetch: Callable[[int], bool]) -> None:
        self._state = state
        self._can_fetch = can_fetch
        self._actions: dict[int, Callable[[], None]] = {}
        self._pages: set[int] = set()
        self._done_at = -1

    def __len__(self) -> int:
        return len(self._actions)

    def set(self, address: int, action: Callable[[], None]) -> None:
        """Call ``action`` each time before the instruction at ``address`` is executed."""
        self._actions[address] = action
        self._changed()

    def remove(self, address: int) -> None:
        """Do nothing before this instruction any more."""
        self._actions.pop(address, None)
        self._changed()

    def clear(self) -> None:
        """Remove all, before guest time goes back."""
        self._actions.clear()
        self._changed()
        self._done_at = -1

    def _changed(self) -> None:
        self._pages = {address // PAGE_SIZE for address in self._actions}

    def on_page_of(self, address: int) -> bool:
        """Tell whether there is one on the page of an effective address."""
        return address // PAGE_SIZE in self._pages

    def reach(self) -> bool:
        """Perform the action that is due before the next instruction; tell whether there was one.

        Each arrival is one: when the action has been performed and changed nothing, the instruction follows.
        One that must be fetched again after a TLB error has not been arrived at before.
        """
        action = self._actions.get(self._state.pc)
        now = self._state.clock_limit - self._state.remaining
        if action is None or now == self._done_at or not self._can_fetch(self._state.pc):
            return False
        self._done_at = now
        action()
        return True
