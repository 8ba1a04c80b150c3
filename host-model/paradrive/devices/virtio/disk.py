# SPDX-License-Identifier: GPL-2.0-or-later
"""What a disk holds: an image of the host, which nobody changes, and on top of it what the guest has written.

So a restore costs in proportion to what was written since then, and a saved file holds what was written,
and a digest of the image. A guest cannot harm the host's file.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Protocol, overload

from paradrive.devices.declaration import Declaration
from paradrive.devices.device import are_integers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from paradrive.devices.device import Device

SECTOR = 512
#: What is kept together of what the guest writes, in bytes.
CLUSTER = 4096
#: The most bytes that a guest can write to one disk: they are kept in the host's memory.
MAX_WRITTEN = 128 << 20
_PIECE = 1 << 20


class Image(Protocol):
    """An image of ``size`` bytes."""

    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there, all of which are within the image."""

    def close(self) -> None:
        """Let go of it."""


class BytesImage:
    """An image in memory."""

    def __init__(self, contents: bytes) -> None:
        self._contents = contents
        self.size = len(contents)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there."""
        return self._contents[offset : offset + size]

    def close(self) -> None:
        """Do nothing."""


class EmptyImage:
    """An image of zeros."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        """Return zeros."""
        return bytes(size)

    def close(self) -> None:
        """Do nothing."""


class FileImage:
    """A regular file or a block device; OSError where it is neither, or cannot be read."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            kind = os.fstat(self._descriptor).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISBLK(kind):
                raise OSError(f"{path}: is no regular file and no block device")
            self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError:
            self.close()
            raise

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes there; zeros from where the file has been cut off meanwhile."""
        found = b""
        while len(found) < size and (piece := os.pread(self._descriptor, size - len(found), offset)):
            found += piece
            offset += len(piece)
        return found.ljust(size, b"\0")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Disk:
    """An image, and what has been written to it.

    Offsets and sizes count in bytes, and are within the disk.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        #: Whole sectors only.
        self.size = image.size // SECTOR * SECTOR
        #: What was written, by the number of the cluster.
        self._written: dict[int, bytes] = {}
        #: The clusters that have changed since the state that ``_since`` stands for was captured or restored.
        self._changed: set[int] = set()
        self._since: object = None

    def read(self, offset: int, size: int) -> bytes:
        """Return what is there now."""
        numbers = range(offset // CLUSTER, (offset + size + CLUSTER - 1) // CLUSTER)
        written = self._written
        if not written or not any(number in written for number in numbers):
            return self.image.read(offset, size)
        whole = b"".join(self._cluster(number) for number in numbers)
        first = offset % CLUSTER
        return whole[first : first + size]

    def write(self, offset: int, data: bytes) -> bool:
        """Write; return False, having written nothing, where that would be more than `MAX_WRITTEN` in all."""
        pieces = list(_clusters(offset, len(data)))
        new = sum(number not in self._written for number, _, _ in pieces)
        if (len(self._written) + new) * CLUSTER > MAX_WRITTEN:
            return False
        place = 0
        for number, first, size in pieces:
            piece = data[place : place + size]
            place += size
            if size < CLUSTER:
                old = self._cluster(number)
                piece = old[:first] + piece + old[first + size :]
            self._written[number] = piece
            self._changed.add(number)
        return True

    def _cluster(self, number: int) -> bytes:
        found = self._written.get(number)
        if found is None:
            place = number * CLUSTER
            found = self.image.read(place, min(CLUSTER, self.image.size - place)).ljust(CLUSTER, b"\0")
        return found

    def digest(self) -> str:
        """Return the digest of the image (SHA-256)."""
        digest = hashlib.sha256()
        for place in range(0, self.image.size, _PIECE):
            digest.update(self.image.read(place, min(_PIECE, self.image.size - place)))
        return digest.hexdigest()

    # States

    def capture(self) -> Callable[[], None]:
        """Return what brings the present state back."""
        saved, state = dict(self._written), object()
        self._changed, self._since = set(), state

        def revert() -> None:
            if self._since is not state:
                self._written = dict(saved)
            else:
                for number in self._changed:
                    if number in saved:
                        self._written[number] = saved[number]
                    else:
                        self._written.pop(number, None)
            self._changed, self._since = set(), state

        return revert

    def save(self) -> dict[str, object]:
        """Return what was written, as a saved state holds it."""
        numbers = sorted(self._written)
        contents = b"".join(self._written[number] for number in numbers)
        return {"image": self.digest(), "numbers": numbers, "contents": contents}

    def load(self, saved: object) -> bool:
        """Take over what was saved; return False where it cannot be. ValueError: it is of another image."""
        if not isinstance(saved, dict) or set(saved) != {"image", "numbers", "contents"}:
            return False
        numbers, contents = saved["numbers"], saved["contents"]
        if not isinstance(numbers, list) or not isinstance(contents, bytes):
            return False
        clusters = (self.size + CLUSTER - 1) // CLUSTER
        if not are_integers(numbers, clusters) or len(contents) != len(numbers) * CLUSTER:
            return False
        if saved["image"] != self.digest():
            raise ValueError("its disk has another image than the one here")
        pieces = range(0, len(contents), CLUSTER)
        self.revert_to_image()
        self._written = {
            n: contents[place : place + CLUSTER] for n, place in zip(numbers, pieces, strict=True)
        }
        return True

    def revert_to_image(self) -> None:
        """Forget what was written."""
        self._written, self._changed, self._since = {}, set(), None


def _clusters(offset: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each cluster that a range is in, where in it, and how many bytes."""
    while size > 0:
        number, first = divmod(offset, CLUSTER)
        length = min(size, CLUSTER - first)
        yield number, first, length
        offset, size = offset + length, size - length


class DiskContents(Declaration):
    """A disk of a device, made of the image that the device has as ``image``; on an instance the `Disk`.

    A reset leaves it alone.
    """

    section = "disks"

    @overload
    def __get__(self, device: None, owner: type) -> DiskContents: ...

    @overload
    def __get__(self, device: object, owner: type) -> Disk: ...

    def __get__(self, device: object | None, owner: type) -> DiskContents | Disk:
        # The instance attribute hides this one; only access through the class arrives here.
        if device is None:
            return self
        raise AttributeError(f"{owner.__name__}.{self.name} is no disk before the constructor has run")

    def create(self, device: Device) -> None:
        """Give the device its disk."""
        vars(device)[self.name] = Disk(vars(device)["image"])

    def reset(self, device: Device) -> None:
        """Leave it alone."""

    def load_default(self, device: Device) -> None:
        """Be as nobody has written to it."""
        self._disk(device).revert_to_image()

    def save(self, device: Device) -> object:
        """Return what was written."""
        return self._disk(device).save()

    def load(self, device: Device, saved: object) -> bool:
        """Take over what was saved."""
        try:
            return self._disk(device).load(saved)
        except ValueError as error:
            raise ValueError(f"{device.name}: saved state: {error}") from None

    def capture(self, device: Device) -> Callable[[], None]:
        """Return what brings the present state back."""
        return self._disk(device).capture()

    def destroy(self, device: Device) -> None:
        """Let go of the image."""
        self._disk(device).image.close()

    def _disk(self, device: Device) -> Disk:
        disk: Disk = vars(device)[self.name]
        return disk
