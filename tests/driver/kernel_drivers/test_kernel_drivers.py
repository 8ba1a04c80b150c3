# SPDX-License-Identifier: GPL-2.0-or-later
"""Drivers of the kernel, unmodified, on models that only declare what their devices have.

Nobody here wrote these drivers: what they find out about the model, drivers of other people's will, too.
"""

from __future__ import annotations

from struct import iter_unpack
from typing import TYPE_CHECKING

import pytest
from altera_msgdma import Msgdma
from e3x0_button import Button
from elo_dma import EloChannel, EloDma
from goldfish_rtc import GoldfishRtc
from programs import program
from uartlite import Uartlite

from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from paradrive.testing.booted import BootedGuest

pytestmark = pytest.mark.guest(dtb="kernel_drivers.dts")

SECOND = 1_000_000_000
#: In which a program that has been started comes to wait.
A_WHILE = 1_000_000
EV_KEY, KEY_POWER = 1, 116


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    """Return a guest whose kernel has these drivers, as modules."""
    guest = ensure_guest("e500v2", fragments=("full",))
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)


class Host:
    """What these tests do in their guest besides: load drivers, run programs of their own."""

    def __init__(self, guest: BootedGuest, files: GuestFiles) -> None:
        self._guest, self._files = guest, files

    def load(self, *modules: str, parameters: str = "") -> None:
        for module in modules:
            self._guest.insmod(self._files.kernel.parent / "drivers" / f"{module}.ko", parameters)

    def install(self, *names: str) -> None:
        for name in names:
            self._guest.write(f"/bin/{name}", program(name, self._files, "full"), 0o755)

    def dmatest(self) -> str:
        """Let three threads of the kernel's own test copy on each channel; return what it says."""
        self.load("dma/dmatest", parameters="threads_per_chan=3 iterations=5 test_buf_size=4096 run=1")
        self._guest.read("/sys/module/dmatest/parameters/wait")  # until it is through
        return self._guest.console


@pytest.fixture
def host(guest: BootedGuest, guest_files: GuestFiles) -> Host:
    return Host(guest, guest_files)


def test_clock_tells_the_time_and_wakes_its_reader(guest: BootedGuest, host: Host) -> None:
    rtc = guest.device(GoldfishRtc)
    rtc.ahead = 1_700_000_000 * SECOND
    host.load("rtc/rtc-goldfish")
    assert int(guest.read("/sys/class/rtc/rtc0/since_epoch")) == 1_700_000_000
    host.install("alarm")
    before = guest.machine.clock.now()
    assert guest.run("alarm 5").status == 0
    # It rings at a full second.
    assert 4 * SECOND < guest.machine.clock.now() - before < 6 * SECOND
    assert not rtc.irq.level
    assert rtc.guest_errors.count == 0


def test_button_is_two_edges(guest: BootedGuest, host: Host) -> None:
    button = guest.device(Button)
    host.load("input/input-core", "input/evdev", "input/misc/e3x0-button")
    host.install("take")
    reading = guest.agent.start("take", "/dev/input/event0", "64")
    for line in (button.press, button.release):
        guest.run_until(instructions=A_WHILE)
        line.pulse()
    events = iter_unpack(">8xHHi", bytes.fromhex(reading.wait().stdout))
    assert [event for event in events if event[0]] == [(EV_KEY, KEY_POWER, 1), (EV_KEY, KEY_POWER, 0)]


def test_uart_sends_and_receives(guest: BootedGuest, host: Host) -> None:
    uart = guest.device(Uartlite)
    host.load("tty/serial/uartlite")
    host.install("put", "take")
    assert guest.run("put /dev/ttyUL0 hello").status == 0
    assert uart.sent == b"hello"
    reading = guest.agent.start("take", "/dev/ttyUL0", "3")
    guest.run_until(instructions=A_WHILE)
    uart.receive(b"hi\n")
    assert bytes.fromhex(reading.wait().stdout) == b"hi\n"
    assert uart.guest_errors.count == 0


def test_channels_copy_what_descriptors_in_memory_say(guest: BootedGuest, host: Host) -> None:
    host.load("dma/fsldma")
    assert host.dmatest().count("5 tests, 0 failures") == 2 * 3
    dma = guest.device(EloDma)
    channels = [device for device in guest.machine.devices.values() if isinstance(device, EloChannel)]
    assert [device.guest_errors.count for device in (dma, *channels)] == [0, 0, 0]


def test_dispatcher_copies_what_its_fifo_is_told(guest: BootedGuest, host: Host) -> None:
    host.load("dma/altera-msgdma")
    assert host.dmatest().count("5 tests, 0 failures") == 3
    assert guest.device(Msgdma).guest_errors.count == 0
