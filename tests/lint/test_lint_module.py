# SPDX-License-Identifier: GPL-2.0-or-later
"""A module against a tree and a kernel: what the rules of rules/driver.py find, and what they let pass."""

from __future__ import annotations

import random
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine.board import board_named
from paradrive_tools.guest_build.driver import PVCTL, ensure_module
from paradrive_tools.guest_build.kernel import ensure_kernel
from paradrive_tools.lint.driver.aliases import compatible_of, modalias
from paradrive_tools.lint.driver.kernel import Kernel
from paradrive_tools.lint.driver.module import Module
from paradrive_tools.lint.rules import driver
from paradrive_tools.lint.rules.rule import RULES
from paradrive_tools.lint.source.source_map import SourceMap
from paradrive_tools.lint.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive_tools.lint.rules.rule import Problem

    Compile = Callable[[str], bytes]
    ChangeModule = Callable[..., Module]
    ChangeKernel = Callable[[Callable[[str], str]], Kernel]
    Lint = Callable[..., dict[str, list[Problem]]]

CPU = "e500v2"
DRIVER_RULES = [name for name, rule in RULES.items() if rule.check.__module__ == driver.__name__]
#: Offset of e_machine in an ELF header, and of the section headers' own offset.
E_MACHINE, E_SHOFF = 18, 32
EM_ARM = 40


@pytest.fixture(scope="module")
def module_file() -> Path:
    return ensure_module(CPU, ensure_kernel(CPU), PVCTL).stripped


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return Kernel(ensure_kernel(CPU))


@pytest.fixture
def changed_module(module_file: Path, tmp_path: Path) -> ChangeModule:
    """Return what makes a module with other lines in .modinfo, or treated by objcopy in another way."""

    def change(old: bytes = b"", new: bytes = b"", *options: str) -> Module:
        information, result = tmp_path / "modinfo", tmp_path / "changed.ko"
        lines = Module(str(module_file))._file.section(".modinfo")
        assert lines is not None and old in lines
        information.write_bytes(lines.replace(old, new))
        update = ["--update-section", f".modinfo={information}", *options]
        subprocess.run(["powerpc-linux-gnu-objcopy", *update, str(module_file), str(result)], check=True)
        return Module(str(result))

    return change


@pytest.fixture
def tree_with(compile_tree: Compile) -> Compile:
    """Return what compiles a tree with one device of these properties on a bus."""

    def compile_device(properties: str) -> bytes:
        return compile_tree(
            "/dts-v1/; / { compatible = 'fsl,qemu-e500'; #address-cells = <1>; #size-cells = <1>;"
            "bus@f0000000 { compatible = 'simple-bus'; #address-cells = <1>; #size-cells = <1>;"
            f"ranges = <0 0xf0000000 0x1000>; device@0 {{ reg = <0 0x1000>; {properties} }}; }}; }};".replace(
                "'", '"'
            )
        )

    return compile_device


@pytest.fixture
def lint(module_file: Path, kernel: Kernel) -> Lint:
    """Return what lints a tree with the driver's own module, and the guest's kernel, or others."""

    def problems(
        blob: bytes, module: Module | None = None, kernel: Kernel | None = kernel
    ) -> dict[str, list[Problem]]:
        subject = Subject(
            "tree.dts",
            blob,
            DeviceTree(blob),
            board_named("ppce500"),
            source_map=SourceMap("tree.dts"),
            module=module or Module(str(module_file)),
            kernel=kernel,
        )
        found = {name: list(RULES[name].check(subject)) for name in DRIVER_RULES}
        return {name: problems for name, problems in found.items() if problems}

    return problems


def test_the_drivers_own_module_fits_the_kernel_and_the_machines_tree(lint: Lint, ppce500: bytes) -> None:
    assert lint(ppce500) == {}


def test_nothing_is_said_of_a_module_when_none_is_given(ppce500: bytes, kernel: Kernel) -> None:
    subject = Subject(
        "t", ppce500, DeviceTree(ppce500), board_named("ppce500"), source_map=SourceMap("t"), kernel=kernel
    )
    assert [problem for name in DRIVER_RULES for problem in RULES[name].check(subject)] == []


