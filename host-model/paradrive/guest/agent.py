# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent in the guest, as the host calls it: programs, files, modules.

Each call sends a request to a UART and runs the machine until the answer is there. The agent itself is
guest-driver/userland/agent.c.
"""

from __future__ import annotations

import enum
import errno
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from paradrive.guest.agent_protocol import (
    HEADER_SIZE,
    MAX_PAYLOAD,
    VERSION,
    AgentError,
    Answer,
    Frame,
    Request,
    decode,
    encode,
    frame_size,
    number,
    string,
)
from paradrive.machine.outcome import Interrupted, NoProgress, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.devices.ns16550 import Ns16550
    from paradrive.machine.machine import Machine

#: Instructions that a request may take: half a second on the compiled engine.
DEFAULT_BUDGET = 200_000_000
#: Bytes of output of a program, or of a file, that the host takes; a guest can send without end.
MAX_DATA = 1 << 24
#: Bytes that the host needs for a frame which nobody has asked for yet, besides its payload.
_FRAME_OVERHEAD = 200
#: Data bytes of a write that leave room for a path of the longest kind (PATH_MAX).
_WRITE_SIZE = MAX_PAYLOAD - 4096 - 8


class RequestRefusedError(AgentError):
    """The guest's kernel has refused what was asked for; ``number`` is its errno."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what}: {errno.errorcode.get(number, f'errno {number}')}")
        self.number = number


class GuestEndedError(AgentError):
    """The guest has ended, or hangs, instead of answering; ``outcome`` tells which.

    Where it hangs, the message says where, in the words of ``describe``.
    """

    def __init__(self, what: str, outcome: Outcome, describe: Callable[[int], str] = hex) -> None:
        told = str(outcome)
        if isinstance(outcome, NoProgress):
            places = f"at {describe(outcome.pc)}, called from {describe(outcome.link)}"
            told = f"the guest makes no progress: {outcome.reason}; {places}"
        super().__init__(f"{what}: no answer: {told}")
        self.outcome = outcome


class RebootCommand(enum.IntEnum):
    """Commands of reboot(2)."""

    RESTART = 0x01234567
    HALT = 0xCDEF0123
    POWER_OFF = 0x4321FEDC


class Completed(NamedTuple):
    """A program that has run.

    ``status`` is its exit status, or minus the number of the signal that killed it, as in the module
    subprocess. It is None when the guest ended before the program did; ``outcome`` tells how.
    """

    status: int | None
    stdout: str
    stderr: str
    outcome: Outcome | None = None


