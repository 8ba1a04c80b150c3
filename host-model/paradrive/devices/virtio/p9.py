# SPDX-License-Identifier: GPL-2.0-or-later
"""The 9P transport device: a directory of the host in the guest, to be read (``mount -t 9p TAG DIRECTORY``).

The protocol is 9P2000.L (Linux, Documentation/filesystems/9p.rst, include/net/9p/9p.h; its messages:
https://github.com/chaos/diod/blob/master/protocol.md). Requests that would change something fail with EROFS:
what a guest does to its host no restore could undo.
"""

from __future__ import annotations

import errno
import hashlib
import stat
from struct import Struct, error, unpack_from
from typing import TYPE_CHECKING, NamedTuple

from paradrive.devices.buffers import Window
from paradrive.devices.registers import RO
from paradrive.devices.state import State
from paradrive.devices.virtio.device import VirtioDevice
from paradrive.devices.virtio.mmio import CONFIG, ConfigField
from paradrive.devices.virtio.shared_directory import SharedDirectory

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from paradrive.devices.virtio.chain import Chain

#: The largest message, in bytes, and the most files that a guest has in hand at once.
MAX_MESSAGE, MAX_FIDS = 1 << 17, 1 << 10
_MAX_TAG = 32
_MAX_WALK = 16
_MOUNT_TAG = 1 << 0

_HEADER = Struct("<IBH")
_QID = Struct("<BIQ")
_STATFS = Struct("<IIQQQQQQI")
_ATTRIBUTES = Struct("<Q13sIIIQQQQQ8QQQ")
#: What is told of a file: all but its times of birth, its generation and its version (P9_STATS_BASIC).
_BASIC = 0x7FF
_DIRECTORY, _LINK = 0x80, 0x02
_ERROR = 7
_9P_MAGIC = 0x01021997


class Fid(NamedTuple):
    """What the guest has in hand under a number: a path, and whether it has opened it."""

    path: list[bytes]
    is_open: bool = False


class Message:
    """The rest of a request; struct.error where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Return the next numbers."""
        layout = f"<{layout}"
        found = unpack_from(layout, self._data, self._place)
        self._place += Struct(layout).size
        return found

    def text(self) -> bytes:
        """Return the next string."""
        (size,) = self.numbers("H")
        (found,) = unpack_from(f"{size}s", self._data, self._place)
        self._place += size
        text: bytes = found
        return text


