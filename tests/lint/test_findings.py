# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of findings: how bad they are, in which order, what each format tells, and the exit status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from paradrive.devicetree.error import DeviceTreeError
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive_dev.agreement.variants import variants
from paradrive_tools.lint import judgement as lint_module
from paradrive_tools.lint.finding import Finding, Location, Severity
from paradrive_tools.lint.judgement import all_rules, in_order
from paradrive_tools.lint.output.formats import FORMATS
from paradrive_tools.lint.output.pages import all_pages, page_of
from paradrive_tools.lint.output.report import Expectation, Report
from paradrive_tools.lint.rules.rule import RULES, Problem, Rule, rule
from paradrive_tools.lint.session import Companions, report_on
from paradrive_tools.lint.source import dtc, limits
from paradrive_tools.lint.source.reading import read_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive_tools.lint.subject import Subject

    Lint = Callable[..., Any]
    WriteTree = Callable[..., str]

#: What a driver can live with; all else is an error.
WARNINGS = {
    "unit-address",
    "interrupt-sense",
    "interrupt-shared",
    "module-not-loaded-by-itself",
    "configuration-without-driver",
    "schema-undocumented",
    "dtc:NAME",
}
PLACE = Location("a.dts", 7, 3)
FINDINGS = (
    Finding("unit-address", Severity.WARNING, "is misnamed", PLACE, "/bus/pvctl@0", "Rename it."),
    Finding("in-ram", Severity.ERROR, "is in RAM", Location("a.dts"), "/bus/pvctl@0", "Move it."),
    Finding("schema", Severity.ERROR, "is wrong", Location("b.dtsi", 9), "", ""),
)
REPORT = Report(
    "a.dts",
    FINDINGS,
    (
        Expectation("/bus/other", "not populated", "there is no driver", PLACE, is_paravirtual=False),
        Expectation("/bus/pvctl@0", "bound", "all is well", Location("a.dts", 8, 2), is_paravirtual=True),
    ),
)


def test_severity_of_each_rule() -> None:
    severities = {page.identifier: page.severity for page in all_pages()}
    assert {name for name, severity in severities.items() if severity is Severity.WARNING} == WARNINGS
    assert set(severities.values()) == {Severity.ERROR, Severity.WARNING}


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("&pvctl { reg = <0x800 0x1000>; };", ("reg-unaligned", "error")),
        ("&pvctl { interrupts = <5 1>; };", ("interrupt-sense", "warning")),
        ('/ { x { compatible = "acme,x"; }; };', ("schema-undocumented", "warning")),
        ("&pvctl { unknown; };", ("schema", "error")),
        ("/ { device@1 { }; };", ("dtc:unit_address_vs_reg", "warning")),
        ("/ { x { a; a; }; };", ("dtc:duplicate_property_names", "error")),
        ("/ { x { a; a; }; };", ("unloadable", "error")),
        ("/ { x_y { }; };", ("dtc:node_name_chars_strict", "warning")),
        ("/ { x { a_b; }; };", ("dtc:property_name_chars_strict", "warning")),
        ("&pvctl { reg = <0x0 0x1000 0x0>; };", ("reg-malformed", "error")),
    ],
)
def test_a_finding_is_as_bad_as_its_rule(
    lint: Lint, write_tree: WriteTree, addition: str, expected: tuple[str, str]
) -> None:
    (tree,) = json.loads(lint("--format", "json", write_tree(addition)).out)["trees"]
    assert expected in {(finding["rule"], finding["severity"]) for finding in tree["findings"]}


def test_findings_of_all_variants_are_as_bad_as_their_rules_and_explain_themselves() -> None:
    for variant in variants()[::9]:
        for finding in report_on(read_tree(str(variant.path)), Companions()).findings:
            page = page_of(finding.rule)
            if finding.rule in all_rules():
                assert (finding.severity, finding.hint) == (page.severity, page.hint)


def test_an_identifier_stands_for_one_rule() -> None:
    taken = next(iter(all_rules()))
    before = RULES[taken]
    with pytest.raises(ValueError, match=taken):
        rule(taken, Severity.ERROR, hint="")(lambda subject: [])
    assert RULES[taken] is before


def test_all_families_of_rules_are_there() -> None:
    modules = {rule.check.__module__.rpartition(".")[2] for rule in all_rules().values()}
    of_trees = {"interrupts", "naming", "placement", "properties", "registers"}
    assert modules == {"configuration", "driver", *of_trees}


# Exit status

BAD = "&pvctl { unknown; };\n"


@pytest.mark.parametrize(
    ("additions", "expected"),
    [
        (["", ""], 0),
        ([BAD], 1),
        (["/ { device@1 { }; };\n"], 1),
        (["", BAD], 1),
        ([BAD, ""], 1),
        ([BAD, "/ {"], 2),
        (["/ {", BAD], 2),
        (["/ {", ""], 2),
        (["/ {", "/ {"], 2),
    ],
)
def test_status_tells_the_worst_of_all_trees(
    lint: Lint, write_tree: WriteTree, additions: list[str], expected: int
) -> None:
    names = [write_tree(text, name=f"{number}.dts") for number, text in enumerate(additions)]
    assert lint(*names).status == expected


