# SPDX-License-Identifier: GPL-2.0-or-later
"""A .config against the Kconfig files of a kernel: a small one made for the tests, and once the real one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine.board import board_named
from paradrive_tools.guest_build.driver import PVCTL, ensure_module
from paradrive_tools.guest_build.errors import BuildError
from paradrive_tools.guest_build.kernel import ensure_kernel
from paradrive_tools.lint.driver.module import Module
from paradrive_tools.lint.kconfig.configuration import (
    MAX_CONFIGURATION_SIZE,
    Configuration,
    read_configuration,
)
from paradrive_tools.lint.kconfig.tree import kconfig_tree
from paradrive_tools.lint.rules import configuration as rules
from paradrive_tools.lint.rules import driver
from paradrive_tools.lint.rules.rule import RULES
from paradrive_tools.lint.source.source_map import SourceMap
from paradrive_tools.lint.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from paradrive_tools.lint.rules.rule import Problem

    Read = Callable[[str], Configuration]
    Lint = Callable[..., dict[str, list[Problem]]]

CONFIGURATION_RULES = [name for name, rule in RULES.items() if rule.check.__module__ == rules.__name__]

#: What a kernel has that the driver can be enabled in, and that boots on the ppce500.
GOOD = "CONFIG_MODULES=y\nCONFIG_PPC_QEMU_E500=y\nCONFIG_POWER_RESET=y\nCONFIG_POWER_RESET_PVCTL=m\n"
HEADER = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/{} 6.12.117 Kernel Configuration\n#\n"

KCONFIG = """\
mainmenu "A small kernel for $(ARCH), $(KERNELVERSION)"

source "kernel/module/Kconfig"

config PPC_QEMU_E500
	bool "QEMU's paravirtual e500 board"

config NO_IOMEM
	bool "No registers in memory"

config HAS_IOMEM
	def_bool y
	depends on !NO_IOMEM

config FIRMWARE
	bool "Firmware"
	default y

config OF
	def_bool y
	depends on FIRMWARE

config COMPILE_TEST
	bool "Compile for the sake of it"
	depends on BUS = "none"

config BUS
	string "Bus"
	default "pci"

config LOCALVERSION
	string "Local version"

config MODULE_UNLOAD
	bool "Unloading"

source "drivers/power/reset/Kconfig"
"""
MODULES_KCONFIG = """\
menuconfig MODULES
	bool "Loadable modules"
	modules

"""
RESET_KCONFIG = """\
menuconfig POWER_RESET
	bool "Power off and reset"
	depends on CHIP

config CHIP
	bool "Chip"
	default y

if POWER_RESET

config POWER_RESET_OTHER
	bool

config POWER_RESET_QNAP
	bool "Another driver"

endif
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Path]:
    """Return the directory of a kernel with a few options, which is read anew for each test."""
    directory = tmp_path / "kernel"
    for name, text in {
        "Kconfig": KCONFIG,
        "kernel/module/Kconfig": MODULES_KCONFIG,
        "drivers/power/reset/Kconfig": RESET_KCONFIG,
        "include/config/kernel.release": "6.12.117\n",
    }.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    yield directory
    kconfig_tree.cache_clear()


@pytest.fixture
def read(kernel: Path, tmp_path: Path) -> Read:
    """Return what reads the text of a .config."""

    def read_text(text: str) -> Configuration:
        file = tmp_path / "user.config"
        file.write_text(text)
        return read_configuration(str(file), kernel)

    return read_text


@pytest.fixture
def lint(read: Read, ppce500: bytes) -> Lint:
    """Return what lints the project's tree with the text of a .config."""

    def problems(text: str, module: Module | None = None, blob: bytes = ppce500) -> dict[str, list[Problem]]:
        subject = Subject(
            "ppce500.dts",
            blob,
            DeviceTree(blob),
            board_named("ppce500"),
            source_map=SourceMap("ppce500.dts"),
            module=module,
            configuration=read(text),
        )
        found = {name: list(RULES[name].check(subject)) for name in CONFIGURATION_RULES}
        return {name: problems for name, problems in found.items() if problems}

    return problems


def messages(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems]


def unmet(lint: Lint, text: str) -> list[str]:
    prefix = "POWER_RESET_PVCTL cannot be set: "
    return [text.removeprefix(prefix) for text in messages(lint(text)["configuration-unmet-dependency"])]


@pytest.fixture(scope="module")
def driver_module() -> Module:
    return Module(str(ensure_module("e500v2", ensure_kernel("e500v2"), PVCTL).stripped))


