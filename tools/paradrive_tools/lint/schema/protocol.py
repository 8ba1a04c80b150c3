# SPDX-License-Identifier: GPL-2.0-or-later
"""What bindings.py and the process in which dtschema runs, worker.py, say to each other.

A request is the size of a blob (``REQUEST``: 4 bytes, big-endian) and the blob. The answer is one line:
a list of violations in JSON, each a list of its fields.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

REQUEST = struct.Struct(">I")
#: The "schema" of those violations that say that no binding describes a device.
UNDOCUMENTED = "generated-compatibles"


class Violation(NamedTuple):
    """What a schema does not allow.

    ``node`` is a path; ``property`` is "" where it is about the node itself, and "$nodename" for its name;
    ``schema`` is the ``$id``, "" where dtschema itself cannot read the tree.
    """

    node: str
    property: str
    message: str
    schema: str
