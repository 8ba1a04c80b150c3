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
        #: What to do, by effective address.
        self.actions: dict[int, list[Callable[[], None]]] = {}
        self._pages: set[int] = set()
        #: Time and address of the last arrival.
        self._last_arrival = (-1, 0)

    def set(self, address: int, action: Callable[[], None]) -> None:
        """Call ``action`` each time before the instruction at ``address`` is executed."""
        self.actions.setdefault(address, []).append(action)
        self._changed()

    def remove(self, address: int, action: Callable[[], None]) -> None:
        """Do not call ``action`` before this instruction any more, if it would have been."""
        actions = self.actions.get(address, [])
        if action in actions:
            actions.remove(action)
        if not actions:
            self.actions.pop(address, None)
        self._changed()

    def clear(self) -> None:
        """Remove all, before guest time goes back."""
        self.actions.clear()
        self._changed()
        self._last_arrival = (-1, 0)

    def _changed(self) -> None:
        self._pages = {address // PAGE_SIZE for address in self.actions}

    def on_page_of(self, address: int) -> bool:
        """Tell whether there is one on the page of an effective address."""
        return address // PAGE_SIZE in self._pages

    def reach(self) -> bool:
        """Perform the actions that are due before the next instruction; tell whether there were any.

        Each arrival is one: when they have been performed and changed nothing, the instruction follows.
        One that must be fetched again after a TLB error has not been arrived at before.
        """
        address = self._state.pc
        arrival = self._state.clock_limit - self._state.remaining, address
        if address not in self.actions or arrival == self._last_arrival or not self._can_fetch(address):
            return False
        self._last_arrival = arrival
        for action in tuple(self.actions[address]):
            action()
        return True