def test_the_guests_own_configuration_lacks_one_option_for_the_driver(tmp_path: Path) -> None:
    """The one test that reads the Kconfig files of the whole kernel."""
    kernel = ensure_kernel("e500v2")
    own = read_configuration(str(kernel / ".config"), kernel)
    assert [reason.option for reason in own.unmet] == ["POWER_RESET"]
    assert "drivers/power/reset/Kconfig:2" in own.unmet[0].reason
    assert (own.driver_option, own.architecture, own.release) == ("POWER_RESET_PVCTL", "powerpc", "6.12.117")
    assert own.vermagic_words == ["mod_unload"]
    assert own.is_enabled("PPC_QEMU_E500")
    extended = tmp_path / "extended.config"
    settings = (
        (kernel / ".config").read_text().replace("# CONFIG_POWER_RESET is not set", "CONFIG_POWER_RESET=y")
    )
    extended.write_text(f"{settings}CONFIG_POWER_RESET_PVCTL=m\n")
    complete = read_configuration(str(extended), kernel)
    assert complete.unmet == ()
    assert complete.values["POWER_RESET_PVCTL"] == "m"


def test_a_configuration_with_the_driver_is_good(lint: Lint, driver_module: Module) -> None:
    assert lint(GOOD) == {}
    assert lint(GOOD, driver_module) == {}


def test_nothing_is_said_of_a_configuration_when_none_is_given(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    subject = Subject("t", ppce500, tree, board_named("ppce500"), source_map=SourceMap("t"))
    assert [problem for name in CONFIGURATION_RULES for problem in RULES[name].check(subject)] == []


def test_a_dependency_that_is_off_is_found_by_file_and_line(lint: Lint, tmp_path: Path) -> None:
    text = GOOD.replace("CONFIG_POWER_RESET=y", "# CONFIG_POWER_RESET is not set")
    (problem,) = lint(text)["configuration-unmet-dependency"]
    assert "POWER_RESET is n (drivers/power/reset/Kconfig:1)" in problem.message
    assert str(problem.location) == f"{tmp_path / 'user.config'}:3"


def test_the_last_of_two_settings_counts(lint: Lint) -> None:
    (problem,) = lint(f"{GOOD}CONFIG_POWER_RESET=n\n")["configuration-unmet-dependency"]
    assert problem.location is not None
    assert problem.location.line == 5


def test_the_dependency_of_a_dependency_is_found(lint: Lint) -> None:
    assert unmet(lint, f"{GOOD}CONFIG_CHIP=n\n") == [
        "POWER_RESET is n (drivers/power/reset/Kconfig:1), "
        "because CHIP is n (drivers/power/reset/Kconfig:5), but can be set"
    ]


def test_an_option_that_excludes_the_driver_is_found(lint: Lint) -> None:
    assert unmet(lint, f"{GOOD}CONFIG_NO_IOMEM=y\n") == [
        "HAS_IOMEM is n (Kconfig:11), because NO_IOMEM is y, but must be n"
    ]


def test_alternatives_are_all_explained(lint: Lint) -> None:
    assert unmet(lint, f"{GOOD}CONFIG_FIRMWARE=n\n") == [
        "none of 2 alternatives holds: "
        "OF is n (Kconfig:19), because FIRMWARE is n (Kconfig:15), but can be set; "
        'COMPILE_TEST is n (Kconfig:23), because BUS = "none" does not hold: BUS is pci (Kconfig:27)'
    ]


def test_one_alternative_is_enough(lint: Lint) -> None:
    text = f'{GOOD}CONFIG_FIRMWARE=n\nCONFIG_BUS="none"\nCONFIG_COMPILE_TEST=y\n'
    assert lint(text) == {}


def test_two_unmet_dependencies_are_two_findings(lint: Lint) -> None:
    assert len(unmet(lint, f"{GOOD}CONFIG_POWER_RESET=n\nCONFIG_NO_IOMEM=y\n")) == 2


def test_an_option_that_only_others_set_is_explained_by_them(lint: Lint, kernel: Path) -> None:
    text = KCONFIG.replace('	bool "Firmware"\n	default y', "	bool").replace(
        "config BUS\n", 'config LOADER\n	bool "Loader"\n	select FIRMWARE\n\nconfig BUS\n'
    )
    (kernel / "Kconfig").write_text(text)
    (reason,) = unmet(lint, GOOD)
    assert all(name in reason for name in ("FIRMWARE", "Kconfig:15", "LOADER"))


def test_a_dependency_that_no_file_declares_is_found(lint: Lint, kernel: Path) -> None:
    file = kernel / "drivers/power/reset/Kconfig"
    file.write_text(RESET_KCONFIG.replace("depends on CHIP", "depends on ELSEWHERE"))
    (reason,) = unmet(lint, GOOD)
    assert "ELSEWHERE" in reason


def test_a_kernel_that_has_no_driver_is_found(
    lint: Lint, driver_module: Module, compile_tree: Callable[[str], bytes]
) -> None:
    text = GOOD.replace("CONFIG_POWER_RESET_PVCTL=m", "# CONFIG_POWER_RESET_PVCTL is not set")
    (problem,) = lint(text)["configuration-without-driver"]
    assert problem.location is not None
    assert problem.location.line == 4
    assert lint(text, driver_module) == {}, "the module is built by itself"
    without_device = compile_tree('/dts-v1/; / { compatible = "fsl,qemu-e500"; };')
    assert lint(text, blob=without_device) == {}, "there is no device to drive"


def test_a_kernel_that_loads_no_module_is_found(lint: Lint, driver_module: Module) -> None:
    text = GOOD.replace("CONFIG_MODULES=y", "# CONFIG_MODULES is not set")
    assert list(lint(text, driver_module)) == ["configuration-without-modules"]
    assert lint(text) == {}, "the driver is built in"


def test_a_configuration_of_another_architecture_is_found(lint: Lint) -> None:
    found = lint(HEADER.format("arm64") + "CONFIG_ARM64=y\n")
    assert "for arm64" in found["configuration-of-other-machine"][0].message
    assert "configuration-unmet-dependency" not in found, "its options are others"


def test_a_kernel_without_the_board_is_found(lint: Lint) -> None:
    (message,) = messages(
        lint(GOOD.replace("CONFIG_PPC_QEMU_E500=y\n", ""))["configuration-of-other-machine"]
    )
    assert "PPC_QEMU_E500 is n" in message and "ppce500" in message


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEADER.format("powerpc") + "CONFIG_MODULE_UNLOAD=y\n", False),
        ("CONFIG_MODULE_UNLOAD=y\n", False),
        ("# CONFIG_MODULE_UNLOAD is not set\n", True),
        (HEADER.format("powerpc") + 'CONFIG_MODULE_UNLOAD=y\nCONFIG_LOCALVERSION="-mine"\n', True),
    ],
)
def test_a_module_for_a_kernel_of_another_configuration_is_found(
    read: Read, driver_module: Module, ppce500: bytes, text: str, found: bool
) -> None:
    board = board_named("ppce500")
    subject = Subject(
        "t",
        ppce500,
        DeviceTree(ppce500),
        board,
        source_map=SourceMap("t"),
        module=driver_module,
        configuration=read(GOOD + text),
    )
    assert bool(list(driver.module_wrong_vermagic(subject))) == found


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"# a comment\n\n",
        b"CONFIG_MODULES=y\nint main(void)\n",
        b"\x7fELF\x01\x02\x01\xff\xfe",
        b"CONFIG_MODULES=y\n" * (MAX_CONFIGURATION_SIZE // 17 + 1),
    ],
)
def test_what_is_no_configuration_is_refused(kernel: Path, tmp_path: Path, contents: bytes) -> None:
    file = tmp_path / "wrong.config"
    file.write_bytes(contents)
    with pytest.raises(InputError, match=r"wrong\.config"):
        read_configuration(str(file), kernel)


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self", "/nonexistent"])
def test_what_cannot_be_read_is_refused(kernel: Path, path: str) -> None:
    with pytest.raises(InputError, match=path):
        read_configuration(path, kernel)


