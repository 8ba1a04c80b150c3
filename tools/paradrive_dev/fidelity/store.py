# SPDX-License-Identifier: GPL-2.0-or-later
"""Results on disk: those of finished batches, so that an interrupted run goes on, and the report.

A result counts only for the sources and the QEMU with which it was made; the others are removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import paradrive.cpu
import paradrive.devices
import paradrive.isa
from paradrive.host.inputs import InputError
from paradrive.host.outputs import write_output
from paradrive_dev.fidelity.batch import Result

if TYPE_CHECKING:
    from collections.abc import Iterable


def fingerprint(qemu: str) -> str:
    """Return what identifies the instruction set, the core, its memory, these tests and QEMU's version."""
    digest = hashlib.sha256(qemu.encode())
    for package in (paradrive.isa, paradrive.cpu, paradrive.devices):
        _add(digest, sorted(_directory_of(package.__file__).rglob("*.py")))
    _add(digest, sorted(Path(__file__).parent.glob("*.py")))
    return digest.hexdigest()[:16]


def _directory_of(file: str | None) -> Path:
    assert file is not None
    return Path(file).parent


def _add(digest: hashlib._Hash, sources: Iterable[Path]) -> None:
    for source in sources:
        digest.update(source.name.encode())
        digest.update(source.read_bytes())


class Store:
    """The results of finished batches by name, in ``directory``/``fingerprint``."""

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._directory = directory / fingerprint
        if directory.is_dir():
            for other in directory.iterdir():
                if other != self._directory and other.is_dir():
                    shutil.rmtree(other)
        self._directory.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> Result | None:
        """Return the result of a batch, None if it has not been finished."""
        try:
            return Result(**json.loads(self._path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, name: str, result: Result) -> None:
        """Keep the result of a batch; InputError when it cannot be written."""
        write_json(self._path(name), result.as_json())

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"


def write_json(path: Path, data: object) -> None:
    """Write a file, which is complete or untouched; InputError when that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(str(path), getattr(error, "strerror", None) or str(error)) from None
    write_output(str(path), [json.dumps(data, indent=1).encode() + b"\n"])
