# SPDX-License-Identifier: GPL-2.0-or-later
"""Which guests the plugin makes of options, markers and parameters, and what becomes of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paradrive.machine.machine import Machine
from paradrive.testing import plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paradrive.testing.guest import GuestFiles

    Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]

NO_INTERRUPT = Path(__file__).with_name("no-interrupt.dts").read_text(encoding="utf-8")


def beside(pytester: pytest.Pytester) -> Path:
    """Return the directory of the test module that `run` runs."""
    directory = pytester.path / "own"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Machine]]:
    """List the machines that have been made and not been destroyed."""
    machines: list[Machine] = []
    create, destroy = Machine.__init__, Machine.destroy

    def noted_create(machine: Machine, *arguments: object) -> None:
        create(machine, *arguments)  # type: ignore[arg-type]
        machines.append(machine)

    def noted_destroy(machine: Machine) -> None:
        destroy(machine)
        machines.remove(machine)

    monkeypatch.setattr(Machine, "__init__", noted_create)
    monkeypatch.setattr(Machine, "destroy", noted_destroy)
    yield machines
    assert machines == []


EVICTING = """
guests = {}

def note(name, guest, known):
    assert (guests.get(name) is guest) == known
    guests[name] = guest
    return guest

@pytest.mark.guest(append="a")
def test_a(guest):
    note("a", guest, False)

@pytest.mark.guest(append="b")
def test_b(guest):
    note("b", guest, False)

@pytest.mark.guest(append="a")
def test_a_is_still_there(guest):
    note("a", guest, True)

@pytest.mark.guest(append="c")
def test_c(guest):
    note("c", guest, False)

@pytest.mark.guest(append="a")
def test_the_one_used_last_has_stayed(guest):
    note("a", guest, True)

@pytest.mark.guest(append="b")
def test_the_other_boots_again(guest):
    assert "b" in guest.read("/proc/cmdline").split()
    note("b", guest, False)
"""


def test_the_guest_used_least_recently_makes_room(
    run: Run, living: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "MAX_BOOTED", 2)
    most = 0
    create = plugin.BootedGuest.__init__

    def counted(guest: plugin.BootedGuest, recipe: plugin.Recipe) -> None:
        nonlocal most
        create(guest, recipe)
        most = max(most, len(living))

    monkeypatch.setattr(plugin.BootedGuest, "__init__", counted)
    run(EVICTING).assert_outcomes(passed=6)
    assert most == 2


BOOTING = """
from paradrive.devices.register_device import RegisterDevice

class Mine(RegisterDevice):
    pass

def test_two(boot):
    first, second = boot(), boot(append="act=restart")
    assert first.machine is not second.machine

def test_model_of_ones_own(boot):
    assert isinstance(boot(models={"qemu,pvctl": Mine}).device(Mine), Mine)

def test_other_files(boot, guest_files):
    with pytest.raises(Exception, match="absent"):
        boot(files=guest_files._replace(kernel=guest_files.kernel.parent / "absent"))
"""


def test_guests_that_a_test_boots_are_made_as_it_says_and_end_with_it(
    run: Run, living: list[Machine]
) -> None:
    run(BOOTING).assert_outcomes(passed=3)


MODULES = """
@pytest.mark.guest(modules=["pvpanic.ko", "pvpanic-mmio.ko"])
def test_symbols_of_all_modules(guest):
    places = [guest.symbol(f"{name}_probe") for name in ("pvctl", "devm_pvpanic", "pvpanic_mmio")]
    assert len(set(places)) == 3
    assert "pvpanic_mmio" in guest.read("/proc/modules")
"""


def test_modules_beside_a_test_are_loaded_in_their_order(
    run: Run, pytester: pytest.Pytester, guest_files: GuestFiles
) -> None:
    directory = beside(pytester)
    for name in ("pvpanic.ko", "pvpanic-mmio.ko"):
        shutil.copy(guest_files.kernel.parent / "drivers/misc/pvpanic" / name, directory)
    run(MODULES).assert_outcomes(passed=1)


MARKERS = """
@pytest.mark.guest(append="far")
class TestMarkers:
    @pytest.mark.guest(append="near")
    def test_the_nearest_marker_counts(self, guest):
        assert {"near", "far"} & set(guest.read("/proc/cmdline").split()) == {"near"}

    def test_that_of_the_class_counts(self, guest):
        assert "far" in guest.read("/proc/cmdline").split()
