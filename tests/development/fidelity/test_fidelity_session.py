# SPDX-License-Identifier: GPL-2.0-or-later
"""``make fidelity`` as a command: its report, what it keeps, its exit status, and its documentation."""

from __future__ import annotations

import json
import math
import shutil
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from paradrive.cpu import tracing
from paradrive.cpu.models import CPU_MODELS
from paradrive.isa import logical
from paradrive.isa.fpscr import OX, VXIMZ, VXSNAN
from paradrive_dev.fidelity import forms, peer, session
from paradrive_dev.fidelity.__main__ import main
from paradrive_dev.fidelity.assembler import word
from paradrive_dev.fidelity.batch import CAPACITY, Result, compared_instruction, compared_instructions
from paradrive_dev.fidelity.case import Case, Registers
from paradrive_dev.fidelity.comparison import Mismatch, Values
from paradrive_dev.fidelity.differences import explanation, markdown_table
from paradrive_dev.fidelity.errors import FidelityError
from paradrive_dev.fidelity.layout import Layout
from paradrive_dev.fidelity.program import SIGBUS, Program
from paradrive_dev.fidelity.store import Store, fingerprint

CHECKOUT = Path(__file__).resolve().parents[3]
BATCH = session.Batch("e500v2", "srawi", 0, 60)

needs_qemu = pytest.mark.skipif(
    shutil.which(peer.QEMU) is None,
    reason=f"{peer.QEMU} is not installed (Debian package {peer.QEMU_PACKAGE})",
)


