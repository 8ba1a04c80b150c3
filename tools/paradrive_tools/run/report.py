# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a run as JSON, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from paradrive.devices.pvctl import Pvctl
from paradrive.host.outputs import write_output
from paradrive.host.printable import printable

if TYPE_CHECKING:
    from paradrive.machine.machine import Machine
    from paradrive_tools.run.verdict import Verdict


def report(machine: Machine, verdict: Verdict, seconds: float, kernel_log: list[str]) -> dict[str, object]:
    """Return the report; ``seconds`` are the host's of the run alone, ``guest_seconds`` the guest's.

    ``kernel_log`` are lines that the console should have had.
    """
    errors = machine.bus.guest_errors
    return {
        "outcome": verdict.kind,
        "exit_status": verdict.exit_status,
        "message": verdict.sentence,
        "instructions": machine.vcpu.instructions,
        "seconds": round(seconds, 6),
        "guest_seconds": machine.clock.now() / 1e9,
        "resets": machine.resets,
        "panics": machine.panics,
        "boot_reason": _boot_reason(machine),
        "kernel_log": kernel_log,
        "unimplemented": dict(machine.vcpu.unimplemented),
        "guest_errors": {"count": errors.count, "first": [printable(str(error)) for error in errors.entries]},
        "warnings": [printable(warning) for warning in machine.warnings],
    }


def _boot_reason(machine: Machine) -> str | None:
    """Return why the guest has started last, as the driver names it; None where nothing tells the guest."""
    for device in machine.devices.values():
        if isinstance(device, Pvctl):
            return device.boot_reason.name.lower().replace("_", "-")
    return None


def write_report(
    path: str, machine: Machine, verdict: Verdict, seconds: float, kernel_log: list[str]
) -> None:
    """Write the report to a file, which is complete or untouched; InputError when that cannot be done."""
    text = json.dumps(report(machine, verdict, seconds, kernel_log), indent=2) + "\n"
    write_output(path, [text.encode()])