"""


def test_markers_of_functions_count_before_those_of_classes(run: Run) -> None:
    run(MARKERS).assert_outcomes(passed=2)


@pytest.mark.parametrize("option", ["cpu", "machine"])
def test_a_machine_that_there_is_not_is_an_error_of_the_test(run: Run, option: str) -> None:
    result = run(f'@pytest.mark.guest({option}="absent")\ndef test_it(guest):\n    pass\n')
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*'absent'*"])


def test_the_tree_beside_a_test_counts_before_the_projects(run: Run, pytester: pytest.Pytester) -> None:
    beside(pytester).joinpath("ppce500.dts").write_text(NO_INTERRUPT, encoding="utf-8")
    source = '@pytest.mark.guest(dtb="ppce500.dts")\ndef test_it(pvctl):\n    assert not pvctl.ENABLE & 8\n'
    run(source).assert_outcomes(passed=1)


def test_without_files_there_is_no_guest_and_the_options_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(guest):\n    pass\n")
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--paradrive-kernel, --paradrive-initrd, --paradrive-dtb*"])


REPORTS = """
def test_passes(guest):
    guest.read("/sys/bus/platform/drivers/pvctl/f00000000.pvctl/version")

def test_fails(guest):
    assert False

def test_boots_and_fails(boot):
    boot().run(budget=20_000_000)
    assert False
"""


def test_a_report_tells_of_failures_and_of_what_there_is(run: Run) -> None:
    result = run(REPORTS, "-rP")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*Linux version*"])
    titles = [line.strip("- ") for line in result.outlines if line.startswith("---")]
    assert titles.count("call chain of the guest") == 1
    assert titles.count("guest console") == 1
    assert not {"guest errors", "last device accesses of the guest"} & set(titles)


WIDGET = """
from paradrive.devices import RO, Register, RegisterDevice

class Widget(RegisterDevice):
    compatible = ("qemu,pvctl",)
    ID = Register(0, RO, "Who it is.", reset={reset})

class Gadget(Widget):
    compatible = ()
"""
FIND = (
    "from paradrive.devices import RegisterDevice\n"
    + """
def test_model(boot):
    device = boot().machine.devices["/platform@f00000000/pvctl@0"]
    assert device.ID == {reset}
"""
)


@pytest.mark.parametrize("option", ["--paradrive-device=acme_widget:Widget", "ini"])
def test_devices_that_the_user_names_are_for_all_tests(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, pytestconfig: pytest.Config, option: str
) -> None:
    pytester.makepyfile(acme_widget=WIDGET.format(reset=77))
    arguments = [option]
    if option == "ini":
        arguments = ["-o", "paradrive_devices=qemu,pvctl=acme_widget:Gadget"]
    run(FIND.format(reset=77), *arguments).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "models", ['["acme_mine:Widget"]', '{"pvctl@0": 1, "qemu,pvctl": "acme_mine:Gadget"}']
)
def test_marker_names_models_of_its_own(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, models: str
) -> None:
    pytester.makepyfile(acme_widget=WIDGET.format(reset=77))
    pytester.makepyfile(**{"own/acme_mine": WIDGET.format(reset=78)})
    source = f"""
def test_model(boot):
    guest = boot(models={models})
    assert guest.machine.devices["/platform@f00000000/pvctl@0"].ID == 78
"""
    run(source, "--paradrive-device=acme_widget:Widget").assert_outcomes(passed=1)


def test_device_that_cannot_be_imported_is_a_usage_error(run: Callable[..., pytest.RunResult]) -> None:
    result = run("def test_it(): pass", "--paradrive-device=acme_absent:Widget")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*acme_absent:Widget*"])


CARELESS = """
from paradrive.devices import RegisterDevice

class Careless(RegisterDevice):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.seen = []

class ByHand(Careless):
    def save(self):
        return super().save() | {"count": self.count}

    def load(self, state):
        super().load(state)
        self.count = state["count"]

def run_and(guest, action):
    guest.machine.call_at(guest.machine.vcpu.instructions + 10, action)
    guest.run_until(instructions=100)

@pytest.mark.guest(models={"qemu,pvctl": Careless})
class TestCareless:
    def test_guest_changes(self, guest):
        device = guest.device(Careless)
        run_and(guest, lambda: device.seen.append(5))

    def test_host_changes(self, guest):
        device = guest.device(Careless)
        assert device.seen == []
        device.seen.append(5)

    def test_other(self, guest):
        assert guest.device(Careless).seen == []

@pytest.mark.guest(models={"qemu,pvctl": ByHand})
class TestByHand:
    def test_guest_changes(self, guest):
        device = guest.device(ByHand)
        run_and(guest, lambda: device.seen.append(5))

    def test_guest_changes_what_is_loaded(self, guest):
        device = guest.device(ByHand)
        assert device.seen == []
        run_and(guest, lambda: setattr(device, "count", 5))

    def test_other(self, guest):
        assert guest.device(ByHand).count == 0
"""


def test_what_the_guest_changes_and_no_class_declares_is_an_error(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(CARELESS)
    result.assert_outcomes(passed=6, errors=2)
    result.stdout.fnmatch_lines(
        [f"*pvctl@0: {model}.seen *seen = State(list)" for model in ("Careless", "ByHand")]
    )
