# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel is configured from fragments: the last word counts, and each must be in effect."""

from dataclasses import replace
from pathlib import Path

import pytest

from paradrive_tools.guest_build import BuildError, configuration
from paradrive_tools.guest_build.configuration import KernelConfiguration, check_settings, read_settings
from paradrive_tools.guest_build.kernel import cache_key
from paradrive_tools.guest_build.source import LINUX_6_1, LINUX_6_12

DEFAULT = KernelConfiguration("e500v2")


@pytest.fixture
def fragments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of fragments: one of a CPU, and nothing else."""
    monkeypatch.setattr(configuration, "KERNEL_CONFIGURATIONS", tmp_path)
    (tmp_path / "e500v2.config").write_text("CONFIG_HZ_100=y\nCONFIG_SLUB_TINY=y\nCONFIG_TTY=y\n")
    return tmp_path


def lines(of: KernelConfiguration) -> list[str]:
    return [setting.line for setting in of.settings()]


def test_a_later_fragment_replaces_what_an_earlier_one_says(fragments: Path) -> None:
    (fragments / "fast.config").write_text("# why\nCONFIG_HZ_1000=y\n\n# CONFIG_HZ_100 is not set\n")
    (fragments / "whole.config").write_text("CONFIG_SLUB_TINY=n\nCONFIG_HZ_1000=n\n")
    assert sorted(lines(KernelConfiguration("e500v2", ("fast", "whole")))) == [
        "# CONFIG_HZ_100 is not set",
        "# CONFIG_HZ_1000 is not set",
        "# CONFIG_SLUB_TINY is not set",
        "CONFIG_TTY=y",
    ]


def test_a_fragment_may_have_a_part_for_one_cpu(fragments: Path) -> None:
    (fragments / "e500mc.config").write_text("CONFIG_PPC_E500MC=y\n")
    (fragments / "full.config").write_text("CONFIG_KEXEC=y\nCONFIG_SUSPEND=n\n")
    (fragments / "full.e500v2.config").write_text("CONFIG_SUSPEND=y\n")
    assert "CONFIG_SUSPEND=y" in lines(KernelConfiguration("e500v2", ("full",)))
    assert "CONFIG_SUSPEND=y" not in lines(KernelConfiguration("e500mc", ("full",)))


def test_a_source_brings_its_own_fragment_before_those_asked_for(fragments: Path) -> None:
    (fragments / "linux-6.1.config").write_text("CONFIG_SLUB_TINY=n\nCONFIG_TTY=n\n")
    (fragments / "console.config").write_text("CONFIG_TTY=y\n")
    old = KernelConfiguration("e500v2", ("console",), LINUX_6_1)
    assert lines(old) == ["CONFIG_HZ_100=y", "# CONFIG_SLUB_TINY is not set", "CONFIG_TTY=y"]


def test_a_fragment_may_have_a_part_for_one_source(fragments: Path) -> None:
    (fragments / "linux-6.1.config").write_text("# nothing\n")
    (fragments / "tests.config").write_text("CONFIG_KUNIT=y\nCONFIG_REGMAP_KUNIT=y\n")
    (fragments / "tests.linux-6.1.config").write_text("CONFIG_REGMAP_KUNIT=n\n")
    assert "CONFIG_REGMAP_KUNIT=y" in lines(KernelConfiguration("e500v2", ("tests",)))
    assert "CONFIG_REGMAP_KUNIT=y" not in lines(KernelConfiguration("e500v2", ("tests",), LINUX_6_1))


def test_a_missing_fragment_is_named(fragments: Path) -> None:
    with pytest.raises(BuildError, match=r"nosuch\.config"):
        KernelConfiguration("e500v2", ("nosuch",)).settings()


@pytest.mark.parametrize("line", ["CONFIG_TTY", "TTY=y", "CONFIG_TTY =y", "CONFIG_="])
def test_a_line_that_is_no_setting_is_refused(tmp_path: Path, line: str) -> None:
    fragment = tmp_path / "some.config"
    fragment.write_text(f"CONFIG_EXPERT=y\n{line}\n")
    with pytest.raises(BuildError, match=r"some\.config"):
        read_settings([fragment])


@pytest.mark.parametrize(
    ("setting", "configured", "taken"),
    [
        ("CONFIG_A=y", "CONFIG_A=y", True),
        ("CONFIG_A=y", "# CONFIG_A is not set", False),
        ("CONFIG_A=y", "", False),
        ("CONFIG_A=m", "CONFIG_A=y", False),
        ("CONFIG_A=n", "CONFIG_A=y", False),
        ("# CONFIG_A is not set", "CONFIG_A=y", False),
        ("# CONFIG_A is not set", "# CONFIG_A is not set", True),
        ("CONFIG_A=n", "", True),
        ("CONFIG_A=17", "CONFIG_A=17", True),
    ],
)
def test_a_setting_that_is_not_in_effect_is_an_error_that_names_it(
    tmp_path: Path, setting: str, configured: str, taken: bool
) -> None:
    fragment, result = tmp_path / "some.config", tmp_path / ".config"
    fragment.write_text(f"{setting}\n")
    result.write_text(f"#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_B=y\n{configured}\n")
    if taken:
        check_settings([fragment], result)
        return
    with pytest.raises(BuildError, match=r"some\.config.*CONFIG_A"):
        check_settings([fragment], result)


def test_a_replaced_setting_need_not_be_in_effect(tmp_path: Path) -> None:
    first, last, result = tmp_path / "first", tmp_path / "last", tmp_path / ".config"
    first.write_text("CONFIG_HZ_100=y\n")
    last.write_text("# CONFIG_HZ_100 is not set\nCONFIG_HZ_1000=y\n")
    result.write_text("# CONFIG_HZ_100 is not set\nCONFIG_HZ_1000=y\n")
    check_settings([first, last], result)


def test_every_configuration_has_directories_of_its_own() -> None:
    variants = [
        DEFAULT,
        KernelConfiguration("e500mc"),
        KernelConfiguration("e500v2", ("full",)),
        KernelConfiguration("e500v2", ("full", "debug")),
        KernelConfiguration("e500v2", source=LINUX_6_1),
    ]
    assert len({variant.directory for variant in variants}) == len(variants)
    assert DEFAULT.directory.name == "e500v2"


def test_what_a_kernel_depends_on_is_in_its_place_in_the_cache(
    fragments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fragments / "e500mc.config").write_text((fragments / "e500v2.config").read_text())
    (fragments / "linux-6.1.config").write_text("# nothing\n")
    (fragments / "full.config").write_text("CONFIG_KEXEC=y\n")
    monkeypatch.setattr("paradrive_tools.guest_build.kernel.source_version", lambda source: source.package)
    full = replace(DEFAULT, fragments=("full",))
    variants = [DEFAULT, KernelConfiguration("e500mc"), full, replace(DEFAULT, source=LINUX_6_1)]
    keys = {cache_key(variant) for variant in variants}
    (fragments / "full.config").write_text("CONFIG_KEXEC=n\n")
    keys.add(cache_key(full))
    assert len(keys) == 5

    (fragments / "full.config").write_text("# another comment\nCONFIG_KEXEC=n\n")
    assert cache_key(full) in keys


@pytest.mark.parametrize("cpu", ["e500v2", "e500mc"])
def test_the_fragments_of_the_project_can_be_read(cpu: str) -> None:
    for source in (LINUX_6_12, LINUX_6_1):
        assert KernelConfiguration(cpu, ("full",), source).settings()
