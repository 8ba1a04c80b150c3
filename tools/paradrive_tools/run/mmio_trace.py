# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace of device accesses: one line each, with blanks between the columns.

Lines with a # are none; the last one tells that the trace is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive.host.inputs import InputError
from paradrive.host.outputs import open_in_place

if TYPE_CHECKING:
    from types import TracebackType

    from paradrive.cpu.clock import Clock
    from paradrive.devices.bus import MmioAccess

HEADING = "# guest-time-ns device register direction size value [meaning]\n"
END = "# end\n"


class MmioTrace:
    """Writes the accesses to a file while its ``with`` block runs; InputError when it cannot be created.

    What is no regular file is written to as it is (`paradrive.host.outputs`).

    ``record`` is called from inside the guest's accesses, where nothing may raise: when the file cannot
    take any more, the trace ends and ``problem`` says why.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        self.problem = ""
        self._clock = clock
        try:
            descriptor = open_in_place(path)
            target = path if descriptor is None else descriptor
            self._file = open(target, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (closed by __exit__)
        except (OSError, ValueError) as error:
            raise InputError(path, getattr(error, "strerror", None) or str(error)) from None
        self._write(HEADING)

    def __enter__(self) -> MmioTrace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write(END)
        try:
            self._file.close()
        except OSError as problem:
            self.problem = self.problem or str(problem)

    def record(self, access: MmioAccess) -> None:
        """Write the line of one access."""
        direction = "write" if access.is_write else "read"
        value = f"{access.value:#0{2 + 2 * access.size}x}"
        # The name of a node can have blanks, in a blob that no compiler has made.
        device = access.device.replace(" ", "\\x20")
        meaning = f" {access.meaning}" if access.meaning else ""
        register = f"{access.register} {direction} {access.size} {value}{meaning}"
        self._write(f"{self._clock.now()} {device} {register}\n")

    def _write(self, line: str) -> None:
        if self.problem:
            return
        try:
            self._file.write(line)
        except OSError as error:
            self.problem = str(error)
