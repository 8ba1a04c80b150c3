# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from paradrive.cpu.ports import PAGE_SIZE
from paradrive.devicetree.node import DeviceTree
from paradrive.guest.agent_protocol import Answer, encode
from paradrive.host.user_cache import cache_directory
from paradrive_dev.agreement.variants import variants
from paradrive_dev.bench import __main__ as command
from paradrive_dev.bench import (
    boot,
    compute,
    engine,
    examples,
    lint,
    mmio,
    process,
    restart,
    snapshot,
    virtio,
)
from paradrive_dev.bench.emulators import qemu
from paradrive_dev.bench.figures import FIGURES, Figure, write_figures
from paradrive_dev.bench.process import (
    BenchError,
    Program,
    Sample,
    alternate,
    median_difference,
    median_seconds,
    sample,
)
from paradrive_dev.bench.qemu_guest import QemuGuest
from paradrive_tools.guest_build import GuestFiles
from paradrive_tools.guest_build.trees import ensure_tree
from paradrive_tools.process import with_status

#: Of the keys that the project's users look for, those that have bounds: must and goal.
BOUNDS = {
    "boot.ratio": (1.0, 0.5),
    "boot.peak_rss_mib": (200, None),
    "compute.ratio": (0.3, 1.0),
    "mmio.read_us": (0.3, 0.15),
    "mmio.write_us": (0.3, 0.15),
    "dma.write_us": (1.0, 0.5),
    "examples.doorbell_lines": (15, 10),
    "virtio.rng_mib_s.ratio": (0.3, 1.0),
    "virtio.blk_mib_s.ratio": (0.3, 1.0),
    "engine.build_s": (5.0, None),
    "engine.load_s": (0.1, None),
    "snapshot.restore_ms": (0.5, 0.1),
    "snapshot.ratio": (0.1, 0.02),
    "test.ratio": (0.5, 0.1),
    "test.per_second": (50, 300),
    "snapshot.file_mib": (8, None),
    "snapshot.load_ms": (100, None),
    "lint.missed": (0, None),
    "lint.false_alarms": (0, None),
    "lint.ratio_dt_validate": (0.5, 2),
}


def python(statement: str, exit_status: int = 0, prints: str = "") -> Program:
    return Program((sys.executable, "-S", "-c", statement), exit_status, prints)


def samples(*seconds: float) -> list[Sample]:
    return [Sample(value, 0.0, "") for value in seconds]


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    few_variants = [variants()[0], variants()[-1]]
    monkeypatch.setattr(lint, "variants", lambda: few_variants)
    monkeypatch.setattr(process, "WARM_UPS", 0)
    # To compile the engine takes seconds, and test_engine_cache shows that it is done.
    monkeypatch.setattr(engine, "empty_cache", lambda: nullcontext(str(cache_directory().parent)))
    monkeypatch.setattr(compute, "ROUNDS", 2)
    # So little work may well take no longer than the start, on a busy machine.
    monkeypatch.setattr(compute, "median_difference", lambda longer, shorter: median_seconds(longer))
    monkeypatch.setattr(mmio, "ACCESSES", 1000)
    few = {name: (device, 2) for name, (device, _) in virtio.STREAMS.items()}
    monkeypatch.setattr(virtio, "STREAMS", few)
    monkeypatch.setattr(virtio, "median_difference", lambda longer, shorter: median_seconds(longer))
    monkeypatch.setattr(restart, "TESTS", 1)
    monkeypatch.setattr(restart, "SESSION_TESTS", 1)
    monkeypatch.setattr(restart, "median_difference", lambda longer, shorter: median_seconds(longer))


