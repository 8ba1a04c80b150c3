# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a saved machine: named parts and what is needed to trust them. `saved_machine` fills them.

In this order, numbers big-endian:

- 24 bytes ``paradrive saved machine`` and a newline;
- 4 bytes: the size of the manifest; 32 bytes: its SHA-256;
- the manifest, JSON: ``format`` (version of what follows), ``made_by``, ``machine``, ``cpu``, ``memory_size``
  (in bytes, null where the tree decides), and ``parts``: the size in bytes and SHA-256 of each part by its
  name;
- the parts, one behind the other in the manifest's order, and nothing after.

So every byte of the file is under a checksum, and each is checked before anything is made of it. The parts
are stored as they are: what is worth compressing comes compressed. ``head -c 1000`` shows what a file is.

It is no zip archive because there, names and sizes stand in two places which may contradict each other and
some bytes are under no checksum; and importing ``zipfile`` takes 35 ms, a third of what loading a guest may
take. It is not pickle, because loading that executes what the file says.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, NamedTuple

from paradrive import __version__
from paradrive.host.inputs import InputError, read_input
from paradrive.host.outputs import write_output

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Raise it when an older version could not read the file any more.
FORMAT = 1
MAGIC = b"paradrive saved machine\n"
#: The largest file, in bytes, that is written or read.
MAX_FILE_SIZE = 1 << 29
MAX_MANIFEST_SIZE = 1 << 16

_HEADER = struct.Struct(">I32s")


class Contents(NamedTuple):
    """What a file holds: what the machine was configured with besides its images, and the parts.

    ``memory_size`` in bytes overrode the tree; None where it did not, and in files of before it was kept.
    """

    machine: str
    cpu: str
    memory_size: int | None
    parts: Mapping[str, bytes]


def write(path: str, contents: Contents) -> None:
    """Write a file, which is complete or untouched; InputError when that cannot be done."""
    manifest = {
        "format": FORMAT,
        "made_by": f"paradrive {__version__}",
        "machine": contents.machine,
        "cpu": contents.cpu,
        "memory_size": contents.memory_size,
        "parts": {
            name: {"size": len(part), "sha256": hashlib.sha256(part).hexdigest()}
            for name, part in contents.parts.items()
        },
    }
    text = json.dumps(manifest, indent=1).encode("ascii") + b"\n"
    pieces = [MAGIC, _HEADER.pack(len(text), hashlib.sha256(text).digest()), text, *contents.parts.values()]
    if sum(map(len, pieces)) > MAX_FILE_SIZE:
        raise InputError(path, f"would be larger than {MAX_FILE_SIZE} bytes")
    write_output(path, pieces)


def read(path: str) -> Contents:
    """Return what a file holds; InputError when it cannot be read, is newer than this version, or damaged."""
    file = read_input(path, MAX_FILE_SIZE)
    if not file.startswith(MAGIC):
        raise InputError(path, "is not a saved machine")
    start = len(MAGIC) + _HEADER.size
    if len(file) < start:
        raise InputError(path, "truncated: ends within the header")
    size, digest = _HEADER.unpack_from(file, len(MAGIC))
    if size > MAX_MANIFEST_SIZE:
        raise InputError(path, "damaged: the size of the manifest cannot be")
    text = file[start : start + size]
    if hashlib.sha256(text).digest() != digest:
        raise InputError(path, "damaged: the manifest does not have its checksum")
    manifest = parse_object(path, "manifest", text)
    if manifest.get("format") != FORMAT:
        known = f"this version of paradrive understands {FORMAT}"
        raise InputError(path, f"has format {manifest.get('format')!r:.40}; {known}")
    parts = _parts(path, manifest.get("parts"), memoryview(file)[start + size :])
    names = _name(path, manifest, "machine"), _name(path, manifest, "cpu")
    return Contents(*names, _memory_size(path, manifest), parts)


def _parts(path: str, described: object, rest: memoryview) -> dict[str, bytes]:
    """Return the parts, which make up ``rest``, by their names."""
    parts = {}
    for name, description in described.items() if isinstance(described, dict) else ():
        size = description.get("size") if isinstance(description, dict) else None
        if type(size) is not int or size < 0:
            raise InputError(path, "damaged: the manifest does not describe the parts")
        if size > len(rest):
            raise InputError(path, f"truncated: ends within the part {name!r:.40}")
        parts[name] = bytes(rest[:size])
        rest = rest[size:]
        if hashlib.sha256(parts[name]).hexdigest() != description.get("sha256"):
            raise InputError(path, f"damaged: the part {name!r:.40} does not have its checksum")
    if rest:
        raise InputError(path, f"damaged: {len(rest)} bytes follow the last part")
    return parts


def _name(path: str, manifest: Mapping[str, object], key: str) -> str:
    value = manifest.get(key)
    if not isinstance(value, str):
        raise InputError(path, f"damaged: the manifest names no {key}")
    return value


def _memory_size(path: str, manifest: Mapping[str, object]) -> int | None:
    value = manifest.get("memory_size")
    if value is None:
        return None
    # What the host cannot reserve is refused later; this bounds the number that is then reported.
    if type(value) is not int or not 0 < value < 1 << 64:
        raise InputError(path, "damaged: the manifest has a memory size that cannot be")
    return value


def parse_object(path: str, name: str, text: bytes) -> dict[str, object]:
    """Return the JSON object that a part of a file is; InputError when it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        value = None
    if not isinstance(value, dict):
        raise InputError(path, f"damaged: the {name} is not a JSON object")
    return value