def test_a_module_for_another_machine_is_found(
    lint: Lint, ppce500: bytes, module_file: Path, tmp_path: Path
) -> None:
    contents = bytearray(module_file.read_bytes())
    struct.pack_into(">H", contents, E_MACHINE, EM_ARM)
    other = tmp_path / "arm.ko"
    other.write_bytes(contents)
    (problem,) = lint(ppce500, Module(str(other)))["module-wrong-machine"]
    assert "32-bit big-endian ARM" in problem.message
    assert problem.location is not None and problem.location.file == str(other)


def test_a_module_for_another_kernel_is_found(
    lint: Lint, ppce500: bytes, changed_module: ChangeModule
) -> None:
    module = changed_module(b"vermagic=6.12", b"vermagic=6.11")
    (problem,) = lint(ppce500, module)["module-wrong-vermagic"]
    assert "'6.11" in problem.message


def test_a_module_for_a_kernel_with_other_settings_is_found(
    lint: Lint, ppce500: bytes, changed_module: ChangeModule
) -> None:
    assert list(lint(ppce500, changed_module(b" mod_unload", b" SMP mod_unload"))) == [
        "module-wrong-vermagic"
    ]


def test_the_release_does_not_count_where_checksums_are_compared(
    lint: Lint, ppce500: bytes, changed_module: ChangeModule, kernel: Kernel, tmp_path: Path
) -> None:
    (tmp_path / "versions").write_bytes(struct.pack(">I60s", 0x12345678, b"panic"))
    options = ("--add-section", f"__versions={tmp_path / 'versions'}")
    module = changed_module(b" mod_unload", b"-rc1 mod_unload modversions", *options)
    other = Kernel(kernel.directory)
    other.vermagic = "6.12.117 mod_unload modversions "
    assert lint(ppce500, module, other) == {}
    other.vermagic = "6.12.117 SMP mod_unload modversions "
    assert list(lint(ppce500, module, other)) == ["module-wrong-vermagic"]


def without_panic(line: str) -> str:
    return "" if line.split("\t")[1] == "panic" else line


def in_a_namespace(line: str) -> str:
    return f"{line}SYSTEM" if line.split("\t")[1] == "panic" else line


def with_a_checksum(line: str) -> str:
    return line.replace("0x00000000", "0x87654321") if line.split("\t")[1] == "panic" else line


@pytest.fixture
def other_kernel(kernel: Kernel, tmp_path: Path) -> ChangeKernel:
    """Return what makes a kernel that exports something else."""

    def change(line_changed: Callable[[str], str]) -> Kernel:
        directory = tmp_path / "kernel"
        directory.mkdir()
        lines = (kernel.directory / "Module.symvers").read_text().splitlines()
        kept = filter(None, map(line_changed, lines))
        (directory / "Module.symvers").write_text("".join(f"{line}\n" for line in kept))
        (directory / "vmlinux").symlink_to((kernel.directory / "vmlinux").resolve())
        return Kernel(directory)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_panic, "neither the kernel nor one of its modules exports"),
        (in_a_namespace, "namespace SYSTEM"),
    ],
)
def test_a_symbol_that_the_kernel_does_not_give_is_found(
    lint: Lint, ppce500: bytes, other_kernel: ChangeKernel, change: Callable[[str], str], reason: str
) -> None:
    (problem,) = lint(ppce500, kernel=other_kernel(change))["module-unresolved-symbol"]
    assert "panic" in problem.message
    assert reason in problem.message