@pytest.mark.usefixtures("few_rounds")
def test_a_session_writes_every_figure(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    assert command.main(["--runs", "1", "--json", str(target)]) == 0
    figures = json.loads(target.read_text())
    assert figures.keys() == FIGURES.keys()
    assert all(type(value) in (int, float) for value in figures.values())
    # What the guest does, unlike the time it takes, is known.
    assert 5_000_000 < figures["boot.instructions"] < 50_000_000
    assert figures["boot.ratio"] == pytest.approx(
        figures["boot.seconds"] / figures["boot.qemu_seconds"], rel=1e-3
    )
    assert figures["compute.ratio"] == pytest.approx(
        figures["compute.mips"] / figures["compute.qemu_mips"], rel=1e-3
    )
    assert figures["test.ratio"] == pytest.approx(
        figures["test.restart_ms"] / figures["test.qemu_ms"], rel=1e-3
    )
    # One of the two variants is bad.
    assert (figures["lint.caught"], figures["lint.missed"], figures["lint.false_alarms"]) == (1, 0, 0)


def test_the_bounds_are_those_promised() -> None:
    assert {
        key: (figure.must, figure.goal) for key, figure in FIGURES.items() if figure.must is not None
    } == BOUNDS


@pytest.mark.parametrize(
    ("figure", "value", "reaches_must", "reaches_goal"),
    [
        (Figure("", must=1.0, goal=0.5), 0.5, True, True),
        (Figure("", must=1.0, goal=0.5), 1.0, True, False),
        (Figure("", must=1.0, goal=0.5), 1.01, False, False),
        (Figure("", must=0.3, goal=1.0, more_is_better=True), 1.0, True, True),
        (Figure("", must=0.3, goal=1.0, more_is_better=True), 0.3, True, False),
        (Figure("", must=0.3, goal=1.0, more_is_better=True), 0.29, False, False),
    ],
)
def test_a_bound_is_reached_by_what_is_on_it_or_better(
    figure: Figure, value: float, reaches_must: bool, reaches_goal: bool
) -> None:
    assert figure.must is not None and figure.goal is not None
    assert figure.reaches(value, figure.must) == reaches_must
    assert figure.reaches(value, figure.goal) == reaches_goal


def test_the_median_ignores_one_disturbed_run() -> None:
    assert median_seconds(samples(1.0, 90.0, 2.0)) == 2.0


def test_the_difference_is_taken_between_runs_of_the_same_turn() -> None:
    assert median_difference(samples(5.0, 16.0, 7.0), samples(1.0, 11.0, 1.0)) == 5.0


def test_programs_take_turns_and_their_first_run_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    writes = "import sys; log = open({0!r}, 'a+'); log.write({1!r}); log.seek(0); print(len(log.read()))"
    programs = {name: python(writes.format(str(log), name)) for name in ("a", "b")}
    taken = alternate("testing", programs, 2)
    assert log.read_text() == "ababab"
    assert [int(run.output) for run in taken["a"]] == [3, 5]
    assert [int(run.output) for run in taken["b"]] == [4, 6]


def test_a_sample_counts_the_memory_of_the_process() -> None:
    small, large = (sample(python(f"b'x' * ({mib} << 20)")).peak_rss_mib for mib in (0, 300))
    # Both count this process in until they execute Python, whatever tests have made it grow to.
    assert large >= 300 and large >= small


def test_processes_may_keep_compiled_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert sample(python("import sys; print(sys.dont_write_bytecode)")).output == "False\n"


@pytest.mark.parametrize(
    "program",
    [
        python("print('gone'); raise SystemExit(3)"),
        python("print('done')", prints="restart"),
        python("import os; os.kill(os.getpid(), 9)"),
        Program(("/nonexistent/program",), 0),
    ],
)
def test_a_run_that_fails_is_no_sample(program: Program) -> None:
    with pytest.raises(BenchError) as raised:
        sample(program)
    assert Path(program.command[0]).name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paradrive_dev.bench.process.TIME_LIMIT", 0.1)
    with pytest.raises(BenchError):
        sample(python("import time; time.sleep(600)"))


def test_the_work_has_the_same_result_on_both_emulators() -> None:
    program = compute.build(1)
    ours, theirs = sample(compute.on_paradrive(program)), sample(qemu("-kernel", program))
    compute.check_results([ours], [theirs])
    # What qemu-ppc prints, as a user process, for one round.
    assert compute.result(ours) == "26dd2fc1 a2c97a0c 02341c91 e9ea7301 00000010 f10632a7 842adcb8"


def test_work_that_takes_no_time_is_an_error() -> None:
    with pytest.raises(BenchError):
        compute.mips(1000, samples(1.0, 2.0), samples(1.0, 2.0))
    assert compute.mips(4_000_000, samples(3.0), samples(1.0)) == 2.0


@pytest.mark.parametrize(("ours", "theirs"), [("a\n", "b\n"), ("a\n", ""), ("", "")])
def test_differing_or_missing_results_of_the_work_are_an_error(ours: str, theirs: str) -> None:
    with pytest.raises(BenchError):
        compute.check_results([Sample(1.0, 1.0, ours)], [Sample(1.0, 1.0, theirs)])


def test_the_work_follows_its_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "WORKLOAD", tmp_path)
    monkeypatch.setattr(compute, "BUILD", tmp_path / "build")
    header = tmp_path / "text.h"
    (tmp_path / "work.c").write_text('#include "text.h"\nconst char text[] = TEXT;\nvoid _start(void) { }\n')
    for text in ("first", "other"):
        header.write_text(f'#define TEXT "{text}"\n')
        assert text.encode() in compute.build(1).read_bytes()


