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


# What is asked for


def asked(request: Callable[[Agent], object], *answers: bytes) -> bytes:
    """Return the bytes that a request sends to a guest with these answers."""
    guest = Guest(b"".join(answers))
    request(agent_of(guest))
    return guest.received


@pytest.mark.parametrize(
    ("request_of", "kind", "payload"),
    [
        (lambda agent: agent.insmod("/a.ko", "b=1 c=2"), 4, b"/a.ko\0b=1 c=2\0"),
        (lambda agent: agent.rmmod("a"), 5, b"a\0"),
        (lambda agent: agent.mount("tmpfs", "/mnt"), 6, b"tmpfs\0none\0/mnt\0\0"),
        (
            lambda agent: agent.mount("ext2", "/mnt", source="/dev/a", options="ro"),
            6,
            b"ext2\0/dev/a\0/mnt\0ro\0",
        ),
        (lambda agent: agent.write("/a", "\xe9"), 3, number(0) + number(0o644) + b"/a\0\xc3\xa9"),
    ],
)
def test_a_request_has_its_arguments_in_the_order_of_the_protocol(
    request_of: Callable[[Agent], object], kind: int, payload: bytes
) -> None:
    assert asked(request_of, DONE) == encode(kind, payload)


def frames_of(sent: bytes) -> list[bytes]:
    """Return the payloads of the frames that the host has sent."""
    payloads = []
    while sent:
        end = 5 + int.from_bytes(sent[:4], "big")
        payloads.append(sent[5:end])
        sent = sent[end + 4 :]
    return payloads


def test_a_file_is_written_in_parts_that_join() -> None:
    contents = bytes(range(256)) * 150
    parts = frames_of(asked(lambda agent: agent.write("/file", contents, 0o600), DONE * 4))
    assert all(part[4:].startswith(number(0o600) + b"/file\0") for part in parts)
    data = [(int.from_bytes(part[:4], "big"), part[8 + len(b"/file\0") :]) for part in parts]
    assert [offset for offset, _ in data] == [sum(len(d) for _, d in data[:n]) for n in range(len(data))]
    assert b"".join(part for _, part in data) == contents


def test_a_file_is_read_from_where_the_last_part_ended() -> None:
    parts = [bytes(16384), bytes(16384), bytes(5)]
    sent = frames_of(asked(lambda agent: agent.read("/f"), *(encode(Answer.DATA, part) for part in parts)))
    assert [int.from_bytes(part[:4], "big") for part in sent] == [0, 16384, 32768]


@pytest.mark.usefixtures("small_limit")
def test_each_request_may_have_as_much_output() -> None:
    output = encode(Answer.STDOUT, bytes(16384)) * 2 + encode(Answer.ENDED, number(0))
    guest = Guest(b"")
    agent = agent_of(guest)
    for _ in range(3):
        guest.sent = deque(output)
        assert len(agent.run("program").stdout) == 32768


def test_a_program_that_has_written_and_hangs_has_not_ended() -> None:
    agent = agent_of(Guest(encode(Answer.STDOUT, b"still here")))
    with pytest.raises(GuestEndedError):
        agent.run("loop")
    with pytest.raises(AgentError, match="has not finished run loop"):
        agent.read("/file")


def test_exit_status_and_signal_are_told_apart() -> None:
    statuses = {0: 0, 1 << 8: 1, 255 << 8: 255, 9: -9, 11 | 0x80: -11}
    for status, expected in statuses.items():
        assert agent_of(Guest(encode(Answer.ENDED, number(status)))).run("program").status == expected


def test_an_end_without_progress_says_where_in_one_line() -> None:
    hung = NoProgress("it has executed 1 instructions", 0xC0001000, 0xC0002000)
    error = GuestEndedError("read /file", hung, {0xC0001000: "spin", 0xC0002000: "main"}.__getitem__)
    assert str(error).count("spin") == str(error).count("main") == 1
    assert "read /file" in str(error)
    assert "\n" not in str(error)