def test_many_symbols_that_the_kernel_does_not_give_are_counted(
    lint: Lint, ppce500: bytes, other_kernel: ChangeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = other_kernel(lambda line: "")
    monkeypatch.setattr(driver, "_MAX_UNRESOLVED", 1000)
    every = lint(ppce500, kernel=kernel)["module-unresolved-symbol"]
    assert len(every) > 3
    for named in (len(every) - 1, len(every) - 2, 1):
        monkeypatch.setattr(driver, "_MAX_UNRESOLVED", named)
        *some, rest = lint(ppce500, kernel=kernel)["module-unresolved-symbol"]
        assert some == every[:named]
        assert f" {len(every) - named} more " in rest.message
    monkeypatch.setattr(driver, "_MAX_UNRESOLVED", len(every))
    assert lint(ppce500, kernel=kernel)["module-unresolved-symbol"] == every


def test_a_symbol_from_an_imported_namespace_is_given(
    lint: Lint, ppce500: bytes, other_kernel: ChangeKernel, changed_module: ChangeModule
) -> None:
    module = changed_module(b"depends=", b"import_ns=SYSTEM\0depends=")
    assert lint(ppce500, module, other_kernel(in_a_namespace)) == {}


@pytest.mark.parametrize(
    ("checksum", "found"), [(0x87654321, []), (0x12345678, ["was compiled with another type of panic"])]
)
def test_a_symbol_of_another_type_is_found(
    lint: Lint,
    ppce500: bytes,
    other_kernel: ChangeKernel,
    changed_module: ChangeModule,
    tmp_path: Path,
    checksum: int,
    found: list[str],
) -> None:
    (tmp_path / "versions").write_bytes(struct.pack(">I60s", checksum, b"panic"))
    module = changed_module(b"", b"", "--add-section", f"__versions={tmp_path / 'versions'}")
    problems = lint(ppce500, module, other_kernel(with_a_checksum)).get("module-unresolved-symbol", [])
    assert [problem.message.partition(" than")[0] for problem in problems] == found


def test_a_proprietary_module_gets_no_symbol_for_the_gpl_only(
    lint: Lint, ppce500: bytes, changed_module: ChangeModule
) -> None:
    problems = lint(ppce500, changed_module(b"license=GPL", b"license=Proprietary"))[
        "module-unresolved-symbol"
    ]
    assert any("devm_platform_ioremap_resource" in problem.message for problem in problems)
    assert not any(problem.message.startswith("needs panic,") for problem in problems), "anybody may use it"


def test_a_misspelt_compatible_is_found_where_it_is(lint: Lint, tree_with: Compile) -> None:
    (problem,) = lint(tree_with("compatible = 'qemu,pvclt';"))["module-matches-no-node"]
    assert problem.node.path == "/bus@f0000000/device@0"
    assert problem.property == "compatible"


def test_a_tree_without_the_device_is_found(lint: Lint, tree_with: Compile, module_file: Path) -> None:
    (problem,) = lint(tree_with("compatible = 'acme,other';"))["module-matches-no-node"]
    assert problem.location is not None and problem.location.file == str(module_file)
    assert "'qemu,pvctl'" in problem.message


def test_a_less_specific_compatible_matches(lint: Lint, tree_with: Compile) -> None:
    assert lint(tree_with("compatible = 'acme,pvctl', 'qemu,pvctl';")) == {}


def test_a_compatible_in_other_letters_binds_but_loads_nothing(lint: Lint, tree_with: Compile) -> None:
    assert list(lint(tree_with("compatible = 'QEMU,pvctl';"))) == ["module-not-loaded-by-itself"]


def test_a_module_without_a_device_table_is_not_loaded_by_itself(
    lint: Lint, ppce500: bytes, changed_module: ChangeModule
) -> None:
    module = changed_module(b"alias=of:N*T*Cqemu,pvctlC*\0alias=of:N*T*Cqemu,pvctl\0", b"")
    (problem,) = lint(ppce500, module)["module-not-loaded-by-itself"]
    assert problem.node.name.startswith("pvctl@")
    assert "no aliases" in problem.message


def test_aliases_stand_in_where_the_symbols_are_stripped(
    lint: Lint, tree_with: Compile, changed_module: ChangeModule
) -> None:
    module = changed_module(b"", b"", "--strip-all")
    assert module.drivers == ()
    assert lint(tree_with("compatible = 'acme,pvctl', 'qemu,pvctl';"), module) == {}
    assert list(lint(tree_with("compatible = 'acme,pvctl';"), module)) == ["module-matches-no-node"]


@pytest.mark.parametrize(
    ("compatible", "asked_first"),
    [
        ("'qemu,pvctl', 'ns16550'", "of_serial"),
        ("'simple-bus', 'qemu,pvctl'", "simple-pm-bus"),
        ("'qemu,pvctl', 'simple-bus'", None),
        ("'qemu,pvctl', 'ns16550-like'", None),
    ],
)
def test_a_built_in_driver_that_comes_first_is_found(
    lint: Lint, tree_with: Compile, compatible: str, asked_first: str | None
) -> None:
    problems = lint(tree_with(f"compatible = {compatible};"))
    messages = [problem.message for problem in problems.get("other-driver-first", [])]
    assert [f"driver {asked_first} is" in message for message in messages] == ([True] if asked_first else [])


def test_the_kernels_own_drivers_are_read_from_its_image(kernel: Kernel) -> None:
    drivers = {driver.name: driver for driver in kernel.drivers}
    assert {"of_serial", "simple-pm-bus"} <= drivers.keys()
    assert "ns16550" in [match.compatible for match in drivers["of_serial"].table]


def test_the_alias_of_a_node_has_name_type_and_every_compatible(tree_with: Compile) -> None:
    tree = DeviceTree(tree_with("device_type = 'serial'; compatible = 'acme,a b', 'acme,c';"))
    device = tree.find("/bus@f0000000/device@0")
    assert device is not None
    assert modalias(device) == "of:NdeviceTserialCacme,a_bCacme,c"


@pytest.mark.parametrize(
    "alias", ["of:N*T*Cacme,uart", "of:N*T*Cacme,uartC*", "of:NuartTserial*Cacme,uartC*"]
)
def test_an_alias_tells_the_compatible_it_asks_for(alias: str) -> None:
    assert compatible_of(alias) == "acme,uart"


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b"\x7fELF\1\2\1" + bytes(45),
    ],
)
def test_what_is_no_module_is_refused(tmp_path: Path, contents: bytes) -> None:
    file = tmp_path / "file.ko"
    file.write_bytes(contents)
    with pytest.raises(InputError, match=r"file\.ko"):
        Module(str(file))


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(InputError, match="/dev/zero"):
        Module("/dev/zero")


