# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side of the agent, towards guests that answer anything; test_booted_guest has the real one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.guest import agent as agent_module
from paradrive.guest.agent import Agent, Completed, GuestEndedError, RequestRefusedError
from paradrive.guest.agent_protocol import VERSION, AgentError, Answer, encode, number
from paradrive.machine.outcome import Interrupted, NoProgress, PoweredOff

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = encode(Answer.DONE, b"")
HUNG = NoProgress("it has executed 1 instructions", 0, 0)


class Guest:
    """A machine whose guest sends bytes as long as it runs, and then ends."""

    def __init__(self, sent: bytes, end: object = HUNG) -> None:
        self.sent, self.end, self.resets = deque(sent), end, 0
        self.spent = 0
        self.received = b""
        self.transmit: Callable[[int], None] = lambda byte: None
        self._interrupted = False

    def receive(self, data: bytes) -> None:
        self.received += data

    def interrupt(self) -> None:
        self._interrupted = True

    def run(self, budget: int, *, reset_limit: int) -> object:
        self._interrupted = False
        while self.sent:
            self.transmit(self.sent.popleft())
            if self._interrupted:
                return Interrupted()
        return self.end


def agent_of(guest: Guest) -> Agent:
    agent: Any = Agent
    result: Agent = agent(guest, guest)
    return result


def requests(agent: Agent) -> list[Callable[[], object]]:
    return [
        lambda: agent.connect(1),
        lambda: agent.run("program", "argument"),
        lambda: agent.read("/file"),
        lambda: agent.write("/file", b"data"),
        lambda: agent.insmod("/module.ko", "parameter=1"),
    ]


frames = st.builds(encode, st.sampled_from(Answer), st.binary(max_size=8))


@given(st.lists(st.binary(max_size=20) | frames, max_size=6), st.integers(0, 4))
def test_whatever_a_guest_sends_raises_nothing_but_agent_error(sent: list[bytes], request: int) -> None:
    agent = agent_of(Guest(b"".join(sent)))
    for _ in range(2):
        try:
            requests(agent)[request]()
        except AgentError:
            continue


def test_output_and_status_of_a_program() -> None:
    sent = [(Answer.STDOUT, b"one "), (Answer.STDERR, b"oops"), (Answer.STDOUT, b"two\xff")]
    guest = Guest(b"".join(encode(*frame) for frame in sent) + encode(Answer.ENDED, number(3 << 8)))
    assert agent_of(guest).run("program", "x") == Completed(3, "one two\ufffd", "oops")
    assert guest.received == encode(1, b"program\0x\0")


def test_a_signal_is_a_negative_status() -> None:
    assert agent_of(Guest(encode(Answer.ENDED, number(9)))).run("program").status == -9


def test_a_guest_that_ends_leaves_the_output_until_then() -> None:
    guest = Guest(encode(Answer.STDOUT, b"bye"), PoweredOff(4))
    assert agent_of(guest).run("poweroff") == Completed(None, "bye", "", PoweredOff(4))


def test_a_guest_that_hangs_is_an_error() -> None:
    with pytest.raises(GuestEndedError) as caught:
        agent_of(Guest(b"")).run("loop")
    assert caught.value.outcome == HUNG


def test_after_no_answer_the_agent_is_not_asked_again() -> None:
    guest = Guest(b"")
    agent = agent_of(guest)
    with pytest.raises(GuestEndedError):
        agent.read("/slow")
    guest.sent = deque(encode(Answer.DATA, b"late"))
    with pytest.raises(AgentError, match="read /slow"):
        agent.read("/other")


def test_refusal_has_the_errno() -> None:
    with pytest.raises(RequestRefusedError, match="rmmod pvctl: EAGAIN") as caught:
        agent_of(Guest(encode(Answer.ERROR, number(11)))).rmmod("pvctl")
    assert caught.value.number == 11


def test_a_file_is_read_in_parts() -> None:
    contents = bytes(range(256)) * 150
    parts = [contents[:16384], contents[16384:32768], contents[32768:]]
    guest = Guest(b"".join(encode(Answer.DATA, part) for part in parts))
    assert agent_of(guest).read("/file") == contents


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_module, "MAX_DATA", 40_000)


@pytest.mark.usefixtures("small_limit")
def test_a_file_without_end_is_given_up() -> None:
    with pytest.raises(AgentError, match="read /dev/zero"):
        agent_of(Guest(encode(Answer.DATA, bytes(16384)) * 4)).read("/dev/zero")


@pytest.mark.usefixtures("small_limit")
def test_output_without_end_is_given_up() -> None:
    with pytest.raises(AgentError):
        agent_of(Guest(encode(Answer.STDOUT, bytes(16384)) * 4)).run("yes")


def test_an_empty_file_is_written() -> None:
    guest = Guest(DONE)
    agent_of(guest).write("/empty", b"", 0o600)
    assert guest.received == encode(3, number(0) + number(0o600) + b"/empty\0")


def test_a_guest_that_has_restarted_does_not_finish_its_sentence() -> None:
    guest = Guest(encode(Answer.STDOUT, b"cut off")[:9])
    agent = agent_of(guest)
    with pytest.raises(GuestEndedError):
        agent.run("reboot")
    guest.resets = 1
    guest.sent = deque(encode(Answer.HELLO, number(VERSION)))
    agent.connect(1)
    guest.sent = deque(DONE)
    agent.rmmod("pvctl")


def test_an_agent_of_another_version_is_refused() -> None:
    with pytest.raises(AgentError):
        agent_of(Guest(encode(Answer.HELLO, number(VERSION + 1)))).connect(1)
