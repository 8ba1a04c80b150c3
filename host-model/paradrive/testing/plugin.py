# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin: fixtures that give a test its guest, and reports of what the guest did.

``guest`` is a guest that has booted, with its driver bound; each test gets it as it was then. Tests that need
the same share one boot. ``@pytest.mark.guest`` says what a test needs:

    import pytest
    from paradrive.devices.pvctl import Feature

    @pytest.mark.guest(dtb="no-interrupt.dts", append="panic=1")
    def test_events_need_an_interrupt(guest, pvctl):
        assert "panic=1" in guest.read("/proc/cmdline")
        assert Feature.EVENTS not in pvctl.enabled

Its arguments are those of ``paradrive.testing.booted.Recipe``, and ``dtb``: a blob, or a source, in the
directory of the test or one that the ini option ``paradrive_dts_path`` names. ``modules=["extra.ko"]`` are
loaded, too; their names are relative to the test's directory. ``boot`` makes guests that have yet to boot.

A device model is a class that says what it is ``compatible`` with. The classes which a test's file defines or
imports are for the tests of that file; those that the option ``--paradrive-device`` or the ini option
``paradrive_devices`` names, as ``module:Class`` or ``KEY=module:Class``, are for all. What the
marker's ``models=`` says goes first: a list of classes or such names, or a dict by what they model.

The files of the guest come from the options ``--paradrive-kernel``, ``--paradrive-initrd`` and
``--paradrive-dtb``, or from a fixture ``guest_files`` of the project's own. ``--paradrive-module`` names a
module with debugging information, for reports with source lines; it may be given more than once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.host.inputs import InputError
from paradrive.host.printable import printable_lines
from paradrive.machine.named_models import named_models
from paradrive.testing import report as guest_report
from paradrive.testing.booted import BootedGuest, Recipe
from paradrive.testing.guest import Guest, GuestFiles
from paradrive.testing.models import as_models, models_of_module
from paradrive.testing.trees import TreeError, find_tree, tree_fdt

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from paradrive.devices.pvctl import Pvctl
    from paradrive.machine.device_models import Model

_FILES = ("kernel", "initrd", "dtb")
_DTS_PATH = "paradrive_dts_path"
_DEVICES = "paradrive_devices"
#: Guests that stay booted for further tests, some 50 MiB each; the one used least recently makes room.
MAX_BOOTED = 16