def test_both_emulators_boot_a_tree_without_the_device_that_qemu_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "qemu_initrd_range", lambda *_: (0x400_0000, 0x410_0000))
    dtb = ensure_tree("ppce500")
    files = GuestFiles(tmp_path / "kernel", tmp_path / "initrd", dtb, ())
    tree = DeviceTree(boot.write_tree(files, "act=restart", tmp_path / "tree.dtb").read_bytes())
    assert any("qemu,pvctl" in node.compatible for node in DeviceTree(dtb.read_bytes()).root.walk())
    assert not any("qemu,pvctl" in node.compatible for node in tree.root.walk())
    assert tree.chosen().cell("linux,initrd-end") == 0x410_0000
    assert tree.chosen().properties["bootargs"] == b"act=restart\0"


def test_an_access_costs_what_its_loop_takes_longer_than_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"nothing": 1.0, "read": 3.0, "write": 1.5}
    target = SimpleNamespace(seconds=lambda name, _turns: seconds[name], dma_seconds=lambda _turns: 0.25)
    monkeypatch.setattr(mmio, "Target", lambda: target)
    assert mmio.measure(3) == {
        "dma.write_us": pytest.approx(0.25e6 / mmio.ACCESSES),
        "mmio.read_us": pytest.approx(2e6 / mmio.ACCESSES),
        "mmio.write_us": pytest.approx(0.5e6 / mmio.ACCESSES),
    }


def test_a_device_writes_what_the_core_is_told_of() -> None:
    target = mmio.Target()
    seconds = target.dma_seconds(3)
    assert isinstance(seconds, float)
    assert mmio.DMA_ADDRESS // PAGE_SIZE in target._vcpu.stored_pages


def test_lines_of_code_are_neither_comments_nor_prose() -> None:
    source = '"""Doc."""\n\nimport a  # why\n# only\nclass B:\n    """Two\n    lines."""\n    c = 1\n'
    assert examples.lines_of_code(source) == 3


def test_restores_are_told_in_milliseconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.touch()
    monkeypatch.setattr(snapshot, "ensure_program", lambda *_: program)
    monkeypatch.setattr(snapshot, "BootedGuest", lambda _: SimpleNamespace(destroy=lambda: None))
    monkeypatch.setattr(snapshot, "_pages_to_write", lambda _: snapshot.PAGES)
    monkeypatch.setattr(snapshot, "_restore_seconds", lambda *_: 0.002)
    files = GuestFiles(program, program, program, ())
    assert snapshot._measure_restores(files, tmp_path, 2) == {"snapshot.restore_ms": pytest.approx(2.0)}


def test_an_interrupted_measurement_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    numbers: list[int] = []

    def interrupt(number: int, _options: int) -> None:
        started.read_text()
        numbers.append(number)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "wait4", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sample(python(f"open({str(started)!r}, 'w').close(); import time; time.sleep(600)"))
    with pytest.raises(ProcessLookupError):
        os.kill(numbers[0], 0)