class Agent:
    """The agent behind a UART.

    ``budget`` is the number of instructions that each request may take. Every method raises AgentError when
    the agent does not answer or not as it should, RequestRefusedError when the guest's kernel refuses,
    GuestEndedError when the guest ends or uses up the budget. After the latter there is no agent to talk to
    before ``connect``, or before the machine was restored and ``forget`` was called.
    ``describe`` names an address of the guest's code in messages.
    """

    def __init__(
        self, machine: Machine, port: Ns16550, describe: Callable[[int], str] = "{:#010x}".format
    ) -> None:
        self._describe = describe
        self._machine = machine
        self._port = port
        self._frames: deque[Frame] = deque()
        self._waits = False
        self.forget()
        port.transmit = self._take

    def forget(self) -> None:
        """Forget what has been said: the machine has returned to a state in which the agent waits."""
        self.budget = DEFAULT_BUDGET
        self._incoming = bytearray()
        self._size = HEADER_SIZE
        self._frames.clear()
        self._kept = 0
        self._problem: AgentError | None = None
        self._pending: str | None = None
        self._resets = self._machine.resets

    # What comes from the guest

    def _take(self, byte: int) -> None:
        """Take one byte; called from inside the guest's access to the UART, where nothing may raise."""
        if self._machine.resets != self._resets:
            self.forget()  # what the guest was about to say it never will
        if self._problem is not None:
            return
        self._incoming.append(byte)
        if len(self._incoming) == self._size:
            try:
                self._take_part()
            except AgentError as problem:
                self._problem = problem
            if self._waits and (self._frames or self._problem):
                self._machine.interrupt()

    def _take_part(self) -> None:
        """Take a header, or a frame that is complete."""
        if self._size == HEADER_SIZE:
            self._size = frame_size(self._incoming)
            return
        frame = decode(self._incoming)
        self._incoming, self._size = bytearray(), HEADER_SIZE
        self._kept += len(frame.payload) + _FRAME_OVERHEAD
        if self._kept > MAX_DATA:
            raise AgentError(f"the agent has sent more than {MAX_DATA} bytes")
        self._frames.append(frame)

    def _next_frame(self, what: str, deadline: int) -> Frame:
        """Run the machine until the agent says something, or has `spent` as much as ``deadline``."""
        machine = self._machine
        while not self._frames:
            if self._problem is not None:
                raise self._problem
            self._waits = True
            try:
                outcome = machine.run(max(deadline - machine.spent, 0), reset_limit=0)
            finally:
                self._waits = False
            if not isinstance(outcome, Interrupted):
                raise GuestEndedError(what, outcome, self._describe)
        return self._frames.popleft()

    # Conversation

    def connect(self, budget: int) -> None:
        """Run the machine, at most ``budget`` instructions, until an agent that has just started greets."""
        self.forget()
        frame = self._next_frame("agent", self._machine.spent + budget)
        if frame.answer is not Answer.HELLO or frame.number() != VERSION:
            raise AgentError(f"the agent greets with {frame.answer.name} {frame.payload.hex()}")

    def _ask(self, what: str, request: Request, payload: bytes) -> int:
        """Send a request; return what the machine may have spent when the answer is there."""
        if self._pending is not None:
            raise AgentError(f"{what}: the agent has not finished {self._pending}")
        if self._problem is not None:
            raise self._problem
        if self._frames or self._incoming:
            raise AgentError(f"{what}: the agent has said something that it was not asked for")
        frame = encode(request, payload)
        self._pending = what
        self._kept = 0
        self._port.receive(frame)
        return self._machine.spent + self.budget

    def _answer(self, what: str, deadline: int, *expected: Answer) -> Frame:
        """Return the next frame, which must be an expected one. Raises RequestRefusedError for an ERROR."""
        frame = self._next_frame(what, deadline)
        if frame.answer not in (Answer.STDOUT, Answer.STDERR):
            self._pending = None
        if frame.answer is Answer.ERROR:
            raise RequestRefusedError(what, frame.number())
        if frame.answer not in expected:
            raise AgentError(f"{what}: unexpected answer {frame.answer.name}")
        return frame

    def _request(self, what: str, request: Request, payload: bytes, expected: Answer = Answer.DONE) -> bytes:
        return self._answer(what, self._ask(what, request, payload), expected).payload

    # Requests

    def start(self, *arguments: str) -> Program:
        """Let the agent run a program, and return at once: the guest does not run before somebody lets it."""
        what = f"run {' '.join(arguments)}"
        self._ask(what, Request.RUN, b"".join(map(string, arguments)))
        return Program(self, what)

    def run(self, *arguments: str) -> Completed:
        """Run a program to its end; a name without a slash is found in /bin or /sbin."""
        return self.start(*arguments).wait()

    def read(self, path: str) -> bytes:
        """Return the contents of a file."""
        contents = bytearray()
        while True:
            payload = number(len(contents)) + number(MAX_PAYLOAD) + string(path)
            part = self._request(f"read {path}", Request.READ, payload, Answer.DATA)
            contents += part
            if len(part) < MAX_PAYLOAD:
                return bytes(contents)
            if len(contents) > MAX_DATA:
                raise AgentError(f"read {path}: more than {MAX_DATA} bytes")

    def write(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file; one that did not exist gets the permissions ``mode``."""
        contents = data.encode() if isinstance(data, str) else data
        for offset in range(0, max(len(contents), 1), _WRITE_SIZE):
            part = contents[offset : offset + _WRITE_SIZE]
            payload = number(offset) + number(mode) + string(path) + part
            self._request(f"write {path}", Request.WRITE, payload)

    def insmod(self, path: str, parameters: str = "") -> None:
        """Load the module in a file of the guest."""
        self._request(f"insmod {path}", Request.INSMOD, string(path) + string(parameters))

    def rmmod(self, name: str) -> None:
        """Unload a module."""
        self._request(f"rmmod {name}", Request.RMMOD, string(name))

    def mount(self, kind: str, target: str, *, source: str = "none", options: str = "") -> None:
        """Mount a filesystem of this kind on an existing directory."""
        payload = b"".join(map(string, (kind, source, target, options)))
        self._request(f"mount {target}", Request.MOUNT, payload)

    def reboot(self, command: RebootCommand) -> Outcome:
        """Let the guest make the system call of this name, and return how it ended."""
        what = f"reboot {command.name}"
        try:
            self._request(what, Request.REBOOT, number(command))
        except GuestEndedError as ended:
            return ended.outcome
        raise AgentError(f"{what}: the guest runs on")


class Program:
    """A program that the agent has been asked to run."""

    def __init__(self, agent: Agent, what: str) -> None:
        self._agent = agent
        self._what = what

    def wait(self) -> Completed:
        """Run the machine until the program has ended, or the guest."""
        written = {Answer.STDOUT: bytearray(), Answer.STDERR: bytearray()}
        outcome = None
        status: int | None = None
        deadline = self._agent._machine.spent + self._agent.budget
        try:
            frame = self._agent._answer(self._what, deadline, *written, Answer.ENDED)
            while frame.answer is not Answer.ENDED:
                written[frame.answer] += frame.payload
                frame = self._agent._answer(self._what, deadline, *written, Answer.ENDED)
            status = _exit_status(frame.number())
        except GuestEndedError as ended:
            if isinstance(ended.outcome, NoProgress):
                raise
            outcome = ended.outcome
        stdout, stderr = (data.decode("utf-8", "replace") for data in written.values())
        return Completed(status, stdout, stderr, outcome)


def _exit_status(status: int) -> int:
    """Return the exit status in a status of wait(2), or minus the signal."""
    signal = status & 0x7F
    return -signal if signal else status >> 8 & 0xFF
