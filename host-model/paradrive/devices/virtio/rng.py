# SPDX-License-Identifier: GPL-2.0-or-later
"""The entropy device (VIRTIO 1.2, 5.4): the same bytes in each run, unless another seed is given."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from paradrive.devices.state import State
from paradrive.devices.virtio.device import VirtioDevice

if TYPE_CHECKING:
    from paradrive.devices.virtio.chain import Chain

_BLOCK = 4096


class VirtioRng(VirtioDevice):
    """Fills each buffer with the next bytes of a stream that ``seed`` determines."""

    model_names = ("virtio-rng",)
    device_id = 4
    queues = ("requests",)
    seed = State(bytes, limit=64, survives_reset=True, default=b"paradrive")
    #: How many bytes the guest has got.
    position = State(int, survives_reset=True)

    def request(self, queue: int, chain: Chain) -> None:
        """Fill the buffer."""
        data = stream(self.seed, self.position, chain.writable_size)
        self.position += len(data)
        chain.complete(data)


def stream(seed: bytes, position: int, size: int) -> bytes:
    """Return ``size`` bytes of the seed's stream, from ``position`` on."""
    first, last = position // _BLOCK, (position + size - 1) // _BLOCK
    if first == last:
        return _block(seed, first)[position % _BLOCK :][:size]
    data = b"".join(_block(seed, number) for number in range(first, last + 1))
    return data[position - first * _BLOCK :][:size]


@lru_cache(maxsize=4)
def _block(seed: bytes, number: int) -> bytes:
    return hashlib.shake_128(number.to_bytes(8, "little") + seed).digest(_BLOCK)
