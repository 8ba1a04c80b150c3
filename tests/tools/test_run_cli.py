# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive run``: outcomes with their status and line, files written, and every kind of bad input."""

from __future__ import annotations

import json
import os
import re
import stat
import time
from typing import TYPE_CHECKING

import pytest
from run_command import PRINT_STRING

from paradrive_tools.cli import main
from paradrive_tools.run import session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from run_command import Run

    from paradrive.machine.machine import Configuration


def test_power_off_ends_with_the_line_that_scripts_look_for(run: Run) -> None:
    status, output, errors = run("print 'h' ; print 'i' ; print 10 ; shutdown 0 ; b .")
    assert (status, errors) == (0, "")
    assert re.fullmatch(
        r"hi\nparadrive: guest powered off through pvctl \(SHUTDOWN, exit code 0\) "
        r"after \d+ instructions in \d+\.\d+ s\n",
        output,
    )


def test_verdict_has_a_line_of_its_own(run: Run) -> None:
    assert run("print 'h' ; shutdown 0 ; b .")[1].startswith("h\nparadrive: ")


@pytest.mark.parametrize(("code", "expected"), [(1, 65), (62, 126), (63, 127), (0xFFFF_FFFF, 127)])
def test_exit_code_of_the_guest_is_in_the_status(run: Run, code: int, expected: int) -> None:
    status, output, _ = run(f"shutdown {code} ; b .")
    assert status == expected
    assert f"exit code {code})" in output


@pytest.mark.parametrize(
    ("program", "options", "status", "line"),
    [
        ("store32 rstcr, 2 ; b .", ("--reset-limit", "1"), 3, "reset limit"),
        (
            "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x10, 3 ; shutdown 0 ; b .",
            (),
            4,
            "panicked (reported through pvctl)",
        ),
        (
            f'{PRINT_STRING}string: .asciz "[ 0.1] Kernel panic - not syncing: gone\\n"',
            (),
            4,
            "Kernel panic - not syncing: gone",
        ),
        ("spin: b spin", (), 5, " spin (0x"),
    ],
)
def test_each_outcome_has_its_status_and_line(
    run: Run, program: str, options: tuple[str, ...], status: int, line: str
) -> None:
    result, output, _ = run(program, *options)
    assert result == status
    assert line in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "status", "line"),
    [
        ((), 0, "reset itself"),
        (("--reset-limit", "1"), 3, "reset limit"),
    ],
)
def test_reset_is_how_a_machine_ends_that_cannot_power_off(
    run: Run, options: tuple[str, ...], status: int, line: str
) -> None:
    result, output, _ = run("store32 rstcr, 2 ; b .", "--machine", "mpc8544ds", *options)
    assert result == status
    assert line in output.splitlines()[-1]


@pytest.mark.parametrize(
    ("event", "status", "line"),
    [
        (1, 4, "panicked (reported through pvpanic)"),
        (4, 0, "powered off through pvpanic"),
    ],
)
def test_report_through_pvpanic_ends_the_guest(
    run: Run, files: dict[str, Path], compile_tree: Callable[[str], bytes], event: int, status: int, line: str
) -> None:
    node = 'pvpanic@1000 { compatible = "qemu,pvpanic-mmio"; reg = <0x1000 2>; };'
    source = f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                 / {{ platform@f00000000 {{ {node} }}; }};"""
    files["dtb"].write_bytes(compile_tree(source))
    # A kernel that has panicked resets the machine in its way, which ends the run.
    program = f"lis 4, 0xf000 ; li 5, {event} ; stb 5, 0x1000(4) ; store32 rstcr, 2 ; b ."
    result, output, _ = run(program)
    assert result == status
    assert line in output.splitlines()[-1]


def test_unimplemented_instruction_is_named_where_there_is_no_progress(run: Run) -> None:
    _, output, _ = run("lis 3, 0 ; mtspr 63, 3 ; li 3, 0x700 ; mtspr 406, 3 ; fadd 1, 2, 3\n.org 0x700\nb .")
    assert ".long 0xfc22182a" in output.splitlines()[-1]


#: What a kernel leaves behind that has died before its console was there.
LOG = """
    .globl __log_buf
    .type __log_buf, @object
    .set __log_buf, 0xc0000000 + log
    .size __log_buf, 64
    .balign 4
    log: .long 1 ; .ascii "first words" ; .byte 0 ; .long 2 ; .ascii "\\033[2Jlast words" ; .balign 64
