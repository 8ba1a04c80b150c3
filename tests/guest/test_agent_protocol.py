# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames: what is encoded is decoded, and nothing that a guest sends surprises the host."""

from __future__ import annotations

import re
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paradrive.guest import agent_protocol
from paradrive.guest.agent_protocol import (
    HEADER_SIZE,
    MAX_PAYLOAD,
    AgentError,
    Answer,
    Frame,
    Request,
    decode,
    encode,
    frame_size,
    number,
    string,
)
from paradrive_tools.guest_build.paths import USERLAND_SOURCES


@given(st.sampled_from(Answer), st.binary(max_size=300))
def test_a_frame_is_decoded_to_what_was_encoded(answer: Answer, payload: bytes) -> None:
    frame = encode(answer, payload)
    assert frame_size(frame[:HEADER_SIZE]) == len(frame)
    assert decode(frame) == Frame(answer, payload)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_or_an_agent_error(data: bytes) -> None:
    try:
        frame = decode(data)
        frame.number()
    except AgentError:
        return
    assert encode(frame.answer, frame.payload) == data


@given(st.binary(max_size=40), st.integers(0, 8 * 49 - 1))
def test_a_flipped_bit_is_noticed(payload: bytes, position: int) -> None:
    frame = bytearray(encode(Answer.DATA, payload))
    position %= 8 * len(frame)
    frame[position // 8] ^= 1 << position % 8
    with pytest.raises(AgentError):
        decode(frame)


@given(st.integers(0, 127) | st.integers(max(Answer) + 1, 255))
def test_an_unknown_type_is_refused(kind: int) -> None:
    content = bytes([0, 0, 0, 0, kind])
    with pytest.raises(AgentError, match=str(kind)):
        decode(content + crc32(content).to_bytes(4, "big"))


def test_no_frame_is_longer_than_allowed() -> None:
    assert len(encode(Request.WRITE, bytes(MAX_PAYLOAD))) == HEADER_SIZE + MAX_PAYLOAD + 4
    with pytest.raises(AgentError):
        encode(Request.WRITE, bytes(MAX_PAYLOAD + 1))
    with pytest.raises(AgentError):
        frame_size((MAX_PAYLOAD + 1).to_bytes(4, "big") + b"\x83")


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_a_number_has_32_bits(value: int) -> None:
    with pytest.raises(AgentError):
        number(value)


def test_a_string_ends_at_its_zero_byte() -> None:
    assert string("naïve") == "naïve".encode() + b"\0"
    with pytest.raises(AgentError):
        string("a\0b")


def test_the_agent_is_compiled_with_the_same_numbers() -> None:
    header = (USERLAND_SOURCES / "agent_protocol.h").read_text(encoding="utf-8")
    defined = {
        name: int(value) for name, value in re.findall(r"^#define AGENT_(\w+)\s+(\d+)", header, re.MULTILINE)
    }
    assert defined == {
        "VERSION": agent_protocol.VERSION,
        "MAX_PAYLOAD": MAX_PAYLOAD,
        **{f"REQUEST_{request.name}": request.value for request in Request},
        **{f"ANSWER_{answer.name}": answer.value for answer in Answer},
    }
