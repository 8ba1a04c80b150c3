# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel that clones share: built once, and refused when something else has written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive_tools.guest_build import BuildError, configuration, kernel, seal
from paradrive_tools.guest_build.kernel import ensure_kernel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let kernels be built of nothing, in a cache of the test's own; return where they were built."""
    built: list[Path] = []

    def build(directory: Path, *_: object) -> None:
        built.append(directory)
        for name in (*seal._TELLING, "vmlinux"):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(name)
        seal.seal(directory)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(configuration, "BUILD", tmp_path / "build")
    monkeypatch.setattr(kernel, "_build", build)
    return built


def test_clones_share_one_build(builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ensure_kernel("e500v2").resolve()
    monkeypatch.setattr(configuration, "BUILD", tmp_path / "clone")
    assert ensure_kernel("e500v2").resolve() == first
    assert ensure_kernel("e500v2").resolve() == first
    assert len(builds) == 1


def test_another_cpu_and_another_recipe_are_other_kernels(
    builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = {ensure_kernel(cpu).resolve() for cpu in ("e500v2", "e500mc")}
    monkeypatch.setattr(kernel, "_RECIPE", kernel._RECIPE + 1)
    kernels.add(ensure_kernel("e500v2").resolve())
    assert len(kernels) == len(builds) == 3


def test_a_kernel_is_found_in_the_cache_that_is_set_now(
    builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_kernel("e500v2")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert ensure_kernel("e500v2").resolve().is_relative_to(tmp_path / "another")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, text) for name in seal._TELLING for text in ("changed", None)),
        *((seal._SEAL, text) for text in ("", "[]", "{}", "7")),
    ],
)
def test_a_kernel_that_something_has_written_to_is_refused_by_all_until_it_is_removed(
    builds: list[Path], name: str, text: str | None
) -> None:
    cached = ensure_kernel("e500v2").resolve()
    if text is not None:
        (cached / name).write_text(text)
    else:
        (cached / name).unlink()
    for _ in range(2):
        with pytest.raises(BuildError, match=str(cached / name)):
            ensure_kernel("e500v2")
    cached.rename(cached.with_name("removed"))
    ensure_kernel("e500v2")
    assert len(builds) == 2
