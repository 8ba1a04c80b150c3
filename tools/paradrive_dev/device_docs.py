# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.device_docs``: write docs/devices.md from the devices' register maps."""

from __future__ import annotations

import sys

from paradrive.devices import description
from paradrive.devices.device import Device
from paradrive.devices.guts import Guts
from paradrive.devices.mpic import Mpic
from paradrive.devices.ns16550 import Ns16550
from paradrive.devices.pvctl import Pvctl
from paradrive.devices.pvpanic import Pvpanic
from paradrive.devices.virtio import VirtioBlk, VirtioConsole, VirtioDevice, VirtioP9, VirtioRng
from paradrive.devices.virtio.mmio import VirtioMmio
from paradrive.host.inputs import InputError
from paradrive.host.outputs import write_output
from paradrive_tools import exit_status
from paradrive_tools.guest_build.paths import CHECKOUT
from paradrive_tools.process import as_process

DOCUMENT = CHECKOUT / "docs" / "devices.md"
#: In the order of the document.
DEVICES: tuple[type[Device], ...] = (
    *(Pvctl, Pvpanic, Ns16550, Mpic, Guts),
    *(VirtioMmio, VirtioRng, VirtioBlk, VirtioConsole, VirtioP9),
)

_INTRODUCTION = """\
<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<!-- Written by "make docs" from host-model/paradrive/devices; change the register maps there. -->
# Devices

The registers of each device of the model, as its class declares them. Offsets and widths are in bytes,
values are big-endian unless a section says otherwise. A register may be accessed only in its widths. Any
other access, one to an offset without a register, or in a direction that the register lacks is a guest
error: it is counted, reads as 0 and changes nothing.

Access is RO, RW, WO, R/W1C (a write clears the bits in which it has ones) or RC (a read clears all bits).
Where the reset value is "host", the host determines the value. After the meaning come the names of bits
and values. NAME[4] are four registers; i and j count from 0.
"""


def document() -> str:
    """Return the whole document in Markdown."""
    return "\n".join([_INTRODUCTION, *map(section, DEVICES)])


def section(device: type[Device]) -> str:
    """Return the section of one device, with a link to its file."""
    file = f"host-model/{device.__module__.replace('.', '/')}.py"
    return description.section(device, f"Source: [{file}](../{file}).", base_of(device))


def base_of(device: type[Device]) -> type[Device]:
    """Return the class whose registers the section of another one tells."""
    return VirtioDevice if issubclass(device, VirtioDevice) else Device


def main() -> int:
    """Write the document; return the exit status."""
    try:
        write_output(str(DOCUMENT), [document().encode()])
    except InputError as error:
        print(f"paradrive: error: {error}", file=sys.stderr)
        return exit_status.BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(as_process(main))
