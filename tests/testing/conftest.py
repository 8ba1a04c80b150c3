# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's own guest, for tests of the plugin, and pytest runs that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.host.user_cache import cache_directory
from paradrive.testing.guest import GuestFiles
from paradrive_tools.guest_build import ensure_guest

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = cache_directory().parent
#: The order counts in these runs, and Hypothesis would be imported anew by each of them.
WITHOUT = ("-p", "no:randomly", "-p", "no:hypothesispytest")


@pytest.fixture(scope="session")
def guest_files() -> GuestFiles:
    guest = ensure_guest("e500v2")
    return GuestFiles(guest.kernel, guest.initrd, guest.dtb, guest.modules)


@pytest.fixture
def run(
    pytester: pytest.Pytester,
    pytestconfig: pytest.Config,
    guest_files: GuestFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., pytest.RunResult]:
    """Return what runs pytest on the source of a test module, which lies in the directory ``own``."""
    # Pytester has changed HOME, where the engine's code would not be found and be compiled each time.
    monkeypatch.setenv("XDG_CACHE_HOME", str(CACHE))
    pytester.makeini(f"[pytest]\nparadrive_dts_path = {pytestconfig.rootpath / 'dts'}\n")
    files = [f"--paradrive-{name}={getattr(guest_files, name)}" for name in ("kernel", "initrd", "dtb")]

    def run_source(source: str, *arguments: str) -> pytest.RunResult:
        own = pytester.path / "own"
        own.mkdir(exist_ok=True)
        own.joinpath("test_it.py").write_text(f"import pytest\n{source}", encoding="utf-8")
        return pytester.runpytest_inprocess(*files, *WITHOUT, *arguments, "own")

    return run_source