@pytest.fixture
def only_srawi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the command compare one instruction; return where its report goes."""
    monkeypatch.setattr(session, "BUILD", tmp_path)
    monkeypatch.setattr(session, "batches", lambda _cores, cases: [BATCH._replace(cases=cases)])
    return tmp_path / "fidelity.json"


@needs_qemu
def test_report_counts_cases_instructions_and_mismatches(only_srawi: Path) -> None:
    assert main(["--cases", "60"]) == 0
    report = json.loads(only_srawi.read_text())
    assert report["cases"] == 60
    assert report["mismatches"] == 0
    assert report["instructions"] == {"e500v2": 1}
    assert report["cases_by_instruction"] == {"e500v2": {"srawi": 60}}
    assert report["skipped_instructions"] == forms.SKIPPED_INSTRUCTIONS


@needs_qemu
def test_mismatch_without_an_explanation_is_described_and_gives_status_1(
    only_srawi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_carry(cpu: Any, i: Any, amount: Any) -> None:
        logical.result_to_ra(cpu, i, cpu.gpr[i.rS].shift_right_signed(amount))

    monkeypatch.setattr(tracing, "BINDERS", {})
    monkeypatch.setattr(logical, "shift_right_algebraic", without_carry)
    assert main(["--cases", "60"]) == session.MISMATCH == 1
    first = json.loads(only_srawi.read_text())["first_mismatches"][0]
    assert first["engine"] == "reference"
    assert first["instruction"].startswith("srawi")
    assert first["expected"]["XER"] != first["got"]["XER"]


@needs_qemu
def test_finished_batches_are_not_executed_again(only_srawi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main(["--cases", "60"])
    before = only_srawi.read_bytes()

    def refuse(_batch: session.Batch) -> Result:
        raise AssertionError("executed again")

    monkeypatch.setattr(session, "run", refuse)
    assert main(["--cases", "60"]) == 0
    assert only_srawi.read_bytes() == before


def test_results_of_other_sources_are_not_used(tmp_path: Path) -> None:
    Store(tmp_path, "before").save("batch", Result(cases={"add": 1}))
    assert Store(tmp_path, "before").load("batch") == Result(cases={"add": 1})
    assert Store(tmp_path, "after").load("batch") is None
    assert Store(tmp_path, "before").load("batch") is None


@pytest.mark.parametrize(
    "source",
    [
        "host-model/paradrive/isa/branch.py",
        "host-model/paradrive/cpu/mmu.py",
        "host-model/paradrive/cpu/compiled/memory.py",
        "host-model/paradrive/devices/ram.py",
        "tools/paradrive_dev/fidelity/generator.py",
    ],
)
def test_results_depend_on_the_text_of_what_made_them(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, read = fingerprint("QEMU 1"), Path.read_bytes
    assert fingerprint("QEMU 1") == before != fingerprint("QEMU 2")

    def changed(path: Path) -> bytes:
        return read(path) + (b"#" if path == CHECKOUT / source else b"")

    monkeypatch.setattr(Path, "read_bytes", changed)
    assert fingerprint("QEMU 1") != before


def test_batches_make_up_the_number_of_cases_that_is_asked_for() -> None:
    ordinals: dict[str, list[int]] = {}
    for batch in session.batches(["e500v2"], 2 * CAPACITY + 1):
        assert 0 < batch.cases <= CAPACITY
        ordinals.setdefault(batch.mnemonic, []).extend(range(batch.first, batch.first + batch.cases))
    assert ordinals.keys() == {each.mnemonic for each in compared_instructions("e500v2")}
    assert all(found == list(range(2 * CAPACITY + 1)) for found in ordinals.values())


def test_a_batch_executes_its_own_part_of_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[tuple[str, int]] = []

    def note(core: str, work: Any, _seed: str) -> Result:
        executed.extend((instruction.mnemonic, ordinal) for instruction, ordinal in work)
        return Result()

    monkeypatch.setattr(session, "run_batch", note)
    session.run(session.Batch("e500v2", "srawi", 1000, 3))
    assert executed == [("srawi", 1000), ("srawi", 1001), ("srawi", 1002)]


@needs_qemu
def test_one_cpu_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def note(cores: list[str], _cases: int) -> list[session.Batch]:
        asked.append(cores)
        return []

    monkeypatch.setattr(session, "BUILD", tmp_path)
    monkeypatch.setattr(session, "batches", note)
    main(["--cpu", "e500mc"])
    main([])
    assert asked == [["e500mc"], sorted(CPU_MODELS)]


@pytest.mark.parametrize(
    ("script", "reason"), [("printf short", "not all"), ("echo gone >&2; exit 3", "gone"), ("kill $$", "-15")]
)
def test_a_qemu_that_does_not_finish_is_no_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text(f"#!/bin/sh\n{script}\n")
    qemu.chmod(0o755)
    monkeypatch.setattr(peer, "QEMU", str(qemu))
    monkeypatch.setattr(peer, "version", lambda: "1")
    program = Program(bytes(4), 0x10000)
    with pytest.raises(FidelityError, match=reason):
        peer.run_on_qemu(program, Layout(1), "e500v2")


def test_a_batch_that_fails_ends_the_comparison_without_the_batches_that_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended = threading.Event()
    executed: list[int] = []

    class Pool(ThreadPoolExecutor):
        """Two of whose jobs are executed: the one that fails, and the one that has begun by then."""

        def __init__(self, *_: object, **__: object) -> None:
            super().__init__(1)

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            ended.set()
            super().shutdown(wait)

    def execute(batch: session.Batch) -> Result:
        executed.append(batch.first)
        if batch.first == 0:
            raise FidelityError("QEMU hangs")
        ended.wait()
        return Result()

    monkeypatch.setattr(session, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(session, "run", execute)
    wanted = [BATCH._replace(first=number) for number in range(20)]
    with pytest.raises(FidelityError):
        session.compare(wanted, Store(tmp_path, "sources"))
    assert len(executed) <= 2


def test_result_that_was_cut_off_is_not_used(tmp_path: Path) -> None:
    store = Store(tmp_path, "sources")
    store.save("batch", Result(cases={"add": 1}))
    (file,) = tmp_path.glob("sources/*.json")
    file.write_text(file.read_text()[:-20])
    assert store.load("batch") is None


def test_missing_qemu_is_told_in_one_line(
    only_srawi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.version.cache_clear()
    monkeypatch.setattr(peer.shutil, "which", lambda _name: None)
    assert main([]) == 2
    assert not only_srawi.exists()
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "qemu-ppc" in message and "qemu-user" in message


def bits(value: float) -> int:
    """Return the register that holds ``value``; an int stands for itself."""
    return value if isinstance(value, int) else int.from_bytes(struct.pack(">d", value))


def mismatch_of_lmw(**differences: tuple[int, int]) -> Mismatch:
    instruction = compared_instruction("e500v2", "lmw")
    case = Case(instruction, word("lmw", rT=31, rA=1), Registers(), 0, b"")
    return Mismatch(case, 0, 0, {name: Values(*values) for name, values in differences.items()})


def test_difference_explains_only_the_instructions_and_the_condition_that_it_names() -> None:
    assert explanation(mismatch_of_lmw(r31=(1, 2), signal=(0, SIGBUS))) == ("unaligned-multiple",)
    assert explanation(mismatch_of_lmw(r31=(1, 2))) is None


ZERO, INFINITY, ONE, QUIET, SIGNALLING = -0.0, -math.inf, 1.0, 0x7FF80001 << 32, 0x7FF00001 << 32


@pytest.mark.parametrize(
    ("a", "c", "b", "fpscr", "keys"),
    [
        (ZERO, INFINITY, SIGNALLING, (VXIMZ, VXIMZ | VXSNAN), ("signalling-addend",)),
        (INFINITY, ZERO, SIGNALLING, (VXIMZ, VXIMZ | VXSNAN), ("signalling-addend",)),
        # What the manual does not say of these operands, or not of this bit.
        (ZERO, INFINITY, QUIET, (VXIMZ, VXIMZ | VXSNAN), None),
        (ZERO, ONE, SIGNALLING, (0, VXSNAN), None),
        (INFINITY, INFINITY, SIGNALLING, (0, VXSNAN), None),
        (ZERO, INFINITY, SIGNALLING, (VXIMZ | VXSNAN, VXIMZ), None),
        # What is explained beside a bit that is not.
        (ZERO, INFINITY, SIGNALLING, (VXIMZ, VXIMZ | VXSNAN | OX), None),
        (ZERO, INFINITY, SIGNALLING, (VXSNAN, VXIMZ | VXSNAN), None),
    ],
)
def test_signalling_addend_explains_one_bit_beside_an_invalid_product(
    a: float, c: float, b: int, fpscr: tuple[int, int], keys: tuple[str, ...] | None
) -> None:
    fpr = [0] * 32
    for number, operand in enumerate((a, b, c), 1):
        fpr[number] = bits(operand)
    instruction = compared_instruction("e500mc", "fmadds")
    fmadds = word("fmadds", frT=4, frA=1, frB=2, frC=3)
    case = Case(instruction, fmadds, Registers(fpr=fpr), 0, b"")
    assert explanation(Mismatch(case, 0, 0, {"FPSCR": Values(*fpscr)})) == keys


def test_document_has_the_table_of_differences_and_what_is_left_out() -> None:
    document = (CHECKOUT / "docs" / "fidelity.md").read_text()
    assert markdown_table() in document
    for mnemonic, reason in forms.SKIPPED_INSTRUCTIONS.items():
        assert f"`{mnemonic}`: {reason}" in " ".join(document.split())
