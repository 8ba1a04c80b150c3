# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard input as input of a machine: terminals, pipes, and nothing at all."""

from __future__ import annotations

import os
import pty
import signal
import termios
from typing import TYPE_CHECKING

import pytest

from paradrive.guest.terminal import InputStream, keys_unbuffered, on_interrupt

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


def test_terminal_hands_over_keys_at_once_and_is_restored() -> None:
    controller, terminal = pty.openpty()
    try:
        before = termios.tcgetattr(terminal)
        with pytest.raises(RuntimeError), keys_unbuffered(terminal):
            during = termios.tcgetattr(terminal)
            os.write(controller, b"k")
            assert InputStream(terminal).wait(10_000_000_000)[0] == b"k"
            raise RuntimeError
        assert not during[3] & (termios.ICANON | termios.ECHO)
        assert during[3] & termios.ISIG
        assert termios.tcgetattr(terminal) == before
    finally:
        os.close(controller)
        os.close(terminal)


def test_what_is_no_terminal_is_left_alone(pipe: tuple[int, int]) -> None:
    with keys_unbuffered(pipe[0]):
        os.write(pipe[1], b"x")
    assert InputStream(pipe[0]).poll() == b"x"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_and_their_handlers_are_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    stopped: list[bool] = []
    with on_interrupt(lambda: stopped.append(True)):
        signal.raise_signal(number)
    assert stopped == [True]
    assert signal.getsignal(number) is before
