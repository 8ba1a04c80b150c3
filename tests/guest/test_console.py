# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's console as the host hears it."""

from __future__ import annotations

import pytest

from paradrive.guest import console as console_module
from paradrive.guest.console import Console


def transmit(console: Console, text: bytes) -> None:
    for byte in text:
        console.transmit(byte)


def test_output_is_kept_as_bytes_and_as_lines() -> None:
    console = Console()
    transmit(console, b"one\r\ntw\xffo\npart")
    assert console.output == b"one\r\ntw\xffo\npart"
    assert console.lines == ["one", "tw\ufffdo", "part"]


def test_sink_gets_whole_lines_and_the_rest_on_flush() -> None:
    heard: list[bytes] = []
    console = Console(heard.append)
    transmit(console, b"one\ntw")
    assert heard == [b"one\n"]
    console.flush()
    console.flush()
    assert heard == [b"one\n", b"tw"]
    transmit(console, b"o\n")
    assert heard == [b"one\n", b"tw", b"o\n"]


def test_end_completes_the_last_line() -> None:
    heard: list[bytes] = []
    console = Console(heard.append)
    transmit(console, b"one\ntwo")
    console.end()
    console.end()
    assert b"".join(heard) == b"one\ntwo\n"


def test_watch_hears_of_lines_with_its_text() -> None:
    console = Console()
    found: list[str] = []
    console.watch("panic", found.append)
    transmit(console, b"all well\r\nKernel panic - not syncing: gone\r\npani")
    assert found == ["Kernel panic - not syncing: gone"]


def test_endless_output_keeps_its_end_within_bounds(monkeypatch: object) -> None:
    kept = console_module.KEPT_BYTES
    console = Console()
    line = b"x" * 1023 + b"\n"
    for _ in range(3 * kept // len(line)):
        console._line += line[:-1]
        console.transmit(line[-1])
    transmit(console, b"last\n")
    assert kept <= len(console.output) <= 2 * kept + len(line)
    assert console.lines[-1] == "last"


def test_line_without_end_is_cut() -> None:
    heard: list[bytes] = []
    console = Console(heard.append)
    transmit(console, b"x" * (console_module.MAX_LINE + 1))
    assert [len(text) for text in heard] == [console_module.MAX_LINE]


def test_each_watch_hears_of_a_line_until_it_is_ended() -> None:
    console = Console()
    found: list[str] = []
    for name in ("one", "two"):
        console.watch("line", lambda line, name=name: found.append(f"{name} {line}"))  # type: ignore[misc]
    watch = found.append
    console.watch("line", watch)
    transmit(console, b"line 1\n")
    console.unwatch("line", watch)
    transmit(console, b"line 2\n")
    assert found == ["one line 1", "two line 1", "line 1", "one line 2", "two line 2"]
    with pytest.raises(ValueError, match="not in list"):
        console.unwatch("line", watch)


def test_a_watch_may_end_itself() -> None:
    console = Console()
    found: list[str] = []

    def once(line: str) -> None:
        found.append(line)
        console.unwatch("", once)

    console.watch("", once)
    console.watch("", found.append)
    transmit(console, b"1\n2\n")
    assert found == ["1", "1", "2"]


def test_what_is_flushed_is_not_told_again_with_the_next_line() -> None:
    heard: list[bytes] = []
    console = Console(heard.append)
    transmit(console, b"ab")
    console.flush()
    transmit(console, b"\ncd")
    console.flush()
    assert heard == [b"ab", b"\n", b"cd"]
