# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the nodes and properties of a compiled tree come from: file, line and column of the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paradrive_tools.guest_build.paths import TREE_SOURCES
from paradrive_tools.lint.finding import Location
from paradrive_tools.lint.source.reading import read_tree
from paradrive_tools.lint.source.source_map import SourceMap, parse_annotated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_node_and_property_are_found_in_their_line(write_tree: Callable[..., str]) -> None:
    name = write_tree("/ {\n\tbus {\n\t\tdevice@1 {\n\t\t\treg = <1>;\n\t\t};\n\t};\n};\n")
    located = read_tree(name).source_map.locate
    assert located("/bus/device@1") == Location(name, 7, 12)
    assert located("/bus/device@1", "reg") == Location(name, 8, 4)
    assert located("/bus") == Location(name, 6, 6)


def test_property_that_is_not_there_is_its_node(write_tree: Callable[..., str]) -> None:
    name = write_tree("/ {\n\tdevice { };\n};\n")
    assert read_tree(name).source_map.locate("/device", "reg") == Location(name, 6, 9)


def test_what_is_included_is_in_the_included_file(write_tree: Callable[..., str]) -> None:
    located = read_tree(write_tree("")).source_map.locate
    location = located("/platform@f00000000/pvctl@0", "compatible")
    assert location.file == str(TREE_SOURCES / "ppce500.dtsi")
    line = (TREE_SOURCES / "ppce500.dtsi").read_text().splitlines()[location.line - 1]
    assert line.strip() == 'compatible = "qemu,pvctl";'


def test_the_last_to_change_a_property_is_to_blame(write_tree: Callable[..., str]) -> None:
    name = write_tree("&pvctl {\n\treg = <0x2000 0x1000>;\n};\n")
    located = read_tree(name).source_map.locate
    assert located("/platform@f00000000/pvctl@0", "reg") == Location(name, 6, 2)
    assert located("/platform@f00000000/pvctl@0") == Location(name, 5, 8)


def test_labels_and_strings_that_look_like_comments_confuse_nothing(write_tree: Callable[..., str]) -> None:
    name = write_tree(
        '/ {\n\tone: two: device {\n\t\ttext = "{ /* a.dts:1:1-1:2 */ };";\n\t\tflag;\n\t};\n};\n'
    )
    located = read_tree(name).source_map.locate
    assert located("/device") == Location(name, 6, 19)
    assert located("/device", "text") == Location(name, 7, 3)
    assert located("/device", "flag") == Location(name, 8, 3)


def test_deleted_node_is_only_in_its_file(write_tree: Callable[..., str]) -> None:
    name = write_tree("/ {\n\t/delete-node/ platform@f00000000;\n};\n")
    assert read_tree(name).source_map.locate("/platform@f00000000/pvctl@0") == Location(name)


def test_lines_count_from_before_the_preprocessor(write_tree: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "numbers.h").write_text("\n\n#define ONE 1\n")
    name = write_tree('#include "numbers.h"\n#define FLAG flag\n/ {\n\tdevice { FLAG; reg = <ONE>; };\n};\n')
    source = read_tree(name)
    assert source.source_map.locate("/device", "reg").line == 8
    assert b"flag" in source.blob


def test_included_file_is_preprocessed_under_its_own_name(
    write_tree: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "device.dtsi").write_text("/ {\n\tdevice { };\n};\n")
    located = read_tree(write_tree('#include "device.dtsi"\n')).source_map.locate
    assert located("/device") == Location(str(tmp_path / "device.dtsi"), 2, 9)


def test_blob_has_no_lines(compile_tree: Callable[[str], bytes], tmp_path: Path) -> None:
    (tmp_path / "tree.dtb").write_bytes(compile_tree("/dts-v1/; / { device { }; };"))
    name = str(tmp_path / "tree.dtb")
    assert read_tree(name).source_map.locate("/device") == Location(name)


def test_text_that_dtc_never_wrote_is_survived() -> None:
    text = "};\n};\n{\n = \n/* */\nx { /* no place */\n\ty; /* a:1:2-3:4 */\n/ {{ /* b:1:1-1:1"
    located = parse_annotated(text, "file").locate
    assert located("/", "y") == Location("a", 1, 2)
    assert located("/x") == Location("file")
    assert SourceMap("file").locate("/") == Location("file")
