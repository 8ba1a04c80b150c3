# SPDX-License-Identifier: GPL-2.0-or-later
"""Run as a process of its own: continue the machine in a file to its end, and print what there is to see."""

from __future__ import annotations

import json
import sys

from observable import everything

from paradrive.machine import saved_machine

if __name__ == "__main__":
    file, engine, reset_limit = sys.argv[1:]
    printed = bytearray()
    machine = saved_machine.load(file, printed.append, engine=engine)  # type: ignore[arg-type]
    outcome = machine.run(400_000_000, reset_limit=int(reset_limit))
    json.dump([repr(outcome), printed.decode("latin-1"), everything(machine)], sys.stdout)
