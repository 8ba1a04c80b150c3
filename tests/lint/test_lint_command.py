# SPDX-License-Identifier: GPL-2.0-or-later
"""``paradrive lint``: what it prints, and its exit status."""

from __future__ import annotations

import json
import re
import tempfile
from typing import TYPE_CHECKING

import pytest

from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.finding import Finding, Location, Severity
from paradrive_tools.lint.judgement import all_rules, in_order
from paradrive_tools.lint.output.pages import all_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Lint = Callable[..., tuple[int, str, str]]
    WriteTree = Callable[..., str]

#: An unknown property, which the binding of pvctl does not allow.
UNKNOWN_PROPERTY = "&pvctl {\n\tunknown;\n};\n"
FINDING = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (error|warning): (?P<message>.+) \[\S+\]"
)


@pytest.mark.parametrize("source", sorted(TREE_SOURCES.glob("*.dts")), ids=lambda source: source.stem)
def test_nothing_is_wrong_with_the_trees_of_the_machines(lint: Lint, source: Path) -> None:
    status, out, err = lint(str(source))
    assert (status, err) == (0, "")
    assert not [line for line in out.splitlines() if ": note: " not in line]


def test_finding_is_printed_as_a_compiler_does(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree(UNKNOWN_PROPERTY)
    status, out, _ = lint(name)
    found = FINDING.fullmatch(out.splitlines()[0])
    assert status == 1
    assert found is not None
    assert (found["file"], found["line"]) == (name, "5")
    assert "'unknown'" in found["message"]
    assert "http://devicetree.org/schemas/power/reset/qemu,pvctl.yaml" in out


def test_each_paravirtual_device_has_a_prediction(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree('/ { pvctl@1 { compatible = "qemu,pvctl"; reg = <0 1 0 1>; }; };\n')
    _, out, _ = lint(name)
    notes = [line for line in out.splitlines() if ": note: " in line]
    assert [note.partition(": note: ")[2].split(": ")[:2] for note in notes] == [
        ["/platform@f00000000/pvctl@0", "bound"],
        ["/pvctl@1", "not populated"],
    ]


def test_kernel_that_does_not_boot_is_predicted(lint: Lint, write_tree: WriteTree) -> None:
    _, out, _ = lint(write_tree("/ { /delete-node/ memory@0; };\n"))
    assert ": note: the kernel does not boot: " in out


def test_errors_of_dtc_are_findings(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree("/ {\n\tdevice { a = <&nowhere>; };\n};\n")
    status, out, _ = lint(name)
    assert status == 1
    assert f"{name}:6:9: error: /device: " in out
    assert "[dtc:phandle_references]" in out
    # The bindings would complain of each value that dtc has left undone.
    assert "[schema]" not in out


def test_warnings_of_dtc_are_findings(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree("/ {\n\tdevice@1 { };\n};\n")
    status, out, _ = lint(name)
    assert status == 1
    assert f"{name}:6:11: warning: /device@1: " in out
    assert "[dtc:unit_address_vs_reg]" in out


def test_blob_gets_the_warnings_of_dtc_too(
    lint: Lint, compile_tree: Callable[[str], bytes], tmp_path: Path
) -> None:
    blob = tmp_path / "tree.dtb"
    blob.write_bytes(compile_tree("/dts-v1/; / { device@1 { }; };"))
    status, out, _ = lint(str(blob))
    assert status == 1
    assert f"{blob}: warning: /device@1: " in out


def test_duplicate_properties_are_findings_although_no_machine_can_load_them(
    lint: Lint, write_tree: WriteTree
) -> None:
    name = write_tree("/ {\n\tdevice {\n\t\tflag;\n\t\tflag;\n\t};\n};\n")
    status, out, err = lint(name)
    assert (status, err) == (1, "")
    assert f"{name}:7:3: error: /device: " in out
    assert "[dtc:duplicate_property_names]" in out and "[unloadable]" in out


def test_syntax_error_is_one_line_with_its_place(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree("/ {\n\tdevice = ;\n};\n")
    status, out, err = lint(name)
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {name}:6:")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('/include/ "missing.dtsi"\n', "missing.dtsi"),
        ('#include "missing.h"\n', "missing.h"),
        ("#if 1\n", ""),
        ('/ { a = /incbin/("/dev/zero"); };\n', "/dev/zero"),
        ("/ {" * 100_000, ""),
    ],
)
def test_source_that_cannot_be_compiled_is_one_line(
    lint: Lint, write_tree: WriteTree, source: str, reason: str
) -> None:
    name = write_tree(source)
    status, out, err = lint(name)
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {name}")
    assert reason in err
    assert err.count("\n") == 1


def test_file_that_is_missing_is_one_line(lint: Lint, tmp_path: Path) -> None:
    name = str(tmp_path / "missing.dts")
    status, out, err = lint(name)
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {name}: ")
    assert err.count("\n") == 1


def test_no_place_for_temporary_files_is_one_line(
    lint: Lint, write_tree: WriteTree, ppce500: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree.dtb").write_bytes(ppce500)
    names = [write_tree(""), str(tmp_path / "tree.dtb")]
    for name in names:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
            status, _, err = lint(name)
        assert status == 2
        assert err.startswith(f"paradrive: error: {name}: ")
        assert err.count("\n") == 1


def test_damaged_blob_is_one_line(lint: Lint, ppce500: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.dtb").write_bytes(ppce500[:-100])
    status, out, err = lint(str(tmp_path / "cut.dtb"))
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {tmp_path}/cut.dtb: ")


def test_other_trees_are_linted_when_one_cannot_be(lint: Lint, write_tree: WriteTree) -> None:
    good, broken = write_tree("", name="good.dts"), write_tree("/ {", name="broken.dts")
    status, out, err = lint(broken, good)
    assert status == 2
    assert "/platform@f00000000/pvctl@0: bound" in out
    assert err.count("\n") == 1


def texts_of(value: object) -> Iterator[str]:
    """Yield all strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts_of(member)


#: Findings of dtc, of dtschema, of a rule of our own; a prediction; a place in a file of a forged name.
HOSTILE = (
    '#line 1 "\x1b]0;name\x07.dts"\n'
    '&pvctl { compatible = "qemu,\\x1b[2Jpvctl"; unknown = "\\x1b[2J"; };\n'
    '/ { device@1 { compatible = "\\x1b[2J\\n\\xff"; }; };\n'
)


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_what_steers_a_terminal_is_in_no_format(lint: Lint, write_tree: WriteTree, form: str) -> None:
    status, out, _ = lint("--format", form, write_tree(HOSTILE))
    assert status == 1
    texts = out.splitlines() if form == "text" else texts_of(json.loads(out))
    lines = [line for text in texts for line in text.split("\n")]
    assert any("\\x1b" in line for line in lines)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_length_of_what_a_tree_says_is_bounded(lint: Lint, write_tree: WriteTree, form: str) -> None:
    long = "x" * 15_000
    _, out, _ = lint("--format", form, write_tree(f'&pvctl {{ compatible = "{long}"; }};\n'))
    assert "xxx" in out
    assert long[:1000] not in out


def test_an_error_quotes_a_source_printably(lint: Lint, write_tree: WriteTree) -> None:
    status, _, err = lint(write_tree("#define A\n#error \x1b[2J\n"))
    assert status == 2
    assert "\\x1b[2J" in err
    assert err.removesuffix("\n").isprintable()


def test_equal_trees_give_equal_output(lint: Lint, write_tree: WriteTree) -> None:
    name = write_tree(UNKNOWN_PROPERTY + "/ { device@1 { }; other@2 { }; };\n")
    first = lint(name)
    assert lint(name) == first


def test_findings_that_only_their_hints_tell_apart_are_in_order() -> None:
    place = Location("tree.dts", 5)
    found = [Finding("schema", Severity.ERROR, "is no bus", place, "/bus", f"See {name}") for name in "abcde"]
    assert in_order(found[::-1]) == found


def test_json_has_findings_and_predictions_of_each_tree(lint: Lint, write_tree: WriteTree) -> None:
    good, bad = write_tree("", name="good.dts"), write_tree(UNKNOWN_PROPERTY, name="bad.dts")
    status, out, _ = lint("--format", "json", good, bad)
    trees = json.loads(out)["trees"]
    assert status == 1
    assert [tree["name"] for tree in trees] == [good, bad]
    assert trees[0]["findings"] == []
    finding = next(finding for finding in trees[1]["findings"] if "'unknown'" in finding["message"])
    assert (finding["node"], finding["file"], finding["line"]) == ("/platform@f00000000/pvctl@0", bad, 5)
    outcomes = {prediction["node"]: prediction["outcome"] for prediction in trees[0]["predictions"]}
    assert outcomes["/platform@f00000000/pvctl@0"] == "bound"
    assert trees[0]["failure"] == ""


def test_machine_is_the_one_that_the_tree_is_compatible_with(lint: Lint) -> None:
    name = str(TREE_SOURCES / "mpc8544ds.dts")
    assert lint(name)[0] == 0
    _, out, _ = lint("--machine", "ppce500", name)
    assert "the kernel does not boot" in out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--machine", "toaster", "x.dts"],
        ["--cpu", "z80", "x.dts"],
        ["--explain", "nonsense"],
        ["--format", "xml", "x.dts"],
    ],
)
def test_option_that_cannot_be_used_is_one_line(lint: Lint, arguments: list[str]) -> None:
    status, out, err = lint(*arguments)
    assert (status, out) == (2, "")
    assert all(argument in err for argument in arguments[1:2])
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "identifier", [*all_rules(), "schema", "schema-undocumented", "unloadable", "dtc:reg_format"]
)
def test_each_rule_has_a_page(lint: Lint, identifier: str) -> None:
    status, out, _ = lint("--explain", identifier)
    summary, *reason = filter(None, out.splitlines())
    assert status == 0
    assert summary and reason


def test_rules_are_listed_with_their_summaries(lint: Lint) -> None:
    status, out, _ = lint("--list-rules")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [page.identifier for page in all_pages()]
    assert all(page.hint for page in all_pages())