class VirtioP9(VirtioDevice):
    """The directory ``path`` of the host, an empty one unless given, which the guest mounts by ``mount_tag``.

    Raises OSError where there is no such directory.
    """

    model_names = ("virtio-9p",)
    device_id = 9
    queues = ("requests",)
    features = _MOUNT_TAG

    tag_len = ConfigField(0, 2, RO, "How long the tag is.", constant=True)
    tag = Window(CONFIG + 2, _MAX_TAG, RO, "What the guest mounts it by.", constant=True)

    #: What the guest has in hand, and the size of messages that it has asked for.
    fids = State(dict, of=Fid, limit=MAX_FIDS)
    message_size = State(int, limit=MAX_MESSAGE + 1, default=MAX_MESSAGE)

    def __init__(self, path: Path | None = None, *, mount_tag: str = "host") -> None:
        self.directory = SharedDirectory(path)
        super().__init__()
        name = mount_tag.encode()[:_MAX_TAG]
        self.tag_len, self.tag[: len(name)] = len(name), name

    def destroy(self) -> None:
        """Let go of the directory."""
        super().destroy()
        self.directory.close()

    def request(self, queue: int, chain: Chain) -> None:
        """Answer a message; one that cannot be served is answered with an error number."""
        size, kind, tag = _HEADER.unpack(chain.read(_HEADER.size))
        serve = _SERVED.get(kind)
        try:
            if chain.readable_size > MAX_MESSAGE or not _HEADER.size <= size <= chain.readable_size:
                raise OSError(errno.EMSGSIZE, "size")
            if serve is None:
                raise OSError(errno.EROFS if kind in _CHANGES else errno.EOPNOTSUPP, "kind")
            room = min(chain.writable_size, self.message_size) - _HEADER.size
            answer = serve(self, Message(chain.read(size - _HEADER.size)), room)
            if len(answer) > room:
                raise OSError(errno.EMSGSIZE, "room")
        except (OSError, error) as problem:
            number = (problem.errno if isinstance(problem, OSError) else None) or errno.EINVAL
            kind, answer = _ERROR - 1, number.to_bytes(4, "little")
        chain.complete(_HEADER.pack(_HEADER.size + len(answer), kind + 1, tag) + answer)

    # Messages

    def _version(self, message: Message, room: int) -> bytes:
        (size,), version = message.numbers("I"), message.text()
        self.fids.clear()
        if size < 4096:
            raise OSError(errno.EMSGSIZE, "size")
        self.message_size = min(size, MAX_MESSAGE)
        known = b"9P2000.L" if version.startswith(b"9P2000.L") else b"unknown"
        return self.message_size.to_bytes(4, "little") + _string(known)

    def _attach(self, message: Message, room: int) -> bytes:
        fid, _ = message.numbers("II")
        self._take(fid, Fid([]))
        return self._qid([])

    def _walk(self, message: Message, room: int) -> bytes:
        number, new, count = message.numbers("IIH")
        if count > _MAX_WALK:
            raise OSError(errno.EINVAL, "too many names")
        path, qids = self._fid(number).path, []
        for name in [message.text() for _ in range(count)]:
            try:
                path = path[:-1] if name == b".." else [*path, name]
                qids.append(self._qid(path))
            except OSError:
                if not qids:
                    raise
                break
        if len(qids) == count:
            self._take(new, Fid(path), replaces=new == number)
        return len(qids).to_bytes(2, "little") + b"".join(qids)

    def _lopen(self, message: Message, room: int) -> bytes:
        number, flags = message.numbers("II")
        path = self._fid(number).path
        if flags & 0o3:
            raise OSError(errno.EROFS, "to be read only")
        mode = self.directory.status(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise OSError(errno.EACCES, "no file and no directory")
        self.fids[number] = Fid(path, is_open=True)
        return self._qid(path) + bytes(4)

    def _read(self, message: Message, room: int) -> bytes:
        number, offset, count = message.numbers("IQI")
        data = self.directory.read(self._opened(number), offset, max(0, min(count, room - 4)))
        return len(data).to_bytes(4, "little") + data

    def _readdir(self, message: Message, room: int) -> bytes:
        number, offset, count = message.numbers("IQI")
        path, data = self._opened(number), b""
        names = [b".", b"..", *self.directory.names(path)]
        for place, name in enumerate(names[min(offset, len(names)) :], offset + 1):
            found = path if name == b"." else path[:-1] if name == b".." else [*path, name]
            try:
                qid = self._qid(found)
            except OSError:  # gone meanwhile
                continue
            entry = qid + place.to_bytes(8, "little") + bytes([_kind(qid)]) + _string(name)
            if len(data) + len(entry) > min(count, room - 4):
                break
            data += entry
        return len(data).to_bytes(4, "little") + data

    def _getattr(self, message: Message, room: int) -> bytes:
        number, _ = message.numbers("IQ")
        path = self._fid(number).path
        found = self.directory.status(path)
        times = [time for moment in _times(found) for time in divmod(moment, 1_000_000_000)]
        sizes = (found.st_nlink, 0, found.st_size, 4096, (found.st_size + 511) // 512)
        return _ATTRIBUTES.pack(_BASIC, self._qid(path), found.st_mode, 0, 0, *sizes, *times, 0, 0)

    def _readlink(self, message: Message, room: int) -> bytes:
        (number,) = message.numbers("I")
        return _string(self.directory.link_target(self._fid(number).path))

    def _statfs(self, message: Message, room: int) -> bytes:
        self._fid(*message.numbers("I"))
        return _STATFS.pack(_9P_MAGIC, 4096, 0, 0, 0, 0, 0, 0, 255)

    def _clunk(self, message: Message, room: int) -> bytes:
        (number,) = message.numbers("I")
        self._fid(number)
        del self.fids[number]
        return b""

    def _flush(self, message: Message, room: int) -> bytes:
        return b""  # each request is answered before the next

    # What the guest has in hand

    def _fid(self, number: int) -> Fid:
        if number not in self.fids:
            raise OSError(errno.EBADF, "no such fid")
        found: Fid = self.fids[number]
        return found

    def _opened(self, number: int) -> list[bytes]:
        fid = self._fid(number)
        if not fid.is_open:
            raise OSError(errno.EBADF, "not open")
        return fid.path

    def _take(self, number: int, fid: Fid, *, replaces: bool = False) -> None:
        if number in self.fids and not replaces:
            raise OSError(errno.EINVAL, "in hand already")
        if number not in self.fids and len(self.fids) >= MAX_FIDS:
            raise OSError(errno.EMFILE, "too many")
        self.fids[number] = fid

    def _qid(self, path: Sequence[bytes]) -> bytes:
        """Return what identifies a file, the same on each host."""
        mode = self.directory.status(path).st_mode
        kind = _DIRECTORY if stat.S_ISDIR(mode) else _LINK if stat.S_ISLNK(mode) else 0
        digest = hashlib.blake2b(b"/".join(path), digest_size=8).digest()
        return _QID.pack(kind, 0, int.from_bytes(digest, "little"))


def _string(text: bytes) -> bytes:
    return len(text).to_bytes(2, "little") + text


def _kind(qid: bytes) -> int:
    """Return the d_type of a directory's entry (readdir(3))."""
    return {_DIRECTORY: 4, _LINK: 10}.get(qid[0], 8)


def _times(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_mtime_ns, found.st_mtime_ns, found.st_mtime_ns, 0)


#: What can be asked for, by the numbers of messages.
_SERVED = {
    8: VirtioP9._statfs,
    12: VirtioP9._lopen,
    22: VirtioP9._readlink,
    24: VirtioP9._getattr,
    40: VirtioP9._readdir,
    100: VirtioP9._version,
    104: VirtioP9._attach,
    108: VirtioP9._flush,
    110: VirtioP9._walk,
    116: VirtioP9._read,
    120: VirtioP9._clunk,
}
#: What would change something: lcreate, symlink, mknod, rename, setattr, xattrcreate, link, mkdir, renameat,
#: unlinkat, write, remove.
_CHANGES = frozenset((14, 16, 18, 20, 26, 32, 70, 72, 74, 76, 118, 122))
