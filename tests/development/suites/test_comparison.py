# SPDX-License-Identifier: GPL-2.0-or-later
"""A difference between two consoles is found, wherever it is, unless an explanation fits exactly."""

import re

import pytest

from paradrive_dev.suites.comparison import Difference, compare
from paradrive_dev.suites.explanations import EXPLANATIONS, Explanation

CONSOLE = """\
[    0.000000] Linux version 6.12
[    0.000001] Memory: 100K/200K available
[    0.100000] 1..1
[    0.100002]     # Subtest: list
[    0.100003]     ok 1 list_add
[    0.100004]     not ok 2 list_del
[    0.100005]     ok 3 list_cut # SKIP not today
[    0.100006] not ok 1 list
[    0.200000] test_bpf: #0 TAX jited:1 13 13 14 PASS
[    0.300000] reboot: Restarting system
"""


def differing(model: str, *explanations: Explanation, suite: str = "kunit") -> list[Difference]:
    return compare(suite, CONSOLE, model, explanations).differing


def test_equal_consoles_do_not_differ_and_are_counted() -> None:
    found = compare("kunit", CONSOLE, CONSOLE, ())
    assert (found.tests, found.passed, found.failed, found.skipped) == (4, 2, 1, 1)
    assert not found.differing


def test_times_do_not_differ() -> None:
    later = re.sub(r"\[ +0\.", "[  123.", CONSOLE).replace("13 13 14 PASS", "7 8 9 PASS")
    assert later != CONSOLE
    assert differing(later) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ok 1 list_add", "not ok 1 list_add"),
        ("not ok 2 list_del", "ok 2 list_del"),
        ("    not ok 2 list_del", "    ok 2 list_del # SKIP"),
        ("[    0.100003]     ok 1 list_add\n", ""),
        ("[    0.100006] not ok 1 list", "[    0.100006] ok 1 list"),
        ("13 13 14 PASS", "FAIL (1 times)"),
        ("Linux version 6.12", "Linux version 6.13"),
        ("[    0.000001] Memory: 100K/200K available\n", ""),
        ("[    0.100000] 1..1\n", "[    0.100000] 1..1\nBUG: something\n"),
        ("[    0.300000] reboot: Restarting system\n", ""),
    ],
)
def test_a_planted_difference_is_found_once(old: str, new: str) -> None:
    changed = CONSOLE.replace(old, new, 1)
    assert changed != CONSOLE
    assert len(differing(changed)) == 1


def test_an_explanation_fits_only_where_nothing_else_differs() -> None:
    memory = Explanation("kunit", r"Memory: (\d+K)/\d+K available", "more room")
    assert differing(CONSOLE.replace("100K", "99K"), memory) == []
    assert len(differing(CONSOLE.replace("100K/200K", "99K/199K"), memory)) == 1
    assert len(differing(CONSOLE.replace("100K", "99K"), memory, suite="other")) == 1
    assert len(differing(CONSOLE.replace("Memory: 100K/200K available", "something"), memory)) == 1


def test_an_explanation_of_one_machines_line_fits_that_machine_only() -> None:
    line = "[    0.000002] a line of the model's\n"
    with_line = CONSOLE.replace("[    0.100000]", f"{line}[    0.100000]")
    assert differing(with_line, Explanation(".*", "a line of the model's", "why", only="model")) == []
    assert len(differing(with_line, Explanation(".*", "a line of the model's", "why", only="qemu"))) == 1
    assert len(differing(with_line, Explanation(".*", "a line of the model's", "why"))) == 1


def test_what_is_explained_is_told_with_its_reason() -> None:
    memory = Explanation("kunit", r"Memory: (\d+K)/\d+K available", "more room")
    [(difference, explanation)] = compare(
        "kunit", CONSOLE, CONSOLE.replace("100K", "99K"), [memory]
    ).explained
    assert difference == Difference("Memory: 100K/200K available", "Memory: 99K/200K available")
    assert explanation is memory


@pytest.mark.parametrize("explanation", EXPLANATIONS)
def test_no_explanation_covers_the_result_of_a_test(explanation: Explanation) -> None:
    for path in ("list/list_add", "test_bpf/#0 TAX", "/tests/futex/functional/futex_wait"):
        assert not explanation.fits("kunit-e500v2", f"{path}: passed", f"{path}: failed")
        assert not explanation.fits("kunit-e500v2", f"{path}: passed", None)
        assert not explanation.fits("kunit-e500v2", None, f"{path}: passed")