def test_warnings_alone_are_findings(lint: Lint, write_tree: WriteTree) -> None:
    status, out, _ = lint("--format", "json", write_tree("&pvctl { interrupts = <5 1>; };\n"))
    severities = {finding["severity"] for finding in json.loads(out)["trees"][0]["findings"]}
    assert (status, severities) == (1, {"warning"})


def test_a_missing_file_does_not_hide_the_findings_of_others(lint: Lint, write_tree: WriteTree) -> None:
    status, out, err = lint("--format", "json", "missing.dts", write_tree(BAD), "absent.dts")
    assert status == 2
    assert len(json.loads(out)["trees"]) == 1
    assert all(name in err for name in ("missing.dts", "absent.dts"))


# Formats


def test_json_tells_all_of_a_finding_and_of_a_prediction() -> None:
    (tree,) = json.loads(FORMATS["json"]([REPORT]))["trees"]
    assert tree["findings"] == [
        {
            "rule": found.rule,
            "severity": found.severity.value,
            "message": found.message,
            "node": found.node,
            "hint": found.hint,
            "file": found.location.file,
            "line": found.location.line,
            "column": found.location.column,
        }
        for found in REPORT.findings
    ]
    assert tree["predictions"] == [
        {
            "node": expected.node,
            "outcome": expected.outcome,
            "reason": expected.reason,
            "paravirtual": expected.is_paravirtual,
            "file": expected.location.file,
            "line": expected.location.line,
            "column": expected.location.column,
        }
        for expected in REPORT.expectations
    ]
    assert (tree["name"], tree["failure"]) == ("a.dts", "")
    (tree,) = json.loads(FORMATS["json"]([Report("b.dts", (), failure="no RAM")]))["trees"]
    assert (tree["name"], tree["failure"], tree["predictions"]) == ("b.dts", "no RAM", [])


def test_sarif_tells_all_of_a_finding_and_of_a_prediction() -> None:
    (run,) = json.loads(FORMATS["sarif"]([REPORT]))["runs"]
    rules = run["tool"]["driver"]["rules"]
    results = run["results"]
    assert len(results) == len(REPORT.findings) + len(REPORT.expectations)
    for found, result in zip(REPORT.findings, results, strict=False):
        page = page_of(found.rule)
        described = rules[result["ruleIndex"]]
        assert (described["id"], result["ruleId"]) == (found.rule, found.rule)
        assert result["level"] == found.severity.value
        assert described["defaultConfiguration"]["level"] == page.severity.value
        assert page.hint in described["help"]["text"]
        assert page.summary == described["shortDescription"]["text"]
        assert found.message in result["message"]["text"]
        assert found.hint in result["message"]["text"]
        physical = result["locations"][0]["physicalLocation"]
        region = physical.get("region", {})
        assert physical["artifactLocation"]["uri"] == found.location.file
        assert region.get("startLine", 0) == found.location.line
        assert region.get("startColumn", 0) == found.location.column
    for expected, result in zip(REPORT.expectations, results[len(REPORT.findings) :], strict=True):
        assert expected.outcome in result["message"]["text"]
        assert expected.reason in result["message"]["text"]
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == expected.node


def test_text_tells_place_severity_and_rule_and_the_fate_of_paravirtual_devices() -> None:
    text = FORMATS["text"]([REPORT])
    for found in REPORT.findings:
        (line,) = [line for line in text.splitlines() if line.endswith(f"[{found.rule}]")]
        assert line.startswith(f"{found.location}: {found.severity.value}: ")
        assert found.message in line
        assert found.node in line
        assert found.hint in text
    assert "/bus/pvctl@0: bound" in text
    assert "/bus/other" not in text


@pytest.mark.parametrize("form", FORMATS)
def test_trees_are_reported_in_the_order_of_the_command_line(
    lint: Lint, write_tree: WriteTree, form: str
) -> None:
    names = [write_tree(BAD, name=f"{name}.dts") for name in ("c", "a", "e", "b", "d")]
    out = lint("--format", form, *names).out
    assert [out.index(name) for name in names] == sorted(out.index(name) for name in names)


# Order


def test_findings_are_in_the_order_of_the_sources_and_told_once() -> None:
    one = Finding("b", Severity.ERROR, "x", Location("a.dts", 1), "/z")
    two = Finding("a", Severity.ERROR, "x", Location("a.dts", 2), "/a")
    three = Finding("a", Severity.ERROR, "x", Location("b.dts", 1), "/a")
    four = Finding("b", Severity.ERROR, "w", Location("b.dts", 1), "/a")
    assert in_order([four, two, three, one, two, one]) == [one, two, three, four]


