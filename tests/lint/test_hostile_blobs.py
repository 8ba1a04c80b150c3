# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever bytes are given to the linter as a blob, it lints them or refuses them in one line."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paradrive.devicetree.fdt import MAX_FDT_SIZE
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive_tools.guest_build.trees import ensure_tree
from paradrive_tools.lint.judgement import in_order
from paradrive_tools.lint.session import Companions, report_on
from paradrive_tools.lint.source.limits import MAX_NODES, MAX_PROPERTIES_SIZE
from paradrive_tools.lint.source.reading import Source, read_tree
from paradrive_tools.lint.source.source_map import SourceMap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from paradrive_tools.lint.output.report import Report

    Lint = Callable[..., tuple[int, str, str]]

BEGIN_NODE, END_NODE, PROPERTY, END = (struct.pack(">I", tag) for tag in (1, 2, 3, 9))
HEADER_SIZE = 40
#: Offsets of fields of the header.
TOTALSIZE, OFF_DT_STRUCT = 4, 8


def report(blob: bytes) -> Report | None:
    """Return what is reported of a blob, None if it is refused; any other exception fails the test."""
    try:
        return report_on(Source("hostile.dtb", blob, SourceMap("hostile.dtb")), Companions())
    except InputError as error:
        assert str(error).startswith("hostile.dtb: ")
        assert "\n" not in str(error)
        return None


def blob_of(structure: bytes, strings: bytes = b"") -> bytes:
    """Return a blob with this structure block and this strings block, and a header that fits."""
    reservations = HEADER_SIZE + 16
    end = reservations + len(structure) + len(strings)
    header = (
        0xD00DFEED,
        end,
        reservations,
        end - len(strings),
        HEADER_SIZE,
        17,
        16,
        0,
        len(strings),
        len(structure),
    )
    return struct.pack(">10I", *header) + bytes(16) + structure + strings


changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.one_of(st.sampled_from([0, 1, 2, 0xFF]), st.integers(0, 255))
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=changes, in_header=st.sampled_from([False, False, False, True]))
def test_changed_bytes_are_linted_or_refused(changes: list[tuple[float, int]], in_header: bool) -> None:
    blob = bytearray(ensure_tree("ppce500").read_bytes())
    start, end = (0, HEADER_SIZE) if in_header else (HEADER_SIZE, len(blob))
    for place, value in changes:
        blob[start + int(place * (end - start))] = value
    found = report(bytes(blob))
    if found is not None:
        assert list(found.findings) == in_order(list(found.findings))


@settings(max_examples=100, deadline=None, database=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(blob_of)))
def test_random_bytes_are_linted_or_refused(blob: bytes) -> None:
    report(blob)


@pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1, HEADER_SIZE, 500, 1000])
def test_truncated_blob_is_refused(ppce500: bytes, size: int) -> None:
    assert report(ppce500[:size]) is None


@pytest.mark.parametrize("offset", [TOTALSIZE, OFF_DT_STRUCT])
def test_size_and_offset_beyond_the_blob_are_refused(ppce500: bytes, offset: int) -> None:
    assert report(ppce500[:offset] + b"\x7f\xff\xff\xfc" + ppce500[offset + 4 :]) is None


def test_nesting_of_10000_nodes_is_refused() -> None:
    node = BEGIN_NODE + b"a\0\0\0"
    structure = BEGIN_NODE + bytes(4) + node * 10_000 + END_NODE * 10_001 + END
    with pytest.raises(InputError):
        report_on(Source("deep", blob_of(structure), SourceMap("deep")), Companions())


def test_100_mb_of_properties_are_refused_unread(lint: Lint, tmp_path: Path) -> None:
    large = tmp_path / "large.dtb"
    with large.open("wb") as file:
        file.write(struct.pack(">2I", 0xD00DFEED, 100_000_000))
        file.truncate(100_000_000)
    status, out, err = lint(str(large))
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {large}: larger than ")
    assert err.count("\n") == 1


def test_endless_file_is_refused(lint: Lint) -> None:
    status, out, err = lint("/dev/zero")
    assert (status, out) == (2, "")
    assert err.startswith("paradrive: error: /dev/zero: ")


@pytest.mark.parametrize(
    "name", ["reg", "ranges", "interrupts", "interrupts-extended", "compatible", "unknown"]
)
def test_property_of_any_length_is_linted_or_refused(ppce500: bytes, name: str) -> None:
    tree = DeviceTree(ppce500)
    pvctl = tree.find("/platform@f00000000/pvctl@0")
    assert pvctl is not None
    pvctl.properties[name] = b"\0\0\0\1" * (MAX_PROPERTIES_SIZE // 16)
    assert report(tree.to_fdt()) is not None
    pvctl.properties[name] *= 4
    assert report(tree.to_fdt()) is None


def test_tree_of_too_many_nodes_is_refused(ppce500: bytes) -> None:
    tree = DeviceTree(ppce500)
    platform = tree.find("/platform@f00000000")
    assert platform is not None
    for group in range(MAX_NODES // 256):
        bus = platform.add_child(f"bus@{group}")
        for number in range(256):
            bus.add_child(f"device@{number}")
    assert report(tree.to_fdt()) is None


CYCLES = {
    "interrupt parents": "a: a { interrupt-parent = <&b>; interrupts = <1>; }; "
    "b: b { interrupt-parent = <&a>; };",
    "its own interrupt parent": "a: a { interrupt-parent = <&a>; interrupts = <1>; interrupt-controller; };",
    "interrupt maps": "a: a { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &b 1>; "
    "interrupt-map-mask = <1>; }; "
    "b: b { #interrupt-cells = <1>; #address-cells = <0>; interrupt-map = <1 &a 1>; "
    "interrupt-map-mask = <1>; }; c { interrupt-parent = <&a>; interrupts = <1>; };",
    "extended interrupts": "a: a { interrupts-extended = <&a 1>; #interrupt-cells = <1>; };",
}


@pytest.mark.parametrize("nodes", CYCLES.values(), ids=CYCLES)
def test_cycle_of_phandles_is_linted(compile_tree: Callable[[str], bytes], nodes: str) -> None:
    source = f'/dts-v1/; /include/ "ppce500.dtsi"\n /include/ "e500v2.dtsi"\n / {{ {nodes} }};'
    on_platform_bus = source.replace("/ {", "&{/platform@f00000000} {")
    for blob in (compile_tree(source), compile_tree(on_platform_bus)):
        assert report(blob) is not None


def test_source_of_a_tree_that_is_too_large_is_refused(
    lint: Lint, write_tree: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(MAX_FDT_SIZE + 1))
    name = write_tree('/ { a = /incbin/("large"); };')
    status, out, err = lint(name)
    assert (status, out) == (2, "")
    assert err.startswith(f"paradrive: error: {name}: larger than ")
    assert len(read_tree(name).blob) > MAX_FDT_SIZE
