# SPDX-License-Identifier: GPL-2.0-or-later
"""The block device (VIRTIO 1.2, 5.2): a disk with an image of the host, which the guest cannot change."""

from __future__ import annotations

import enum
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from paradrive.devices.registers import RO
from paradrive.devices.virtio.device import VirtioDevice
from paradrive.devices.virtio.disk import SECTOR, BytesImage, DiskContents, EmptyImage, FileImage, Image
from paradrive.devices.virtio.mmio import ConfigField
from paradrive.devices.virtio.queue import RingError

if TYPE_CHECKING:
    from paradrive.devices.virtio.chain import Chain

_HEADER = Struct("<IIQ")
_RANGE = Struct("<QII")
#: Of the text that names a disk (5.2.6.1).
_ID_SIZE = 20
#: The most sectors that one request discards or fills with zeros.
MAX_ZEROES = 1 << 11


class BlkFeature(enum.IntFlag):
    """What a block device can have (5.2.3)."""

    SEG_MAX = 1 << 2
    RO = 1 << 5
    BLK_SIZE = 1 << 6
    FLUSH = 1 << 9
    DISCARD = 1 << 13
    WRITE_ZEROES = 1 << 14


class BlkRequest(enum.IntEnum):
    """What a driver can ask for (5.2.6)."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8
    DISCARD = 11
    WRITE_ZEROES = 13


class BlkStatus(enum.IntEnum):
    """What became of a request, as its last byte says."""

    OK = 0
    IOERR = 1
    UNSUPP = 2


class VirtioBlk(VirtioDevice):
    """A disk. ``image`` is a file or a block device of the host, bytes, or a size in bytes for one of zeros.

    What the guest writes stays in ``disk``, where the host finds it (``disk.read``); the image does not
    change. Raises OSError where the image cannot be read.
    """

    model_names = ("virtio-blk",)
    device_id = 2
    queues = ("requests",)
    features = int(
        BlkFeature.SEG_MAX
        | BlkFeature.BLK_SIZE
        | BlkFeature.FLUSH
        | BlkFeature.DISCARD
        | BlkFeature.WRITE_ZEROES
    )

    capacity = ConfigField(0, 8, RO, "Sectors of 512 bytes.", constant=True)
    seg_max = ConfigField(12, 4, RO, "The most buffers of data in a request.", reset=126)
    blk_size = ConfigField(20, 4, RO, "Bytes of a block.", reset=SECTOR)
    max_discard_sectors = ConfigField(36, 4, RO, "The most sectors that are discarded.", reset=MAX_ZEROES)
    max_discard_seg = ConfigField(40, 4, RO, "The most ranges of a discard.", reset=1)
    discard_sector_alignment = ConfigField(44, 4, RO, "Of a range.", reset=1)
    max_write_zeroes_sectors = ConfigField(48, 4, RO, "The most sectors of zeros.", reset=MAX_ZEROES)
    max_write_zeroes_seg = ConfigField(52, 4, RO, "The most ranges of zeros.", reset=1)
    write_zeroes_may_unmap = ConfigField(56, 1, RO, "Whether zeros may be discarded instead.", reset=1)

    disk = DiskContents()

    def __init__(
        self,
        image: Path | bytes | int = 16 << 20,
        *,
        read_only: bool = False,
        identification: str = "paradrive",
    ) -> None:
        self.image = _image(image)
        self.identification = identification.encode()[:_ID_SIZE]
        if read_only:
            self.features |= BlkFeature.RO
        super().__init__()
        self.capacity = self.disk.size // SECTOR

    def request(self, queue: int, chain: Chain) -> None:
        """Read, write, or what else there is; the last byte of the answer says what became of it."""
        kind, _, sector = _HEADER.unpack(chain.read(_HEADER.size))
        room = chain.writable_size - 1
        if room < 0:
            raise RingError("a request without room for its status")
        data, status = self._carry_out(kind, sector * SECTOR, chain, room)
        chain.complete(data[:room].ljust(room, b"\0") + bytes([status]))

    def _carry_out(self, kind: int, offset: int, chain: Chain, room: int) -> tuple[bytes, BlkStatus]:
        if kind == BlkRequest.IN:
            if not self._holds(offset, room):
                return b"", BlkStatus.IOERR
            return self.disk.read(offset, room), BlkStatus.OK
        if kind == BlkRequest.GET_ID:
            return self.identification, BlkStatus.OK
        if kind == BlkRequest.FLUSH:  # what was written is where it belongs already
            return b"", BlkStatus.OK
        if kind not in (BlkRequest.OUT, BlkRequest.DISCARD, BlkRequest.WRITE_ZEROES):
            return b"", BlkStatus.UNSUPP
        if self.features & BlkFeature.RO:
            return b"", BlkStatus.IOERR
        if kind == BlkRequest.OUT:
            return b"", self._write(offset, chain.read())
        return b"", self._write_zeroes(chain.read())

    def _write(self, offset: int, data: bytes) -> BlkStatus:
        is_written = self._holds(offset, len(data)) and self.disk.write(offset, data)
        return BlkStatus.OK if is_written else BlkStatus.IOERR

    def _write_zeroes(self, request: bytes) -> BlkStatus:
        """Fill a range with zeros; what is discarded reads as zeros, too."""
        if len(request) != _RANGE.size:
            return BlkStatus.IOERR
        sector, count, flags = _RANGE.unpack(request)
        if flags & ~1:
            return BlkStatus.UNSUPP
        return self._write(sector * SECTOR, bytes(count * SECTOR)) if count <= MAX_ZEROES else BlkStatus.IOERR

    def _holds(self, offset: int, size: int) -> bool:
        return size % SECTOR == 0 and offset + size <= self.disk.size


def _image(image: Path | bytes | int) -> Image:
    if isinstance(image, int):
        return EmptyImage(image)
    return BytesImage(image) if isinstance(image, bytes) else FileImage(Path(image))