def test_predictions_are_in_the_order_of_the_paths(write_tree: WriteTree) -> None:
    report = report_on(read_tree(write_tree("")), Companions())
    paths = [expectation.node for expectation in report.expectations]
    assert len(paths) > 3
    assert paths == sorted(paths)


# Bounds


def test_a_tree_may_be_as_large_as_the_limits(
    compile_tree: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = DeviceTree(compile_tree("/dts-v1/; / { a = <1 2>; b { c = <3>; }; };"))
    for name, most in (("MAX_NODES", 2), ("MAX_PROPERTIES_SIZE", 12)):
        with monkeypatch.context() as patch:
            patch.setattr(limits, name, most)
            limits.check_size(tree)
            patch.setattr(limits, name, most - 1)
            with pytest.raises(DeviceTreeError):
                limits.check_size(tree)


def test_findings_of_dtc_are_bounded(write_tree: WriteTree) -> None:
    nodes = "".join(f"x@{number} {{ }}; " for number in range(dtc.MAX_FINDINGS + 10))
    source = read_tree(write_tree(f"/dts-v1/; / {{ {nodes} }};", base=""))
    assert source.findings is not None
    assert len(source.findings) == dtc.MAX_FINDINGS


def test_what_could_not_be_checked_for_another_error_is_no_finding(write_tree: WriteTree) -> None:
    source = read_tree(write_tree('/dts-v1/; / { #address-cells = "x"; a@1 { reg = <1>; }; };', base=""))
    # Without these cells, dtc checks neither whether they fit nor the reg.
    rules = {found.rule for found in source.findings or ()}
    assert "dtc:address_cells_is_cell" in rules
    assert rules.isdisjoint({"dtc:addr_size_cells", "dtc:reg_format"})


@pytest.mark.parametrize(
    ("addition", "found"),
    [
        ("&pvctl { reg = <0x0 0x28>; };", set()),
        ("&pvctl { reg = <0x0 0x27>; };", {"reg-too-small"}),
        ("&pvctl { priority = <255>; };", set()),
        ("&pvctl { priority = <256>; };", {"priority-range"}),
        ("&pvctl { priority = <0>; }; &bus { TWIN priority = <0>; }; };", set()),
        ("&pvctl { priority = <1>; }; &bus { TWIN priority = <1>; }; };", {"priority-conflict"}),
        ("&pvctl { priority = <128>; };", {"priority-conflict"}),
        ('&pvctl { status = "fail"; };', set()),
        ('&pvctl { status = "fail-sss"; };', set()),
        ('&pvctl { status = "failed"; };', {"status-value"}),
        ('&pvctl { compatible = "qemu,pvctl2"; };', {"compatible-unknown"}),
        ('/ { x { compatible = "qemu,pvctI"; }; };', {"compatible-unknown"}),
        ('/ { x { compatible = "qemu,other"; }; };', set()),
    ],
)
def test_where_a_rule_begins(write_tree: WriteTree, addition: str, found: set[str]) -> None:
    twin = 'pvctl@10000 { compatible = "qemu,pvctl"; reg = <0x10000 0x1000>;'
    text = addition.replace("&bus", "/ { platform@f00000000").replace("TWIN", twin)
    text += " };" if "&bus" in addition else ""
    report = report_on(read_tree(write_tree(text)), Companions())
    rules = {"reg-too-small", "priority-range", "priority-conflict", "status-value", "compatible-unknown"}
    assert {finding.rule for finding in report.findings} & rules == found


def test_a_tree_that_says_no_machine_is_for_the_ppce500(write_tree: WriteTree, lint: Lint) -> None:
    name = write_tree('/ { compatible = "acme,board"; };\n')
    (own, chosen) = (lint("--format", "json", *more, name).out for more in ([], ["--machine", "ppce500"]))
    assert own == chosen
    assert lint("--format", "json", "--machine", "mpc8544ds", name).out != own


def test_an_error_of_an_included_file_names_it(write_tree: WriteTree, tmp_path: Path) -> None:
    (tmp_path / "part.dtsi").write_text("/ {\n\tx = ;\n};\n")
    with pytest.raises(InputError) as error:
        read_tree(write_tree('/include/ "part.dtsi"\n'))
    assert error.value.source.startswith(f"{tmp_path}/part.dtsi:2:")


@pytest.mark.parametrize("severity", Severity)
def test_a_property_that_a_rule_cannot_read_is_a_finding_of_that_rule(
    write_tree: WriteTree, monkeypatch: pytest.MonkeyPatch, severity: Severity
) -> None:
    def check(subject: Subject) -> list[Problem]:
        raise DeviceTreeError(subject.name, "its cells are none")

    broken = Rule("broken", severity, "Mend it.", check)
    monkeypatch.setattr(lint_module, "all_rules", lambda: {"broken": broken})
    name = write_tree("")
    (finding,) = report_on(read_tree(name), Companions()).findings
    assert finding == Finding("broken", severity, "its cells are none", Location(name), hint="Mend it.")
