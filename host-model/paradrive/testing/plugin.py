# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin: the fixture ``boot``, and the guest's console in the report of a test that failed.

The files of the guest come from the options ``--paradrive-kernel``, ``--paradrive-initrd`` and
``--paradrive-dtb``, or from a fixture ``guest_files`` of the project's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.testing.guest import Guest, GuestFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_FILES = ("kernel", "initrd", "dtb")
_GUESTS = pytest.StashKey[list[Guest]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name the guest's files."""
    group = parser.getgroup("paradrive", "guests that boot on the model of the machine")
    for name in _FILES:
        group.addoption(f"--paradrive-{name}", type=Path, metavar="FILE", help=f"the guest's {name}")


@pytest.fixture(scope="session")
def guest_files(pytestconfig: pytest.Config) -> GuestFiles:
    """Return the files of the guest that tests boot; a project may have its own fixture of this name."""
    paths = {name: pytestconfig.getoption(f"paradrive_{name}") for name in _FILES}
    missing = [f"--paradrive-{name}" for name, path in paths.items() if path is None]
    if missing:
        pytest.fail(f"no guest to boot: {', '.join(missing)} not given", pytrace=False)
    return GuestFiles(**paths)


@pytest.fixture
def boot(request: pytest.FixtureRequest, guest_files: GuestFiles) -> Iterator[Callable[..., Guest]]:
    """Return what makes a `Guest`; its parameters are those of the class, and ``files`` for other files."""
    guests = request.node.stash[_GUESTS] = []

    def make(files: GuestFiles = guest_files, **options: Any) -> Guest:
        guest = Guest(files, **options)
        guests.append(guest)
        return guest

    yield make
    for guest in guests:
        guest.machine.destroy()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the console of each guest to the report of a test that failed."""
    report = yield
    if report.failed:
        for guest in item.stash.get(_GUESTS, []):
            report.sections.append(("guest console", guest.console))
    return report
