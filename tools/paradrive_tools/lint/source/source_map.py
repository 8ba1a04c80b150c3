# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in the sources the nodes and properties of a tree come from.

dtc, asked for annotations, writes the compiled tree as a source of its own, in which each line ends in a
comment with the origins of what stands on it, in the order in which they were read:

    pvctl: pvctl@0 { /* dts/ppce500.dtsi:82:18-86:5, bad.dts:15:8-15:35 */
            reg = <0x2000 0x1000>; /* bad.dts:15:10-15:32 */
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paradrive_tools.lint.finding import Location

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"\t*(?P<text>.*?)(?: /\* (?P<origins>[^\"]*) \*/)?")
_ORIGIN = re.compile(r"(?:^|, )(?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+)-\d+:\d+(?=, |$)")
_LABELS = r"(?:\w+: )*"
_NODE = re.compile(_LABELS + r"(?P<name>\S+) \{")
_PROPERTY = re.compile(_LABELS + r"(?P<name>[^\s=;]+)(?: =.*|;)")
_NODE_END = "};"


class SourceMap:
    """Locations by the path of a node and, in it, by the name of a property ("" for the node itself)."""

    def __init__(self, file: str, locations: Mapping[tuple[str, str], Location] | None = None) -> None:
        self._file = Location(file)
        self._locations = dict(locations or {})

    def locate(self, node_path: str, property_name: str = "") -> Location:
        """Return where a property is set; else where its node is last opened; else the file."""
        return (
            self._locations.get((node_path, property_name))
            or self._locations.get((node_path, ""))
            or self._file
        )


def parse_annotated(text: str, file: str) -> SourceMap:
    """Return the map of a tree that dtc has annotated; what dtc has not commented is not in it."""
    locations: dict[tuple[str, str], Location] = {}
    open_nodes: list[str] = []
    for row in text.splitlines():
        line = _LINE.fullmatch(row)
        if line is None:
            continue
        node, of_property = _NODE.fullmatch(line["text"]), _PROPERTY.fullmatch(line["text"])
        if line["text"] == _NODE_END:
            if open_nodes:
                open_nodes.pop()
            continue
        if node:
            open_nodes.append(node["name"].removeprefix("/"))
        location = _last_origin(line["origins"] or "")
        if location and (node or of_property):
            name = of_property["name"] if of_property and not node else ""
            # Of two nodes of one name, dtc complains of the second.
            locations["/" + "/".join(open_nodes[1:]), name] = location
    return SourceMap(file, locations)


def _last_origin(origins: str) -> Location | None:
    """Return the origin that was read last: what changes a node of an included file is the user's own."""
    last = None
    for match in _ORIGIN.finditer(origins):
        last = Location(match["file"], int(match["line"]), int(match["column"]))
    return last
