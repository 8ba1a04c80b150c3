# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest on QEMU that runs beside this process: its monitor (QMP) and its second UART.

QEMU keeps snapshots (``savevm``) in a qcow2 image, which it makes itself.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from paradrive.guest.agent_protocol import HEADER_SIZE, AgentError, Answer, decode, frame_size
from paradrive_dev.bench.process import BenchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

#: Seconds in which QEMU and its guest must answer.
TIME_LIMIT = 60.0
#: Seconds between two looks whether QEMU still runs while it starts.
_ACCEPT_INTERVAL = 0.2
#: Of a disk that is never written to; the snapshots lie behind it.
_DISK_SIZE = 1 << 20
_SNAPSHOT = "booted"


class QemuGuest:
    """QEMU as ``command`` starts it, with its sockets and its image in ``directory``; to be used in ``with``.

    Every method raises BenchError when QEMU or the guest does not do what it should, in time.
    """

    def __init__(self, command: Sequence[str], directory: Path) -> None:
        self._image = str(directory / "snapshots.qcow2")
        self._errors = directory / "errors"
        with _listen(directory / "monitor") as monitor, _listen(directory / "serial") as serial:
            options = (
                *("-monitor", "none", "-serial", "null"),
                *("-serial", f"unix:{directory / 'serial'}", "-qmp", f"unix:{directory / 'monitor'}"),
            )
            try:
                with self._errors.open("wb") as errors:
                    self._process = subprocess.Popen(
                        (*command, *options),
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=errors,
                    )
            except OSError as error:
                raise BenchError(f"cannot execute {command[0]}: {error.strerror}") from None
            try:
                self._serial, self._monitor = self._accept(serial), self._accept(monitor)
            except BaseException:
                self._end()
                raise
        self._lines = self._monitor.makefile("r", encoding="utf-8")
        # Waits for all that is asked for, which recv() does not where there is a time limit.
        self._frames = self._serial.makefile("rb")
        self._events: deque[str] = deque()

    def __enter__(self) -> QemuGuest:
        """Begin to talk to the monitor."""
        self._receive()
        self._command("qmp_capabilities")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End QEMU."""
        for connection in (self._lines, self._frames, self._monitor, self._serial):
            connection.close()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _accept(self, server: socket.socket) -> socket.socket:
        """Wait until QEMU connects."""
        deadline = time.monotonic() + TIME_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
                connection.settimeout(TIME_LIMIT)
                return connection
        raise BenchError(f"QEMU does not start: {self._last_error()}")

    def _last_error(self) -> str:
        return self._errors.read_text(errors="replace").strip().rpartition("\n")[2]

    # The monitor

    def _receive(self) -> dict[str, Any]:
        """Return the next message of the monitor, and keep the name of an event."""
        try:
            line = self._lines.readline()
        except OSError as error:
            raise BenchError(f"QEMU does not answer: {error}") from None
        if not line:
            raise BenchError(f"QEMU has ended: {self._last_error()}")
        message: dict[str, Any] = json.loads(line)
        if "event" in message:
            self._events.append(message["event"])
        return message

    def _command(self, name: str, **arguments: object) -> object:
        """Execute a command of the monitor, and return what it returns."""
        self._monitor.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._receive()
            if "error" in message:
                raise BenchError(f"QEMU refuses {name}: {message['error']['desc']}")
            if "return" in message:
                return message["return"]

    def wait_for_event(self, name: str) -> None:
        """Wait until the monitor tells of an event; those before it are forgotten."""
        while name not in self._events:
            self._receive()
        self._events.clear()

    def _create(self, job: str, **options: object) -> None:
        """Create an image, or the file for one."""
        self._command("blockdev-create", **{"job-id": job, "options": options})
        status = ""
        while status != "concluded":
            self._receive()
            jobs = self._command("query-jobs")
            assert isinstance(jobs, list)
            [found] = [found for found in jobs if found["id"] == job]
            status = found["status"]
        if "error" in found:
            raise BenchError(f"QEMU cannot create {self._image}: {found['error']}")
        self._command("job-dismiss", id=job)

    def save(self) -> None:
        """Take the snapshot to which ``restore`` returns."""
        self._create("file", driver="file", filename=self._image, size=0)
        self._command("blockdev-add", **{"driver": "file", "filename": self._image, "node-name": "file"})
        self._create("image", driver="qcow2", file="file", size=_DISK_SIZE)
        self._command("blockdev-add", **{"driver": "qcow2", "file": "file", "node-name": "image"})
        self._human("savevm")

    def pause(self) -> None:
        """Stop the guest, which would boot again while others are measured."""
        self._command("stop")

    def resume(self) -> None:
        """Let the guest run on."""
        self._command("cont")

    def restore(self) -> None:
        """Return to the snapshot; the guest runs on."""
        self._human("loadvm")

    def _human(self, command: str) -> None:
        # The commands for programs are jobs, which take longer.
        text = self._command("human-monitor-command", **{"command-line": f"{command} {_SNAPSHOT}"})
        if text:
            raise BenchError(f"QEMU refuses {command}: {text}")

    # The second UART

    def send(self, frame: bytes) -> None:
        """Send a frame to the agent."""
        self._serial.sendall(frame)

    def wait_for_agent(self) -> None:
        """Wait until the agent greets."""
        try:
            header = self._read(HEADER_SIZE)
            answer = decode(header + self._read(frame_size(header) - HEADER_SIZE)).answer
        except AgentError as error:
            raise BenchError(f"QEMU: {error}") from None
        if answer is not Answer.HELLO:
            raise BenchError(f"QEMU: the agent greets with {answer.name}")

    def _read(self, size: int) -> bytes:
        try:
            data = self._frames.read(size)
        except OSError as error:
            raise BenchError(f"QEMU: the guest's agent does not answer: {error}") from None
        if len(data) < size:
            raise BenchError("QEMU has ended before the guest's agent answered")
        return data


def _listen(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.settimeout(_ACCEPT_INTERVAL)
    server.bind(str(path))
    server.listen()
    return server
