# SPDX-License-Identifier: GPL-2.0-or-later
"""The frames in which the host and the agent in the guest talk, as bytes.

Source: guest-driver/userland/agent_protocol.h, which describes frames, requests and answers. The guest is
not trusted: whatever bytes come from it, nothing here raises anything but `AgentError`.
"""

from __future__ import annotations

import enum
from typing import NamedTuple
from zlib import crc32

VERSION = 1
#: The longest payload of a frame, in bytes.
MAX_PAYLOAD = 16384
#: Length and type.
HEADER_SIZE = 5
CRC_SIZE = 4


class Request(enum.IntEnum):
    """What the host asks for."""

    RUN = 1
    READ = 2
    WRITE = 3
    INSMOD = 4
    RMMOD = 5
    MOUNT = 6
    REBOOT = 7


class Answer(enum.IntEnum):
    """What the agent says."""

    HELLO = 128
    DONE = 129
    ERROR = 130
    DATA = 131
    STDOUT = 132
    STDERR = 133
    ENDED = 134


class AgentError(Exception):
    """The agent in the guest has not done what it was asked for."""


class Frame(NamedTuple):
    """One message of the agent."""

    answer: Answer
    payload: bytes

    def number(self) -> int:
        """Return the 32-bit number which is the payload; AgentError when it is something else."""
        if len(self.payload) != 4:
            raise AgentError(f"the agent's {self.answer.name} has {len(self.payload)} bytes instead of 4")
        return int.from_bytes(self.payload, "big")


def encode(request: int, payload: bytes) -> bytes:
    """Return the frame of a request. Raises AgentError when ``payload`` is too long for one."""
    if len(payload) > MAX_PAYLOAD:
        raise AgentError(f"the request has {len(payload)} bytes, more than {MAX_PAYLOAD}")
    frame = len(payload).to_bytes(4, "big") + bytes([request]) + payload
    return frame + crc32(frame).to_bytes(CRC_SIZE, "big")


def frame_size(start: bytes | bytearray) -> int:
    """Return the size in bytes of the frame that starts with the ``HEADER_SIZE`` bytes of ``start``.

    Raises AgentError when its payload would be too long.
    """
    length = int.from_bytes(start[:4], "big")
    if length > MAX_PAYLOAD:
        raise AgentError(f"the agent announces {length} bytes, more than {MAX_PAYLOAD}")
    return HEADER_SIZE + length + CRC_SIZE


def decode(frame: bytes | bytearray) -> Frame:
    """Return what a whole frame says. Raises AgentError when it is damaged or of an unknown type."""
    if len(frame) < HEADER_SIZE or len(frame) != frame_size(frame):
        raise AgentError(f"the agent has sent {len(frame)} bytes that are no frame")
    content, checksum = frame[:-CRC_SIZE], int.from_bytes(frame[-CRC_SIZE:], "big")
    if crc32(content) != checksum:
        raise AgentError("the agent has sent a frame whose checksum is wrong")
    try:
        answer = Answer(frame[4])
    except ValueError:
        raise AgentError(f"the agent has sent a frame of the unknown type {frame[4]}") from None
    return Frame(answer, bytes(content[HEADER_SIZE:]))


def string(text: str) -> bytes:
    """Return ``text`` as a frame holds it. Raises AgentError when it contains a zero byte."""
    if "\0" in text:
        raise AgentError(f"{text!r} contains a zero byte")
    return text.encode() + b"\0"


def number(value: int) -> bytes:
    """Return ``value`` as a frame holds it. Raises AgentError when it is not one of 32 bits."""
    if not 0 <= value < 1 << 32:
        raise AgentError(f"{value} does not fit into 32 bits")
    return value.to_bytes(4, "big")
