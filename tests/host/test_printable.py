# SPDX-License-Identifier: GPL-2.0-or-later
"""Text that others have written is shown in one line, without what steers a terminal."""

from __future__ import annotations

import pytest

from paradrive.host.inputs import InputError
from paradrive.host.printable import printable, printable_lines

#: The terminal's title, a line of its own, text that runs the other way, half of a character.
HOSTILE = "\x1b]0;owned\x07\x9b2J\r\nerror\u2028\u202eevil\udc80"


def test_what_steers_a_terminal_is_escaped() -> None:
    shown = printable(HOSTILE)
    assert shown.isprintable()
    assert "\\x1b]0;owned\\x07" in shown
    assert "\\r\\nerror" in shown
    shown.encode()


@pytest.mark.parametrize("text", ["", "nodes & names", "Gr\u00f6\u00dfe \u2713", "a\\b"])
def test_what_is_printable_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["x" * 101, "x" * 10_000_000, "\x1b" * 100, "x" * 99 + "\n"])
def test_length_is_bounded(text: str) -> None:
    assert len(printable(text, 100)) == 100
    assert printable(text, 100).startswith(printable(text[0]))


def test_as_much_as_the_limit_allows_is_shown() -> None:
    assert printable("x" * 100, 100) == "x" * 100


def test_lines_stay_lines_and_the_last_ones_are_shown() -> None:
    text = "".join(f"[{number}]\tline\x1b[2J\r\n" for number in range(10_000))
    lines = printable_lines(text).split("\n")
    assert lines[-2:] == ["[9999]        line\\x1b[2J", ""]
    assert len(lines) <= 2000
    assert len(printable_lines("x" * 1_000_000)) <= 1000


def test_an_error_of_an_input_is_one_line_whatever_it_quotes() -> None:
    error = InputError(f"{HOSTILE}.dts", f"no model of {HOSTILE}" + "x" * 1_000_000)
    for text in (str(error), error.source, error.reason):
        assert text.isprintable()
        assert len(text) < 6000
