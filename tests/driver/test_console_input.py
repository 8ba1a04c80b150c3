# SPDX-License-Identifier: GPL-2.0-or-later
"""What is typed before the guest listens reaches it when it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.machine.outcome import PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import Guest


def test_input_that_waits_from_the_start_is_not_lost(boot: Callable[..., Guest]) -> None:
    guest = boot(append="act=echo")
    assert guest.machine.console is not None
    guest.machine.console.receive(b"one\ntwo\npoweroff\n")
    assert guest.run() == PoweredOff(0)
    assert "init: one" in guest.console
    assert "init: two" in guest.console
