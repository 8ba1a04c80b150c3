# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin as pytest runs it: sharing of guests, the marker, reports of failures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from paradrive.testing.guest import GuestFiles

    Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]


SHARING = """
guests = []

@pytest.mark.parametrize("turn", range(3))
def test_plain(guest, turn):
    guests.append(guest)

@pytest.mark.guest(append="reboot=warm")
def test_other(guest):
    guests.append(guest)

def test_last(guest):
    assert all(one is guest for one in guests[:3])
    assert guests[3] is not guest
"""


def test_tests_that_need_the_same_guest_share_its_boot(run: Run) -> None:
    run(SHARING).assert_outcomes(passed=5)


def test_guests_work_in_several_processes(run: Run) -> None:
    source = """
@pytest.mark.parametrize("turn", range(6))
def test_restart(guest, pvctl, turn):
    guest.run("reboot")
    assert len(pvctl.commands) == 1
"""
    run(source, "-n2").assert_outcomes(passed=6)


FAILING = """
def test_fails(guest, pvctl):
    guest.agent.start("reboot")
    guest.run_until(access=lambda access: access.register == "ARGUMENT")
    pvctl.read(0x123, 4)
    assert pvctl.commands == "something else"
"""


def test_a_failure_tells_what_the_guest_did(run: Run) -> None:
    result = run(FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*guest console since the test began*",
            "*reboot: Restarting system*",
            "*last device accesses of the guest*",
            "pvctl@0 ARGUMENT write 0x00000000 at * pvctl_command+*",
            "*call chain of the guest*",
            "*pvctl_restart+*",
            "*__do_sys_reboot+*",
            "*guest errors*",
            "pvctl@0: undefined 4-byte read at 0x123",
        ]
    )
    assert "Linux version" not in result.stdout.str()


def line_of(guest_files: GuestFiles, text: str) -> int:
    """Return the number of the line with this text in the driver's source, beside its module."""
    source = guest_files.modules[0].with_suffix(".c").read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, line in enumerate(source, start=1) if text in line)
    return number


def test_a_failure_tells_source_lines_of_the_driver(run: Run, guest_files: GuestFiles) -> None:
    result = run(FAILING, f"--paradrive-module={guest_files.modules[0]}")
    access = line_of(guest_files, "pvctl_write(pvctl, PVCTL_ARGUMENT, argument)")
    call = line_of(guest_files, '(data->cb_data, "reset"')
    place = f"pvctl_command+* (pvctl.c:* pvctl_write, *:{access} pvctl_command)"
    result.stdout.fnmatch_lines(
        [
            "*last device accesses of the guest*",
            f"pvctl@0 ARGUMENT write * {place} from * pvctl_* (pvctl.c:* pvctl_*)",
            "*call chain of the guest*",
            f"*pvctl_restart+* (pvctl.c:{call} pvctl_restart)",
        ]
    )
    # A function that has called others has a link register that points into itself.
    names = [re.findall(r"0x\w{8} (\w+)[+ ]", line) for line in result.outlines if line.startswith("pvctl@")]
    assert any(len(pair) == 2 for pair in names)
    assert not any(len(set(pair)) < len(pair) for pair in names)


def test_lines_of_another_build_of_the_driver_are_not_told(
    run: Run, guest_files: GuestFiles, pytester: pytest.Pytester
) -> None:
    other = bytearray(guest_files.modules[0].read_bytes())
    with guest_files.modules[0].open("rb") as file:
        other[ELFFile(file).get_section_by_name(".text")["sh_offset"]] ^= 1
    pytester.path.joinpath("pvctl.ko").write_bytes(other)
    result = run(FAILING, "--paradrive-module=pvctl.ko")
    result.stdout.fnmatch_lines(["pvctl@0 ARGUMENT write * pvctl_command+*"])
    result.stdout.no_fnmatch_line("*pvctl.c:*")


def test_a_module_that_a_test_brings_along_tells_its_own_source_lines(
    run: Run, guest_files: GuestFiles
) -> None:
    source = f"""
from pathlib import Path

def test_fails(guest):
    guest.rmmod("pvctl")
    guest.insmod(Path({str(guest_files.modules[0])!r}))
    start = guest.symbol("pvctl_restart")  # While the agent has time to tell where the module is.
    guest.agent.start("reboot")
    guest.run_until(symbol="pvctl_restart")
    assert guest.machine.vcpu.state.pc != start
"""
    place = "* pvctl_restart (pvctl.c:* pvctl_restart)"
    run(source).stdout.fnmatch_lines(["*call chain of the guest*", place])


def test_a_console_in_a_report_does_not_steer_the_terminal(run: Run) -> None:
    source = """
def test_fails(guest):
    for byte in b"\\x1b[2J\\x1b]0;owned\\x07\\n":
        guest._console.transmit(byte)
    assert False
"""
    shown = run(source).stdout.str()
    assert "\\x1b[2J\\x1b]0;owned\\x07" in shown
    assert "\x1b[2J" not in shown


def test_a_module_that_is_not_there_is_refused(run: Run) -> None:
    result = run("def test_it(guest):\n    pass\n", "--paradrive-module=absent.ko")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--paradrive-module: there is no file absent.ko"])


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ('dtb="absent.dts"', "*marker guest: there is no absent.dts in *"),
        ("speed=3", "*marker guest: *unexpected keyword argument 'speed'*"),
        ('dtb="broken.dts"', "*marker guest: broken.dts: *"),
    ],
)
def test_a_marker_that_makes_no_guest_is_refused(
    run: Run, pytester: pytest.Pytester, marker: str, complaint: str
) -> None:
    directory = pytester.mkdir("own")
    directory.joinpath("broken.dts").write_text("/dts-v1/; / {", encoding="utf-8")
    result = run(f"@pytest.mark.guest({marker})\ndef test_it(guest):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([complaint])


def test_a_guest_that_does_not_boot_shows_its_console(run: Run) -> None:
    result = run('@pytest.mark.guest(append="rdinit=/absent init=/absent")\ndef test_it(guest):\n    pass\n')
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the guest has not booted*", "*Linux version*", "*Kernel panic*"])
