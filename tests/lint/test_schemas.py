# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bindings say of a tree, as findings of the linter, and the process that asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paradrive.devicetree.node import DeviceTree
from paradrive.host.user_cache import cache_directory
from paradrive.machine.board import board_named
from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.schema import bindings
from paradrive_tools.lint.schema.process import SchemaProcess
from paradrive_tools.lint.schema.worker import Judge, load_validator
from paradrive_tools.lint.source.source_map import SourceMap
from paradrive_tools.lint.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from paradrive_tools.lint.finding import Finding
    from paradrive_tools.lint.schema.protocol import Violation

    Compile = Callable[[str], bytes]
    Judgement = Callable[[str], list[Finding]]

BASE = '/dts-v1/; /include/ "ppce500.dtsi"\n /include/ "e500v2.dtsi"\n'
PVCTL = "/platform@f00000000/pvctl@0"


@pytest.fixture
def judge(compile_tree: Compile) -> Judgement:
    """Return what the bindings say of the ppce500 with an addition."""

    def findings(addition: str) -> list[Finding]:
        blob = compile_tree(BASE + addition)
        tree = DeviceTree(blob)
        subject = Subject("tree", blob, tree, board_named("ppce500"), source_map=SourceMap("tree"))
        return bindings.submit(subject)()

    return findings


@pytest.fixture
def process() -> Iterator[SchemaProcess]:
    process = SchemaProcess()
    yield process
    process.end()


def messages(found: list[Finding], node: str) -> list[str]:
    return [finding.message for finding in found if finding.node == node]


def test_binding_of_pvctl_is_asked(judge: Judgement) -> None:
    (finding,) = judge("&pvctl { priority = <256>; };")
    assert finding.node == PVCTL
    assert finding.message.startswith("priority: ")
    assert "qemu,pvctl.yaml" in finding.hint


def test_missing_property_is_found(judge: Judgement) -> None:
    assert any("'reg'" in message for message in messages(judge("&pvctl { /delete-property/ reg; };"), PVCTL))


def test_disabled_device_may_lack_a_property(judge: Judgement) -> None:
    assert judge('&pvctl { /delete-property/ reg; status = "disabled"; };') == []


def test_compatible_string_without_binding_is_a_finding_of_its_own(judge: Judgement) -> None:
    (finding,) = judge('&pvctl { compatible = "qemu,pvctrl"; };')
    assert finding.rule == bindings.UNDOCUMENTED_RULE
    assert "qemu,pvctrl" in finding.message


def test_name_of_a_bus_is_judged_unless_it_is_that_of_qemu(judge: Judgement) -> None:
    bus = "{ #address-cells = <1>; #size-cells = <1>; ranges = <0 0xf 0x10000000 0x1000>; };"
    assert judge("") == []  # /platform@f00000000
    (finding,) = judge(f'/ {{ platform@f10000000 {{ compatible = "simple-bus"; {bus[1:]} }};')
    assert "'platform@f10000000'" in finding.message


def test_phandles_of_one_tree_are_not_those_of_the_next(judge: Judgement) -> None:
    dangling = "&pvctl { interrupt-parent = <0x7654>; };"
    before = judge(dangling)
    assert judge("&pvctl { interrupt-parent = <0x7654>; }; &mpic { phandle = <0x7654>; };") == []
    (message,) = messages(before, "/")
    assert "0x7654" in message
    assert judge(dangling) == before


@pytest.mark.parametrize(
    ("addition", "node", "message"),
    [
        ("&mpic { #interrupt-cells = <0>; };", "/soc@fe0000000/serial@4500", "interrupts: "),
        (
            "/ { bus { #address-cells = <0>; #size-cells = <0>; x { reg = <1>; }; }; };",
            "/bus/x",
            "reg: ",
        ),
        (
            "/ { bus { #address-cells = <0>; #size-cells = <0>; ranges;"
            "bus { #address-cells = <0>; #size-cells = <0>; ranges = <1>; }; }; };",
            "/bus/bus",
            "ranges: ",
        ),
    ],
)
def test_property_that_dtschema_would_read_without_end_is_a_finding(
    judge: Judgement, addition: str, node: str, message: str
) -> None:
    (finding,) = judge(addition)
    assert finding.node == node
    assert finding.message.startswith(message)


def test_string_that_is_not_ascii_is_a_finding(judge: Judgement) -> None:
    (finding,) = judge('&pvctl { compatible = "qemu,\\xe4"; };')
    assert "\\xe4" in finding.message


def test_node_that_dtschema_fails_at_is_a_finding_beside_those_of_others(judge: Judgement) -> None:
    found = judge("&pvctl { compatible; }; &mpic { /delete-property/ interrupt-controller; };")
    assert len(messages(found, PVCTL)) == 1
    assert any("'interrupt-controller'" in finding.message for finding in found)


def test_process_that_has_been_killed_is_started_again(process: SchemaProcess, ppce500: bytes) -> None:
    process.submit(ppce500)
    first = process.violations()
    process.submit(ppce500)
    process.end()
    assert [violation.message for violation in process.violations()] == [
        "dtschema does not come to an end with this tree"
    ]
    process.submit(ppce500)
    assert process.violations() == first


def test_answer_that_nobody_fetched_is_not_that_to_the_next_tree(
    process: SchemaProcess, compile_tree: Compile
) -> None:
    process.submit(compile_tree(BASE + "&pvctl { unknown; };"))
    process.submit(compile_tree(BASE))
    assert not [violation for violation in process.violations() if "unknown" in violation.message]


def test_schemas_are_processed_once_and_again_when_a_binding_changes(
    tmp_path: Path, compile_tree: Compile
) -> None:
    bindings, cache = tmp_path / "bindings", tmp_path / "cache"
    source = TREE_SOURCES / "bindings/power/reset/qemu,pvctl.yaml"
    bindings.mkdir()
    copy = bindings / source.name
    copy.write_text(source.read_text().replace("  - $ref: restart-handler.yaml#", "  - {}"))
    blob = compile_tree(BASE + "&pvctl { unknown; };")

    def violations() -> list[Violation]:
        found = Judge(load_validator(bindings, cache)).violations(blob)
        return [violation for violation in found if "'unknown'" in violation.message]

    assert violations()
    (processed,) = cache.iterdir()
    contents = processed.read_bytes()
    processed.write_bytes(contents.replace(b'"additionalProperties": false', b'"additionalProperties": true'))
    assert violations() == []  # read, not processed again
    copy.write_text(f"{copy.read_text()}# changed\n")
    assert violations()


def test_remembered_nodes_do_not_change_the_verdict(compile_tree: Compile) -> None:
    blobs = [
        compile_tree(BASE + f"&pvctl {{ {addition} }};") for addition in ("", "a;", 'status = "disabled";')
    ]
    validator = load_validator(TREE_SOURCES / "bindings", cache_directory())
    judge = Judge(validator)
    together = [judge.violations(blob) for blob in [*blobs, *reversed(blobs)]]
    alone = [Judge(validator).violations(blob) for blob in blobs]
    assert together == [*alone, *reversed(alone)]
