# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_host import RecordingHost

from paradrive.devices.detached import detached
from paradrive.devices.guts import Guts

RSTCR = 0xB0


def guts_of(host: RecordingHost) -> Guts:
    guts = Guts(0x80210022, 0x80390021)
    guts.attach(detached(host=host))
    return guts


@pytest.fixture
def host() -> RecordingHost:
    return RecordingHost()


@pytest.fixture
def resets(host: RecordingHost) -> list[object]:
    return host.calls


@pytest.fixture
def guts(host: RecordingHost) -> Guts:
    return guts_of(host)


def test_versions_are_those_of_the_machine(guts: Guts) -> None:
    assert (guts.read(0xA0, 4), guts.read(0xA4, 4)) == (0x80210022, 0x80390021)
    guts.reset()
    assert guts.read(0xA0, 4) == 0x80210022


def test_hreset_req_requests_a_reset_inside_the_write(guts: Guts, resets: list[object]) -> None:
    guts.write(RSTCR, 4, 0x2)
    assert resets == ["reset"]
    assert guts.read(RSTCR, 4) == 0


@pytest.mark.parametrize("value", [0, 1, 0xFFFFFFFD])
def test_other_bits_request_nothing(guts: Guts, resets: list[object], value: int) -> None:
    guts.write(RSTCR, 4, value)
    assert resets == []


@given(st.integers(0, 0xFFF), st.sampled_from([1, 2, 4, 8]), st.integers(0, (1 << 64) - 1))
def test_no_access_raises_and_only_rstcr_resets(offset: int, size: int, value: int) -> None:
    host = RecordingHost()
    guts = guts_of(host)
    guts.write(offset, size, value)
    guts.read(offset, size)
    assert bool(host.calls) == (offset == RSTCR and size == 4 and value & 2 != 0)