def test_a_configuration_is_data_and_never_run(read: Read, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    command = f"touch {mark}"
    read(f'{GOOD}CONFIG_BUS="$(shell,{command})"\nCONFIG_LOCALVERSION="`{command}`$({command})"\n')
    assert not mark.exists()


def test_values_of_any_kind_are_read(read: Read) -> None:
    odd = (
        f'CONFIG_BUS="a \\"quoted\\" one"\nCONFIG_UNKNOWN=0x{"f" * 100_000}\nCONFIG_CHIP="y"\nCONFIG_CHIP=7\n'
    )
    assert read(GOOD + odd).values["BUS"] == 'a "quoted" one'


def test_commands_of_the_kernels_files_run_once_and_elsewhere(
    read: Read, kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kernel's tools can do is kept with it; the working directory stays clean."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    count = tmp_path / "count"
    default = f"$(shell,echo x >> {count}; touch litter; echo $CC $HOME)"
    (kernel / "Kconfig").write_text(KCONFIG.replace('default "pci"', f'default "{default}"'))
    environment = dict(os.environ)
    for _ in range(2):
        kconfig_tree.cache_clear()
        assert read(GOOD).values["BUS"] == "powerpc-linux-gnu-gcc", "what Kbuild sets, and no more"
    assert count.read_text() == "x\n"
    assert list((tmp_path / "here").iterdir()) == []
    assert dict(os.environ) == environment


def test_a_kernel_whose_files_cannot_be_understood_is_one_error(read: Read, kernel: Path) -> None:
    (kernel / "Kconfig").write_text(KCONFIG + "no such keyword\n")
    with pytest.raises(BuildError, match="Kconfig") as error:
        read(GOOD)
    assert "\n" not in str(error.value)