_GUESTS = pytest.StashKey[list[Guest]]()
_GUEST = pytest.StashKey[BootedGuest]()
_MODELS = pytest.StashKey[dict[str, "Model"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that name the guest's files."""
    group = parser.getgroup("paradrive", "guests that boot on the model of the machine")
    for name in _FILES:
        group.addoption(f"--paradrive-{name}", type=Path, metavar="FILE", help=f"the guest's {name}")
    help_module = "a module of the guest, with debugging information"
    group.addoption("--paradrive-module", type=Path, metavar="FILE", action="append", help=help_module)
    help_device = "a device of your own, as [KEY=]MODULE:CLASS; any number of times"
    group.addoption("--paradrive-device", metavar="DEVICE", action="append", default=[], help=help_device)
    parser.addini(
        _DEVICES, "devices of your own, as [KEY=]MODULE:CLASS, a line each", type="linelist", default=[]
    )
    parser.addini(_DTS_PATH, "directories of device tree sources", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and import the devices that the user names."""
    config.addinivalue_line("markers", "guest(dtb, append, modules, ...): what the fixture guest has to be")
    try:
        config.stash[_MODELS] = {
            **named_models(config.getini(_DEVICES), _DEVICES, str(config.rootpath)),
            **named_models(
                config.getoption("paradrive_device"), "--paradrive-device", str(config.invocation_params.dir)
            ),
        }
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def guest_files(pytestconfig: pytest.Config) -> GuestFiles:
    """Return the files of the guest that tests boot; a project may have its own fixture of this name."""
    paths = {name: pytestconfig.getoption(f"paradrive_{name}") for name in _FILES}
    missing = [f"--paradrive-{name}" for name, path in paths.items() if path is None]
    if missing:
        pytest.fail(f"no guest to boot: {', '.join(missing)} not given", pytrace=False)
    modules = tuple(pytestconfig.getoption("paradrive_module") or ())
    for module in modules:
        if not module.is_file():
            pytest.fail(f"--paradrive-module: there is no file {module}", pytrace=False)
    return GuestFiles(**paths, modules=modules)


@pytest.fixture
def boot(request: pytest.FixtureRequest, guest_files: GuestFiles) -> Iterator[Callable[..., Guest]]:
    """Return what makes a `Guest`; its parameters are those of the class, and ``files`` for other files."""
    guests = request.node.stash[_GUESTS] = []

    def make(files: GuestFiles = guest_files, **options: Any) -> Guest:
        models = _models(request, options.pop("models", {}))
        guest = Guest(files, models=models, **options)
        guests.append(guest)
        return guest

    yield make
    for guest in guests:
        guest.machine.destroy()


@pytest.fixture(scope="session")
def booted_guests() -> Iterator[dict[Recipe, BootedGuest]]:
    """Return the guests that have booted in this session, the one used last at the end."""
    guests: dict[Recipe, BootedGuest] = {}
    yield guests
    for guest in guests.values():
        guest.destroy()


@pytest.fixture
def guest(
    request: pytest.FixtureRequest, guest_files: GuestFiles, booted_guests: dict[Recipe, BootedGuest]
) -> Iterator[BootedGuest]:
    """Return a guest that has just booted, made as the marker ``guest`` says.

    An error behind the test where the guest has changed attributes of a device that its class does not
    declare: saved guests would lack them, and the next test could find them.
    """
    recipe = _recipe(request, guest_files)
    guest = booted_guests.pop(recipe, None)
    if guest is None:
        while len(booted_guests) >= MAX_BOOTED:
            booted_guests.pop(next(iter(booted_guests))).destroy()
        guest = BootedGuest(recipe)
    booted_guests[recipe] = guest
    guest.restore()
    request.node.stash[_GUEST] = guest
    yield guest
    if changes := guest.undeclared_changes():
        # Nobody knows what else there is that no restore brings back.
        booted_guests.pop(recipe).destroy()
        pytest.fail("\n".join(map(str, changes)), pytrace=False)


@pytest.fixture
def pvctl(guest: BootedGuest) -> Pvctl:
    """Return the pvctl of the test's guest."""
    return guest.pvctl


def _models(request: pytest.FixtureRequest, wanted: Any) -> dict[str, Model]:
    """Return the models of a test's guest: those of the user, of the test's file, and of the test itself."""
    own = as_models(wanted, str(request.path.parent))
    return request.config.stash[_MODELS] | models_of_module(request.module) | own


def _recipe(request: pytest.FixtureRequest, files: GuestFiles) -> Recipe:
    """Return what the nearest marker says; a usage error where it cannot be."""
    marker = request.node.get_closest_marker("guest")
    wanted: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    here = request.path.parent
    dtb = wanted.pop("dtb", None)
    try:
        if dtb is not None:
            directories = [here, *request.config.getini(_DTS_PATH)]
            wanted["tree"] = tree_fdt(find_tree(dtb, directories), directories)
        wanted["modules"] = tuple(here / module for module in wanted.get("modules", ()))
        models = _models(request, wanted.get("models", {}))
        wanted["models"] = tuple(sorted(models.items(), key=lambda model: model[0]))
        return Recipe(files, **wanted)
    except (TreeError, TypeError, InputError) as error:
        raise pytest.UsageError(f"{request.node.nodeid}: marker guest: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the guests did to the report of a test that failed."""
    report = yield
    if report.failed:
        for guest in item.stash.get(_GUESTS, []):
            report.sections.append(("guest console", printable_lines(guest.console)))
        booted = item.stash.get(_GUEST, None)
        if booted is not None:
            report.sections.extend(section for section in guest_report.sections(booted) if section[1])
    return report