def test_the_object_file_of_a_driver_is_not_its_module(module_file: Path) -> None:
    with pytest.raises(InputError, match=r"pvctl\.o"):
        Module(str(module_file.parents[1] / "pvctl.o"))


def test_sections_that_overlap_are_refused(module_file: Path, tmp_path: Path) -> None:
    contents = bytearray(module_file.read_bytes())
    (start,) = struct.unpack_from(">I", contents, E_SHOFF)
    for section in range(1, 5):  # type, and where it is: the whole file
        struct.pack_into(">I", contents, start + 40 * section + 4, 1)
        struct.pack_into(">II", contents, start + 40 * section + 16, 0, len(contents))
    file = tmp_path / "overlapping.ko"
    file.write_bytes(contents)
    with pytest.raises(InputError, match=r"overlapping\.ko"):
        Module(str(file))


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_module_gives_an_error_or_findings(
    lint: Lint, ppce500: bytes, module_file: Path, tmp_path: Path, seed: int
) -> None:
    """Bits are flipped where they hurt: in the ELF header, section headers, symbols and relocations."""
    source = random.Random(seed)
    intact = module_file.read_bytes()
    file = tmp_path / "damaged.ko"
    for _ in range(25):
        contents = bytearray(intact[: source.choice([len(intact), source.randrange(len(intact))])])
        for _ in range(source.randrange(1, 8)):
            region = source.choice([(0, 52), (len(intact) // 2, len(intact))])
            position = min(source.randrange(*region), len(contents) - 1)
            contents[position] ^= 1 << source.randrange(8)
        file.write_bytes(contents)
        try:
            module = Module(str(file))
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert set(lint(ppce500, module)) <= set(DRIVER_RULES)
