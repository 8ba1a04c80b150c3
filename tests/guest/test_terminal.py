# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard input as input of a machine: terminals, pipes, and nothing at all."""

from __future__ import annotations

import os
import pty
import signal
import termios
from typing import TYPE_CHECKING

import pytest

from paradrive.guest.terminal import ENDING_SIGNALS, ESCAPE, HostKeys, InputStream, Signals, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb"):
        yield reader, writer


def test_pipe_gives_what_has_been_written(pipe: tuple[int, int]) -> None:
    stream = InputStream(pipe[0])
    assert stream.poll() == b""
    os.write(pipe[1], b"text")
    assert stream.poll() == b"text"
    assert stream.is_open()


def test_wait_returns_input_and_not_more_time_than_asked_for(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"text")
    data, passed = InputStream(pipe[0]).wait(1_000_000)
    assert data == b"text"
    assert 0 <= passed <= 1_000_000


def test_wait_without_input_lets_all_of_the_time_pass(pipe: tuple[int, int]) -> None:
    assert InputStream(pipe[0]).wait(1000) == (b"", 1000)


def test_prompt_is_shown_before_each_wait(pipe: tuple[int, int]) -> None:
    shown: list[bool] = []
    stream = InputStream(pipe[0], before_wait=lambda: shown.append(True))
    stream.wait(1)
    assert shown == [True]


def test_end_of_input_closes_the_stream() -> None:
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (a descriptor is needed)
        stream = InputStream(nothing.fileno())
        assert stream.poll() == b""
        assert not stream.is_open()
        assert stream.poll() == b""


@pytest.mark.parametrize("descriptor", [-1, 1 << 20])
def test_input_that_cannot_be_read_counts_as_closed(descriptor: int) -> None:
    stream = InputStream(descriptor)
    assert stream.poll() == b""
    assert not stream.is_open()


@pytest.fixture
def pseudo_terminal() -> Iterator[tuple[int, int]]:
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "rb"), os.fdopen(terminal, "rb"):
        yield controller, terminal


def test_terminal_hands_over_keys_at_once_and_is_restored(pseudo_terminal: tuple[int, int]) -> None:
    controller, descriptor = pseudo_terminal
    before = termios.tcgetattr(descriptor)
    with pytest.raises(RuntimeError), Terminal(descriptor) as terminal:
        during = termios.tcgetattr(descriptor)
        os.write(controller, b"k")
        assert InputStream(descriptor, terminal=terminal).wait(10_000_000_000)[0] == b"k"
        raise RuntimeError
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert during[3] & termios.ISIG
    assert termios.tcgetattr(descriptor) == before


def test_what_is_no_terminal_is_left_alone(pipe: tuple[int, int]) -> None:
    with Terminal(pipe[0]) as terminal:
        os.write(pipe[1], b"x")
        keys = HostKeys({b"x": pytest.fail})
        stream = InputStream(pipe[0], terminal=terminal, keys=keys)
        assert stream.poll() == b"x"
        os.write(pipe[1], ESCAPE + b"x")
        assert stream.poll() == ESCAPE + b"x"


# Keys of the host


def test_keys_of_the_host_act_between_those_for_the_guest(pseudo_terminal: tuple[int, int]) -> None:
    controller, descriptor = pseudo_terminal
    happened: list[bytes] = []
    keys = HostKeys({b"b": lambda: happened.append(b"break")})
    with Terminal(descriptor) as terminal:
        stream = InputStream(descriptor, terminal=terminal, keys=keys)
        os.write(controller, b"ab" + ESCAPE + b"bc" + ESCAPE + ESCAPE + b"d" + ESCAPE + b"?e" + ESCAPE)
        while b"e" not in happened:
            happened += filter(None, [stream.wait(None)[0]])
        # The two keys may come one by one.
        os.write(controller, b"b")
        stream.wait(None)
    assert happened == [b"ab", b"break", b"c", ESCAPE, b"d", b"e", b"break"]


def test_key_of_the_host_ends_the_wait(pseudo_terminal: tuple[int, int]) -> None:
    controller, descriptor = pseudo_terminal
    happened: list[bool] = []
    with Terminal(descriptor) as terminal:
        keys = HostKeys({b"b": lambda: happened.append(True)})
        os.write(controller, ESCAPE + b"b")
        data, passed = InputStream(descriptor, terminal=terminal, keys=keys).wait(None)
    assert (data, happened) == (b"", [True])
    assert passed < 100_000_000


# Signals


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_signals_stop_and_their_handlers_are_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stopped: list[bool] = []
    with Signals(lambda: stopped.append(True), Terminal(-1)) as signals:
        signal.raise_signal(number)
    assert stopped == [True]
    assert signals.ended_by == number
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("second", [signal.SIGHUP, signal.SIGTERM])
def test_what_follows_a_run_that_hung_up_goes_on_at_further_signals(second: signal.Signals) -> None:
    with Signals(lambda: None, Terminal(-1)) as signals:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(second)
    assert signals.ended_by == signal.SIGHUP


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGQUIT])
def test_what_follows_a_run_ends_at_once_when_the_user_insists(second: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Signals(lambda: None, Terminal(-1)):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(second)


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_what_follows_a_run_that_has_ended_by_itself_can_be_ended(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), Signals(lambda: None, Terminal(-1)) as signals:
        signals.run_is_over()
        signal.raise_signal(number)


def test_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(lambda: pytest.fail("not ignored"), Terminal(-1)):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