def test_the_loops_of_device_accesses_do_what_they_are_measured_for() -> None:
    target = mmio.Target()
    for name, accesses in (("nothing", 0), ("read", 100), ("write", 100)):
        target.seconds(name, 100)
        assert target.device.accesses == accesses


def test_a_loop_that_makes_no_access_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mmio.LOOPS, "read", mmio.LOOPS["nothing"])
    with pytest.raises(BenchError):
        mmio.Target().seconds("read", 10)


def test_a_qemu_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no such option"):
        QemuGuest(("sh", "-c", "echo there is no such option >&2"), tmp_path)


#: QEMU, with a guest whose UART passes one byte after the other, and a monitor that tells of events; its
#: arguments end with -serial and -qmp.
SLOW_GUEST = """
import json, socket, sys, time
serial, monitor = (socket.socket(socket.AF_UNIX) for _ in range(2))
serial.connect(sys.argv[-3].removeprefix("unix:"))
monitor.connect(sys.argv[-1].removeprefix("unix:"))
for message in ({"QMP": {}}, {"return": {}}, *({"event": name} for name in sys.argv[2].split())):
    monitor.sendall(json.dumps(message).encode() + bytes([10]))
for byte in bytes.fromhex(sys.argv[1]):
    time.sleep(0.001)
    serial.sendall(bytes([byte]))
monitor.recv(1000)
if sys.argv[2]:
    raise SystemExit
serial.recv(1)
"""


def slow_guest(directory: Path, frame: bytes, events: str = "") -> QemuGuest:
    return QemuGuest((sys.executable, "-S", "-c", SLOW_GUEST, frame.hex(), events), directory)


def test_agent_may_greet_byte_by_byte(tmp_path: Path) -> None:
    with slow_guest(tmp_path, encode(Answer.HELLO, b"\0\1")) as guest:
        guest.wait_for_agent()


def test_another_answer_is_no_greeting(tmp_path: Path) -> None:
    with slow_guest(tmp_path, encode(Answer.ERROR, bytes(4))) as guest, pytest.raises(BenchError):
        guest.wait_for_agent()


def test_an_event_counts_once(tmp_path: Path) -> None:
    with slow_guest(tmp_path, b"", "STOP RESET") as guest:
        guest.wait_for_event("RESET")
        with pytest.raises(BenchError, match="QEMU"):
            guest.wait_for_event("RESET")


def test_figures_replace_the_file_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bench.json"
    write_figures(target, {"b.s": 1 / 3, "a.instructions": 8_510_320})
    assert json.loads(target.read_text()) == {"a.instructions": 8_510_320, "b.s": 0.333333}
    write_figures(target, {"b.s": 2.0})
    assert json.loads(target.read_text()) == {"b.s": 2.0}
    assert list(target.parent.iterdir()) == [target]


def assert_one_line_error(status: int, capsys: pytest.CaptureFixture[str], *parts: str) -> None:
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("paradrive: error: ")
    assert printed.err.count("\n") == 1
    assert all(part in printed.err for part in parts)


def test_a_missing_qemu_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status = command.main(["--json", str(tmp_path / "bench.json")])
    assert_one_line_error(status, capsys, "qemu-system-ppc")
    assert not (tmp_path / "bench.json").exists()


def test_a_missing_compiler_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "qemu-system-ppc").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(boot, "measure", lambda runs: {})
    monkeypatch.setattr(compute, "BUILD", tmp_path)
    status = command.main(["--json", str(tmp_path / "bench.json")])
    assert_one_line_error(status, capsys, "powerpc-linux-gnu-gcc", "gcc-powerpc-linux-gnu")


@pytest.mark.parametrize("runs", ["0", "-1", "few", ""])
def test_a_number_of_runs_that_is_none_is_refused(runs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line_error(with_status(lambda: command.main([f"--runs={runs}"])), capsys, "--runs")
