# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever fails in ``probe``, the driver gives back all that it has taken, and can be bound again."""

from __future__ import annotations

from errno import EAGAIN, EBUSY, ENOMEM, ENOSPC
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import pytest
from binding import DEVICE, bind, complaints, unbind
from elftools.elf.elffile import ELFFile

from paradrive.devices.pvctl import Command, ResetKind
from paradrive.machine.outcome import ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.pvctl import Pvctl
    from paradrive.testing.booted import BootedGuest
    from paradrive.testing.guest import GuestFiles


class Call(NamedTuple):
    """A call that ``probe`` makes: the ``number``-th of this function while the driver is bound."""

    function: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.function}-{self.number}"


#: Without these there is no driver; what they return is what ``probe`` returns. (The kernel's own part of
#: registering a handler calls __devm_add_action, too: its calls 2 and 3.)
NEEDED = {
    Call("devm_kmalloc"): ENOMEM,
    Call("devm_platform_ioremap_resource"): ENOSPC,
    Call("platform_get_irq_optional"): ENOSPC,
    Call("__devm_add_action", 1): ENOSPC,
    Call("devm_register_sys_off_handler", 1): ENOSPC,
    Call("devm_register_sys_off_handler", 2): ENOSPC,
    Call("__devm_add_action", 4): ENOSPC,
    Call("__devm_add_action", 5): ENOSPC,
    Call("devm_request_threaded_irq"): ENOSPC,
    Call("__devm_add_action", 6): ENOSPC,
    Call("__devm_add_action", 7): ENOSPC,
}
#: The property is optional, and a notifier can only have been registered before.
DISPENSABLE = {
    Call("device_property_read_u32_array"),
    Call("atomic_notifier_chain_register"),
}

#: What the driver takes from the kernel besides functions.
VARIABLES = ("panic_notifier_list", "system_percpu_wq")
#: All through which the kernel allocates memory while a driver is bound.
ALLOCATORS = (
    "__alloc_pages_noprof",
    "__kmalloc_cache_noprof",
    "__kmalloc_node_track_caller_noprof",
    "__kmalloc_noprof",
    "kmem_cache_alloc_lru_noprof",
    "kmem_cache_alloc_node_noprof",
    "kmem_cache_alloc_noprof",
)
#: What binding may return when there is no memory: a region that cannot be noted counts as in use
#: (lib/devres.c), a thread that cannot be created may be tried again (kernel/fork.c). Some do without.
OUT_OF_MEMORY = {0, ENOMEM, EBUSY, EAGAIN}


def in_use(guest: BootedGuest, pvctl: Pvctl) -> object:
    """Return what drivers hold, regions and interrupts, and what this one has told its device."""
    interrupts = [line.split() for line in guest.read("/proc/interrupts").splitlines()]
    users = {words[0]: words[-1] for words in interrupts}
    return guest.read("/proc/iomem"), users, pvctl.ENABLE, pvctl.EVENT_MASK


def assert_nothing_is_left(guest: BootedGuest, pvctl: Pvctl, before: object) -> None:
    """Assert that an unbound driver holds nothing, can be bound again, and leaves no handler behind."""
    assert complaints(guest) == []
    assert in_use(guest, pvctl) == before
    assert bind(guest) == 0
    assert guest.read(f"{DEVICE}/version") == "1.0\n"
    unbind(guest)
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert (pvctl.commands, complaints(guest)) == ([], [])


def imported_functions(guest_files: GuestFiles) -> list[str]:
    """Return what the driver's module leaves undefined, without ``VARIABLES``."""
    with guest_files.modules[0].open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        names = [symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name]
    return [name for name in names if name not in VARIABLES]


def test_no_call_of_probe_is_left_out(guest: BootedGuest, guest_files: GuestFiles) -> None:
    vcpu, calls = guest.machine.vcpu, []
    with guest_files.modules[0].open("rb") as file:
        size = ELFFile(file).get_section_by_name(".text")["sh_size"]
    start = int(guest.read("/sys/module/pvctl/sections/.text"), 16)
    unbind(guest)

    def observe(function: str) -> Callable[[], None]:
        number = 0

        def called() -> None:
            nonlocal number
            number += 1
            # The kernel's own functions call some of them, too.
            if start <= vcpu.state.lr < start + size:
                calls.append(Call(function, number))

        return called

    for function in imported_functions(guest_files):
        vcpu.set_breakpoint(guest.symbol(function), observe(function))
    assert bind(guest) == 0
    assert len(calls) == len(set(calls))
    assert set(calls) == NEEDED.keys() | DISPENSABLE


@pytest.mark.parametrize("call", NEEDED, ids=str)
def test_probe_returns_the_error_of_what_it_needs(guest: BootedGuest, pvctl: Pvctl, call: Call) -> None:
    unbind(guest)
    before = in_use(guest, pvctl)
    fault = guest.fail(call.function, ENOSPC, call=call.number)
    assert bind(guest) == NEEDED[call]
    assert fault.failed
    assert_nothing_is_left(guest, pvctl, before)


@pytest.mark.parametrize("call", sorted(DISPENSABLE), ids=str)
def test_probe_goes_on_without_what_it_can_do_without(guest: BootedGuest, pvctl: Pvctl, call: Call) -> None:
    unbind(guest)
    fault = guest.fail(call.function, ENOSPC, call=call.number)
    assert bind(guest) == 0
    assert fault.failed
    assert guest.run("reboot").outcome == ResetLimit(0)
    assert pvctl.commands == [Command.RESET(argument=ResetKind.COLD)]
    assert complaints(guest) == []


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_any_allocation_may_fail(guest: BootedGuest, pvctl: Pvctl, allocator: str) -> None:
    unbind(guest)
    before = in_use(guest, pvctl)
    for number in count(1):
        guest.restore()
        unbind(guest)
        fault = guest.fail(allocator, call=number)
        error = bind(guest)
        if not fault.failed:
            break
        assert error in OUT_OF_MEMORY, f"call {number}"
        if error == 0:
            unbind(guest)
        assert_nothing_is_left(guest, pvctl, before)
    assert number > 1, f"{allocator} is never called"
