# SPDX-License-Identifier: GPL-2.0-or-later
"""The parser of KTAP, by the examples of the kernel's documentation."""

from __future__ import annotations

import pytest
from ktap import Report, Result, parse


def test_results_are_read_in_order() -> None:
    text = "KTAP version 1\n1..3\nok 1 one\n# a diagnosis\nnot ok 2 the other\nok 3 third # SKIP no device\n"
    assert parse(text) == Report(
        3, [Result("one", True), Result("the other", False), Result("third", True, "no device")]
    )


def test_a_program_may_skip_everything() -> None:
    assert parse("KTAP version 1\n1..0 # SKIP no device\n") == Report(0, [], "no device")


def test_missing_results_are_noticed() -> None:
    assert not parse("KTAP version 1\n1..2\nok 1 one\n").is_complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1..1\nok 1 a\n",
        "KTAP version 1\nok 1 a\n",
        "KTAP version 1\n1..1\nok 2 a\n",
        "KTAP version 1\n1..1\noops\n",
    ],
)
def test_what_is_no_ktap_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        parse(text)
