# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the cache is: one directory for the engine and the tools, and what becomes of them without one."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from bare_core import BareCore, li
from paradrive.cpu.compiled import build, link
from paradrive.host.user_cache import cache_directory
from paradrive_tools.guest_build import kernel
from paradrive_tools.guest_build.errors import BuildError

MODEL = "e500v2"


@pytest.mark.parametrize(
    ("configured", "home", "expected"),
    [
        ("/cache", "/home/someone", "/cache/paradrive"),
        ("/cache", None, "/cache/paradrive"),
        (None, "/home/someone", "/home/someone/.cache/paradrive"),
        ("", "/home/someone", "/home/someone/.cache/paradrive"),
        # By the specification such a path is no path; neither a shell nor we expand it.
        ("relative", "/home/someone", "/home/someone/.cache/paradrive"),
        ("~/cache", "/home/someone", "/home/someone/.cache/paradrive"),
        (None, None, "/home/of-passwd/.cache/paradrive"),
        (None, "", "/home/of-passwd/.cache/paradrive"),
        (None, "relative", "/home/of-passwd/.cache/paradrive"),
    ],
)
def test_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, configured: str | None, home: str | None, expected: str
) -> None:
    for name, value in (("XDG_CACHE_HOME", configured), ("HOME", home)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    someone = pwd.struct_passwd(("someone", "x", 1000, 1000, "", "/home/of-passwd", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: someone)
    assert cache_directory() == Path(expected)
    assert build.image_path(MODEL).is_relative_to(expected)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user of whom the host knows no directory, as in many a container."""

    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_user_without_a_home_has_no_cache() -> None:
    with pytest.raises(OSError, match="XDG_CACHE_HOME"):
        cache_directory()


def test_engine_compiles_where_there_is_no_cache(request: pytest.FixtureRequest) -> None:
    image = build.image_path(MODEL)
    BareCore("compiled")  # so that there is one
    compiled = image.read_bytes()
    request.getfixturevalue("homeless")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "compile_image", lambda _: compiled)
        patch.setattr(build, "shared", build.load)
        core = BareCore("compiled")
    core.execute(li(3, 7))
    assert core.gpr[3] == 7
    assert not os.path.lexists("~")


@pytest.mark.usefixtures("homeless")
def test_kernel_is_not_built_where_there_is_no_cache() -> None:
    with pytest.raises(BuildError, match="XDG_CACHE_HOME"):
        kernel.ensure_kernel(MODEL)
