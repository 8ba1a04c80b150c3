# SPDX-License-Identifier: GPL-2.0-or-later
"""What a console says of tests is read from it, whatever else it says."""

from hypothesis import given
from hypothesis import strategies as st

from paradrive_dev.suites.console import Case, Result, read_console

PASSED, FAILED, SKIPPED = Result.PASSED, Result.FAILED, Result.SKIPPED

KUNIT = """\
[    0.100000] KTAP version 1
[    0.100001] 1..2
[    0.100002]     KTAP version 1
[    0.100003]     # Subtest: list
[    0.100004]     # module: list_test
[    0.100005]     1..4
[    0.100006]     ok 1 list_add
[    0.100007]     # list_del: EXPECTATION FAILED at lib/list-test.c:81
[    0.100008]     not ok 2 list_del
[    0.100009]         KTAP version 1
[    0.100010]         # Subtest: list_sort
[    0.100011]         ok 1 size 3
[    0.100012]         ok 2 size 5 # SKIP too large
[    0.100013]     # list_sort: pass:1 fail:0 skip:1 total:2
[    0.100014]     ok 3 list_sort
[    0.100015]     ok 4 - list_cut
[    0.100016] not ok 1 list
[    0.100017]     # Subtest: hash
[    0.100018]     1..1
[    0.100019]     ok 1 list_add
[    0.100020] ok 2 hash
"""


def test_results_of_kunit_have_the_path_of_their_suites() -> None:
    assert read_console(KUNIT).tests == [
        Case("list/list_add", PASSED),
        Case("list/list_del", FAILED),
        Case("list/list_sort/size 3", PASSED),
        Case("list/list_sort/size 5", SKIPPED),
        Case("list/list_cut", PASSED),
        Case("hash/list_add", PASSED),
    ]


def test_a_suite_is_no_test_of_its_own() -> None:
    assert read_console(KUNIT).suites == [
        Case("list/list_sort", PASSED),
        Case("list", FAILED),
        Case("hash", PASSED),
    ]


def test_what_is_no_result_is_a_line_without_its_time() -> None:
    lines = read_console(KUNIT).lines
    assert "    # list_del: EXPECTATION FAILED at lib/list-test.c:81" in lines
    assert not any(line.startswith("[") for line in lines)


def test_the_caller_in_a_stamp_is_not_compared() -> None:
    assert read_console("[    1.234567][   T17] a line\r\n").lines == read_console("[  2.0] a line\n").lines


def test_every_test_of_test_bpf_is_one() -> None:
    console = """\
[    1.000000] test_bpf: #0 TAX jited:1 13 13 14 PASS
[    1.000001] test_bpf: #1 TXA jited:0 FAIL (2 times)
[    1.000002] test_bpf: test_tail_calls: #3 Tail call 2 jited:1 20 PASS
[    1.000003] test_bpf: Summary: 2 PASSED, 1 FAILED, [2/2 JIT'ed]
"""
    assert read_console(console).tests == [
        Case("test_bpf/#0 TAX", PASSED),
        Case("test_bpf/#1 TXA", FAILED),
        Case("test_bpf/test_tail_calls: #3 Tail call 2", PASSED),
    ]


def test_a_program_is_a_test_and_so_is_what_it_prints() -> None:
    console = """\
run_tests: /tests/futex: begins
TAP version 13
ok 1 futex_wait
ok 2 # SKIP no huge pages
# a remark
run_tests: /tests/futex: passed
run_tests: /tests/other: begins
run_tests: /tests/other: killed by signal 11
run_tests: /tests/third: begins
run_tests: /tests/third: skipped
ok 1 behind
"""
    assert read_console(console).tests == [
        Case("/tests/futex/futex_wait", PASSED),
        Case("/tests/futex/SKIP no huge pages", SKIPPED),
        Case("/tests/futex", PASSED),
        Case("/tests/other", FAILED),
        Case("/tests/third", SKIPPED),
        Case("behind", PASSED),
    ]


def test_self_tests_of_the_boot_are_tests_and_lines() -> None:
    console = """\
[    0.0] Good, all 261 testcases passed! |
[    0.1] ### dt-test ### end of unittest - 300 passed, 2 failed
[    0.2] XArray: 17 of 17 tests passed
[    0.3] IDA: 16 of 17 tests passed
"""
    report = read_console(console)
    assert report.tests == [
        Case("boot/locking", PASSED),
        Case("boot/of_unittest", FAILED),
        Case("boot/XArray", PASSED),
        Case("boot/IDA", FAILED),
    ]
    assert "XArray: 17 of 17 tests passed" in report.lines


def test_tests_of_the_same_path_are_told_apart() -> None:
    paths = [test.path for test in read_console("ok 1 a\nok 2 a\nok 3 a\n").tests]
    assert len(set(paths)) == 3


@given(st.lists(st.sampled_from([*KUNIT.splitlines(), "run_tests: x: begins", "run_tests: x: passed"])))
def test_no_line_that_is_not_understood_is_lost(lines: list[str]) -> None:
    report = read_console("\n".join(lines))
    structure = sum("# Subtest:" in line or ": begins" in line for line in lines)
    results = len(report.tests) + len(report.suites)
    assert len(report.lines) + results + structure == max(len(lines), 1)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    read_console(text)