"""


def test_log_of_a_kernel_that_dies_in_silence_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    status, output, _ = run(f"spin: b spin {LOG}", "--json", str(path))
    assert status == 5
    *_, first, last, verdict = output.splitlines()
    assert ("first words" in first, "last words" in last) == (True, True)
    assert verdict.startswith("paradrive: guest makes no progress")
    assert "\033" not in output
    log = json.loads(path.read_text())["kernel_log"]
    assert ["words" in line for line in log] == [True, True]


@pytest.mark.parametrize("program", ["print 'x' ; spin: b spin", "shutdown 1 ; b ."])
def test_log_stays_with_a_guest_that_has_been_heard_or_has_ended(run: Run, program: str) -> None:
    assert "words" not in run(f"{program} {LOG}")[1]


@pytest.mark.parametrize("size", ["0x7fffffff", "0"])
def test_log_that_cannot_be_is_not_told(run: Run, size: str) -> None:
    status, output, errors = run("spin: b spin" + LOG.replace("__log_buf, 64", f"__log_buf, {size}"))
    assert (status, errors) == (5, "")
    assert len(output.splitlines()) == 1


def test_unmodelled_device_gives_a_warning(
    run: Run, files: dict[str, Path], compile_tree: Callable[[str], bytes]
) -> None:
    source = """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                / { platform@f00000000 { thing@9000 { compatible = "acme,thing"; }; }; };"""
    files["dtb"].write_bytes(compile_tree(source))
    status, _, errors = run("shutdown 0 ; b .")
    assert status == 0
    assert errors.startswith("paradrive: warning: /platform@f00000000/thing@9000: ")


def test_input_from_a_pipe_reaches_the_guest(run: Run) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    os.close(writer)
    os.dup2(reader, 0)
    os.close(reader)
    output = run(
        "lis 4, uart@ha ; li 5, 10 ; stb 5, uart + 4@l(4)\n"
        "wait: lbz 5, uart + 5@l(4) ; andi. 5, 5, 1 ; beq wait\n"
        "lbz 5, uart@l(4) ; stb 5, uart@l(4) ; shutdown 0 ; b ."
    )[1]
    assert output.startswith("x\n")


# Files written


def test_report_tells_all_of_the_run(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    run("lis 4, pvctl@ha ; lwz 5, pvctl + 0x800@l(4) ; shutdown 2 ; b .", "--json", str(path))
    report = json.loads(path.read_text())
    assert (report["outcome"], report["exit_status"]) == ("powered-off", 66)
    assert report["instructions"] > 10
    assert report["seconds"] > 0
    assert report["guest_errors"]["count"] == 1
    assert "0x800" in report["guest_errors"]["first"][0]
    assert (report["unimplemented"], report["warnings"], report["resets"]) == ({}, [], 0)


def test_time_of_what_comes_before_the_guest_does_not_count(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration, monotonic, build_time = session.configuration, time.monotonic, 1000.0
    passed = 0.0

    def build(options: argparse.Namespace) -> Configuration:
        nonlocal passed
        passed += build_time
        return configuration(options)

    monkeypatch.setattr(session, "configuration", build)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + passed)
    path = tmp_path / "report.json"
    output = run("shutdown 0 ; b .", "--json", str(path))[1]
    assert passed == build_time
    assert json.loads(path.read_text())["seconds"] < build_time
    seconds = re.search(r"instructions in (\S+) s", output)
    assert seconds
    assert float(seconds[1]) < build_time


@pytest.mark.parametrize(
    ("policy", "outcome", "status", "panics", "reason"),
    [("end", "panicked", 4, 1, "cold"), ("reset", "panicked", 4, 9, "after-crash")],
)
def test_report_tells_what_came_of_a_panic(
    run: Run, tmp_path: Path, policy: str, outcome: str, status: int, panics: int, reason: str
) -> None:
    path = tmp_path / "report.json"
    crash = "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x10, 3 ; store32 rstcr, 2 ; b ."
    assert run(crash, "--on-panic", policy, "--json", str(path))[0] == status
    report = json.loads(path.read_text())
    told = [report[key] for key in ("outcome", "exit_status", "panics", "boot_reason", "resets")]
    assert told == [outcome, status, panics, reason, panics - 1]


def test_report_replaces_the_file_as_a_whole(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    run("shutdown 0 ; b .", "--json", str(path))
    assert json.loads(path.read_text())["outcome"] == "powered-off"
    assert [file for file in tmp_path.iterdir() if "report" in file.name] == [path]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_trace_has_a_line_for_each_access(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trace"
    run("print 'h' ; lis 4, pvctl@ha ; lwz 5, pvctl@l(4) ; shutdown 0 ; b .", "--trace-mmio", str(path))
    heading, *lines, end = path.read_text().splitlines()
    assert heading.startswith("# ") and end.startswith("# ")
    assert [line.split()[1:] for line in lines] == [
        ["serial@4500", "THR", "write", "1", "0x68"],
        ["pvctl@0", "ID", "read", "4", "0x50564354"],
        ["pvctl@0", "ENABLE", "write", "4", "0x0000001f", "SHUTDOWN|RESET|CRASH|EVENTS|BOOT_REASON"],
        ["pvctl@0", "ARGUMENT", "write", "4", "0x00000000"],
        ["pvctl@0", "COMMAND", "write", "4", "0x00000001", "SHUTDOWN"],
    ]
    times = [int(line.split()[0]) for line in lines]
    assert times == sorted(set(times))


def test_full_disk_ends_the_trace_and_not_the_run(run: Run) -> None:
    status, _, errors = run("print 'h' ; shutdown 0 ; b .", "--trace-mmio", "/dev/full")
    assert status == 0
    assert errors.startswith("paradrive: warning: /dev/full: the trace is incomplete: ")


# Bad input


def assert_one_line(errors: str, start: str) -> None:
    assert errors.startswith(f"paradrive: error: {start}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("dtb", b""),
        ("dtb", b"\xd0\x0d\xfe\xed" + bytes(10)),
        ("dtb", bytes(100)),
        ("initrd", bytes(65 << 20)),
        ("dtb", None),
        ("initrd", None),
    ],
)
def test_bad_file_is_named(run: Run, files: dict[str, Path], name: str, contents: bytes | None) -> None:
    if contents is None:
        files[name].unlink()
    else:
        files[name].write_bytes(contents)
    status, output, errors = run("b .")
    assert (status, output) == (2, "")
    assert_one_line(errors, f"{files[name]}: ")


def test_truncated_tree_is_named(run: Run, files: dict[str, Path]) -> None:
    files["dtb"].write_bytes(files["dtb"].read_bytes()[:-100])
    status, _, errors = run("b .")
    assert status == 2
    assert_one_line(errors, f"{files['dtb']}: ")


@pytest.mark.parametrize(
    "change",
    [
        lambda elf: elf[:30],
        lambda elf: b"MZ" + elf[2:],
        lambda elf: elf[:4] + b"\2" + elf[5:],
        lambda elf: elf[:5] + b"\1" + elf[6:],
        lambda elf: elf[:18] + b"\0\x28" + elf[20:],
    ],
)
def test_bad_kernel_is_named(
    run: Run, assemble: Callable[[str], Path], tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(change(assemble("b .").read_bytes()))
    status, _, errors = run("b .", "--kernel", str(bad))
    assert status == 2
    assert_one_line(errors, f"{bad}: ")


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (("--machine", "pc"), "--machine: "),
        (("--machine", "mpc8544ds", "--cpu", "e500mc"), "--cpu: "),
        (("--cpu", "z80"), "--cpu: "),
        (("--engine", "steam"), "argument --engine"),
        (("--memory", "0"), "argument --memory"),
        (("--memory", "1000"), "argument --memory"),
        (("--memory", "lots"), "argument --memory"),
        (("--memory", "4K"), "{initrd}: "),
        (("--memory", "999999999999G"), "{dtb}: "),
        (("--max-instructions", "-1"), "argument --max-instructions"),
        (("--reset-limit", "x"), "argument --reset-limit"),
        (("--append", "x" * 3000), "--append: "),
        (("--trace-mmio", "/no/where"), "/no/where: "),
        (("--frobnicate",), "unrecognized arguments: --frobnicate"),
    ],
)
def test_bad_option_is_named(run: Run, files: dict[str, Path], options: tuple[str, ...], start: str) -> None:
    status, _, errors = run("b .", *options)
    assert status == 2
    assert_one_line(errors, start.format(**files))


def test_report_that_cannot_be_written_is_an_error(run: Run) -> None:
    status, _, errors = run("shutdown 0 ; b .", "--json", "/no/where.json")
    assert status == 2
    assert_one_line(errors, "/no/where.json: ")


def test_ctrl_c_before_the_guest_runs_ends_cleanly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("paradrive_tools.run.session.Machine", interrupt)
    assert run("b .") == (130, "", "paradrive: interrupted\n")


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_without_a_known_command_there_is_one_line(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert_one_line(capfd.readouterr().err, "")
