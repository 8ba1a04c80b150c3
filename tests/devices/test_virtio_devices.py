# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtio devices that come with the product, as a driver that is a test sees them."""

from __future__ import annotations

import errno
import os
from struct import pack, unpack
from typing import TYPE_CHECKING

import pytest
from virtio_driver import BUFFERS, NEEDS_RESET, Driver

from paradrive.devices.virtio import VirtioBlk, VirtioConsole, VirtioP9
from paradrive.devices.virtio.block import BlkRequest, BlkStatus
from paradrive.devices.virtio.disk import CLUSTER, MAX_WRITTEN, SECTOR
from paradrive.machine.board import PARAVIRTUAL_MODELS

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = b"".join(number.to_bytes(2, "big") * (SECTOR // 2) for number in range(33))


@pytest.mark.parametrize("name", ["rng", "blk", "console", "9p"])
def test_shipped_device_is_what_its_class_calls_itself(name: str) -> None:
    device = PARAVIRTUAL_MODELS[f"virtio-{name}"]()
    assert f"virtio-{name}" in device.model_names
    device.destroy()


# Block


@pytest.fixture
def blk() -> Driver:
    driver = Driver(VirtioBlk(IMAGE))
    driver.probe()
    return driver


def ask(driver: Driver, kind: int, sector: int, data: bytes = b"", room: int = 0) -> tuple[int, bytes]:
    """Return the status and the data of a request."""
    answer = driver.ask(pack("<IIQ", kind, 0, sector) + data, room + 1)
    assert len(answer) == room + 1
    return answer[-1], answer[:-1]


def test_disk_reads_as_its_image_until_it_is_written_to(blk: Driver) -> None:
    assert blk.get(0x100) == 33
    assert ask(blk, BlkRequest.IN, 7, room=3 * SECTOR) == (BlkStatus.OK, IMAGE[7 * SECTOR : 10 * SECTOR])
    # Across two clusters, and up to the end.
    assert ask(blk, BlkRequest.OUT, 7, b"x" * 2 * SECTOR) == (BlkStatus.OK, b"")
    assert ask(blk, BlkRequest.OUT, 32, b"y" * SECTOR) == (BlkStatus.OK, b"")
    expected = IMAGE[: 7 * SECTOR] + b"x" * 2 * SECTOR + IMAGE[9 * SECTOR : 32 * SECTOR] + b"y" * SECTOR
    assert ask(blk, BlkRequest.IN, 0, room=33 * SECTOR) == (BlkStatus.OK, expected)
    assert ask(blk, BlkRequest.FLUSH, 0) == (BlkStatus.OK, b"")
    assert blk.device.disk.read(0, len(IMAGE)) == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [BlkRequest.DISCARD, BlkRequest.WRITE_ZEROES])
def test_ranges_are_filled_with_zeros(blk: Driver, kind: int) -> None:
    assert ask(blk, kind, 0, pack("<QII", 1, 9, 0)) == (BlkStatus.OK, b"")
    expected = IMAGE[:SECTOR] + bytes(9 * SECTOR) + IMAGE[10 * SECTOR : 11 * SECTOR]
    assert ask(blk, BlkRequest.IN, 0, room=11 * SECTOR) == (BlkStatus.OK, expected)


@pytest.mark.parametrize(
    ("kind", "sector", "data", "room", "status"),
    [
        (BlkRequest.IN, 33, b"", SECTOR, BlkStatus.IOERR),
        (BlkRequest.IN, 32, b"", 2 * SECTOR, BlkStatus.IOERR),
        (BlkRequest.IN, 0, b"", 1, BlkStatus.IOERR),
        (BlkRequest.IN, (1 << 64) - 1, b"", SECTOR, BlkStatus.IOERR),
        (BlkRequest.OUT, 33, bytes(SECTOR), 0, BlkStatus.IOERR),
        (BlkRequest.OUT, 0, b"odd", 0, BlkStatus.IOERR),
        (BlkRequest.DISCARD, 0, pack("<QII", 30, 4, 0), 0, BlkStatus.IOERR),
        (BlkRequest.DISCARD, 0, pack("<QII", 0, 1 << 31, 0), 0, BlkStatus.IOERR),
        (BlkRequest.DISCARD, 0, b"short", 0, BlkStatus.IOERR),
        (BlkRequest.DISCARD, 0, pack("<QII", 0, 1, 2), 0, BlkStatus.UNSUPP),
        (2, 0, b"", 0, BlkStatus.UNSUPP),
        (0xFFFF_FFFF, 0, b"", 16, BlkStatus.UNSUPP),
    ],
)
def test_request_that_cannot_be_served_changes_nothing(
    blk: Driver, kind: int, sector: int, data: bytes, room: int, status: int
) -> None:
    assert ask(blk, kind, sector, data, room)[0] == status
    assert blk.device.disk.read(0, len(IMAGE)) == IMAGE  # type: ignore[attr-defined]
    assert not blk.status & NEEDS_RESET


def test_read_only_disk_is_not_written_to() -> None:
    driver = Driver(VirtioBlk(IMAGE, read_only=True))
    driver.set(0x14, 0)
    assert driver.get(0x10) & 1 << 5
    driver.probe()
    assert ask(driver, BlkRequest.OUT, 0, bytes(SECTOR))[0] == BlkStatus.IOERR
    assert ask(driver, BlkRequest.DISCARD, 0, pack("<QII", 0, 1, 0))[0] == BlkStatus.IOERR
    assert ask(driver, BlkRequest.IN, 0, room=SECTOR) == (BlkStatus.OK, IMAGE[:SECTOR])


def test_disk_says_what_it_is() -> None:
    driver = Driver(VirtioBlk(IMAGE, identification="disk of a test, too long"))
    driver.probe()
    assert ask(driver, BlkRequest.GET_ID, 0, room=20) == (BlkStatus.OK, b"disk of a test, too ")


def test_request_without_its_parts_ends_in_a_device_that_needs_a_reset(blk: Driver) -> None:
    out = pack("<IIQ", BlkRequest.OUT, 0, 0) + bytes(SECTOR)
    for request, room in ((bytes(15), 1), (out, 0)):
        blk.probe()
        buffers = [(BUFFERS, len(request), False)] + ([(BUFFERS + 0x100, room, True)] if room else [])
        blk.chain(0, 0, buffers)
        blk.offer(0, 0)
        blk.memory.write(BUFFERS, request)
        blk.notify()
        assert blk.status & NEEDS_RESET
        assert blk.device.disk.read(0, SECTOR) == IMAGE[:SECTOR]  # type: ignore[attr-defined]


def test_file_is_read_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(IMAGE + b"rest")
    driver = Driver(VirtioBlk(file))
    driver.probe()
    assert driver.get(0x100) == 33
    assert ask(driver, BlkRequest.OUT, 1, b"x" * SECTOR)[0] == BlkStatus.OK
    assert ask(driver, BlkRequest.IN, 0, room=SECTOR)[1] == IMAGE[:SECTOR]
    assert file.read_bytes() == IMAGE + b"rest"
    file.write_bytes(b"")  # the host cuts it off
    assert ask(driver, BlkRequest.IN, 3, room=SECTOR) == (BlkStatus.OK, IMAGE[3 * SECTOR : 4 * SECTOR])
    assert ask(driver, BlkRequest.IN, 30, room=SECTOR) == (BlkStatus.OK, bytes(SECTOR))
    driver.device.destroy()


def test_image_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "missing", "."):
        with pytest.raises(OSError, match=name):
            VirtioBlk(tmp_path / name)


def test_guest_cannot_fill_the_memory_of_its_host() -> None:
    disk = VirtioBlk(2 * MAX_WRITTEN).disk
    piece = bytes(MAX_WRITTEN // 2)
    assert disk.write(0, piece)
    assert disk.write(len(piece), piece)
    assert not disk.write(2 * len(piece), bytes(CLUSTER))
    assert disk.write(CLUSTER, b"x" * CLUSTER)


def test_disk_returns_to_any_captured_state() -> None:
    device = VirtioBlk(IMAGE)
    disk, states = device.disk, []
    for number in range(4):
        disk.write(number * CLUSTER, bytes([number + 1]) * CLUSTER)
        states.append((device.capture(), disk.read(0, disk.size)))
    for place in (3, 0, 0, 2, 1, 3):
        disk.write(SECTOR, b"changed" * SECTOR)
        revert, contents = states[place]
        revert()
        assert disk.read(0, disk.size) == contents


def test_clusters_that_nobody_had_written_are_those_of_the_image_again() -> None:
    device = VirtioBlk(IMAGE)
    revert = device.capture()
    for _ in range(2):
        assert device.disk.write(CLUSTER, b"new" * SECTOR)
        revert()
        assert device.disk.read(0, len(IMAGE)) == IMAGE


def test_saved_disk_holds_what_was_written_and_goes_with_its_image() -> None:
    device = VirtioBlk(IMAGE)
    device.disk.write(5 * SECTOR, b"w" * SECTOR)
    contents, saved = device.disk.read(0, len(IMAGE)), device.save()
    device.reset()
    assert device.disk.read(0, len(IMAGE)) == contents
    other = VirtioBlk(IMAGE)
    other.disk.write(0, b"forgotten" * SECTOR)
    other.load(saved)
    assert other.disk.read(0, len(IMAGE)) == contents
    with pytest.raises(ValueError, match="image"):
        VirtioBlk(IMAGE[:-1] + b"?").load(saved)


@pytest.mark.parametrize(
    "damage",
    [{"numbers": [-1]}, {"numbers": [5]}, {"contents": b"short"}, {"numbers": "0"}, {"image": None}],
)
def test_saved_disk_that_is_damaged_is_refused(damage: dict[str, object]) -> None:
    device = VirtioBlk(IMAGE)
    device.disk.write(0, b"w" * SECTOR)
    saved = device.save()
    saved["disks"]["disk"] |= damage  # type: ignore[index]
    with pytest.raises(ValueError, match="disk"):
        device.load(saved)


# Console


@pytest.fixture
def console() -> Driver:
    driver = Driver(VirtioConsole())
    driver.probe()
    return driver


def test_console_prints(console: Driver) -> None:
    sent: list[bytes] = []
    console.device.transmit = sent.append  # type: ignore[attr-defined]
    console.ask(b"hello ", 0, number=1)
    console.ask(b"world", 0, number=1)
    console.set(0x108, ord("!"))
    assert b"".join(sent) == console.device.output == b"hello world!"  # type: ignore[attr-defined]


def test_typed_text_waits_for_buffers(console: Driver) -> None:
    device = console.device
    assert isinstance(device, VirtioConsole)
    device.receive(b"early")
    for head in (0, 1, 2):
        console.chain(0, head, [(BUFFERS + 16 * head, 4, True)])
    console.offer(0, 0, 1, 2)
    console.notify()
    assert console.take_used() == [(0, 4), (1, 1)]
    console.offer(0, 0)
    console.notify()
    device.receive(b"la")
    assert console.take_used() == [(2, 2)]
    device.receive(b"te")
    assert console.take_used() == [(0, 2)]
    assert console.memory.read(BUFFERS, 34) == b"te" + b"rl" + bytes(12) + b"y" + bytes(15) + b"la"


def test_terminal_of_another_size_is_told(console: Driver) -> None:
    assert isinstance(console.device, VirtioConsole)
    console.device.resize(132, 50)
    assert console.acknowledge() == 2
    assert [console.get(0x100 + place, 2) for place in (0, 2)] == [132, 50]


# 9P


class Client:
    """A client of the 9P server in a device."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.call(100, pack("<I", 8192) + self.string(b"9P2000.L"))
        self.call(104, pack("<II", 0, 0xFFFF_FFFF) + self.string(b"root") + self.string(b"") + pack("<I", 0))

    @staticmethod
    def string(text: bytes) -> bytes:
        return pack("<H", len(text)) + text

    def call(self, kind: int, body: bytes, room: int = 8192) -> bytes:
        """Return the body of the answer; OSError for an error."""
        answer = self.driver.ask(pack("<IBH", len(body) + 7, kind, 5) + body, room)
        size, answered, tag = unpack("<IBH", answer[:7])
        assert (size, tag) == (len(answer), 5)
        if answered == 7:
            raise OSError(unpack("<I", answer[7:])[0], "of the server")
        assert answered == kind + 1
        return answer[7:]

    def walk(self, *names: bytes, fid: int = 0, new: int = 1) -> int:
        body = pack("<IIH", fid, new, len(names)) + b"".join(map(self.string, names))
        count: int = unpack("<H", self.call(110, body)[:2])[0]
        return count

    def open(self, fid: int = 1, flags: int = 0) -> None:
        self.call(12, pack("<II", fid, flags))

    def clunk(self, fid: int = 1) -> None:
        self.call(120, pack("<I", fid))

    def read(self, fid: int = 1, offset: int = 0, count: int = 4096) -> bytes:
        return self.call(116, pack("<IQI", fid, offset, count))[4:]

    def names(self, fid: int = 1, count: int = 4096) -> list[bytes]:
        found, offset = [], 0
        while data := self.call(40, pack("<IQI", fid, offset, count))[4:]:
            while data:
                offset, _, size = unpack("<QBH", data[13:24])
                found.append(data[24 : 24 + size])
                data = data[24 + size :]
        return found


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    share = tmp_path / "share"
    (share / "directory").mkdir(parents=True)
    (share / "file").write_bytes(b"0123456789" * 1000)
    (share / "directory" / "inner").write_bytes(b"inner")
    (share / "out").symlink_to("../secret")
    (share / "up").symlink_to("..")
    os.mkfifo(share / "fifo")
    return share


@pytest.fixture
def p9(shared: Path) -> Driver:
    driver = Driver(VirtioP9(shared, mount_tag="tag"))
    driver.probe()
    return driver


def test_directory_has_its_tag(p9: Driver) -> None:
    assert p9.get(0x100, 2) == 3
    assert bytes(p9.get(0x102 + place, 1) for place in range(3)) == b"tag"


def test_files_are_read(p9: Driver) -> None:
    client = Client(p9)
    assert client.walk(b"file") == 1
    client.open()
    assert client.read(offset=9995) == b"56789"
    assert client.read(offset=1 << 63) == b""
    assert len(client.read(count=1 << 31)) == 8192 - 11
    client.clunk()
    assert client.walk(b"directory", b"..", b"..", b"directory", b"inner") == 5
    client.open()
    assert client.read() == b"inner"


def test_directories_are_listed_in_pieces_and_in_order(p9: Driver) -> None:
    client = Client(p9)
    assert client.walk() == 0
    client.open()
    names = [b".", b"..", b"directory", b"fifo", b"file", b"out", b"up"]
    assert client.names() == client.names(count=60) == names


@pytest.mark.parametrize(
    "names",
    [
        [b"..", b"secret"],
        [b"directory", b"..", b"..", b"secret"],
        [b"up", b"secret"],
        [b"../secret"],
        [b"directory/../../secret"],
        [b"/etc/passwd"],
        [b"file\0"],
        [b""],
        [b"."],
        [b"x" * 256],
    ],
)
def test_nothing_outside_is_reached(p9: Driver, names: list[bytes]) -> None:
    client = Client(p9)
    try:
        assert client.walk(*names) < len(names)
    except OSError as refused:
        assert refused.errno in (errno.ENOENT, errno.ENAMETOOLONG)
    with pytest.raises(OSError, match="server"):
        client.open()


def test_links_are_told_and_not_followed(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"out")
    assert client.call(22, pack("<I", 1)) == client.string(b"../secret")
    with pytest.raises(OSError, match="server"):
        client.open()
    with pytest.raises(OSError, match="server"):
        client.read()


def test_what_is_swapped_for_a_link_is_not_followed(p9: Driver, shared: Path) -> None:
    client = Client(p9)
    client.walk(b"file")
    client.open()
    client.walk(b"directory", b"inner", new=2)
    client.open(2)
    (shared / "file").unlink()
    (shared / "file").symlink_to("../secret")
    (shared / "directory").rename(shared / "elsewhere")
    (shared / "directory").symlink_to("elsewhere")
    for fid in (1, 2):
        with pytest.raises(OSError, match="server"):
            client.read(fid)


def test_fifo_does_not_stop_the_host(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"fifo")
    with pytest.raises(OSError, match="server") as refused:
        client.open()
    assert refused.value.errno == errno.EACCES


@pytest.mark.parametrize("kind", [14, 16, 18, 20, 26, 32, 70, 72, 74, 76, 118, 122])
def test_nothing_is_changed(p9: Driver, kind: int) -> None:
    with pytest.raises(OSError, match="server") as refused:
        Client(p9).call(kind, bytes(64))
    assert refused.value.errno == errno.EROFS


def test_file_is_not_opened_to_be_written(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"file")
    for flags in (1, 2):
        with pytest.raises(OSError, match="server") as refused:
            client.open(flags=flags)
        assert refused.value.errno == errno.EROFS


def test_attributes_are_those_of_the_file(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"file")
    valid, _, mode, uid, gid, links, _, size = unpack(
        "<Q13sIIIQQQ", client.call(24, pack("<IQ", 1, 0x7FF))[:57]
    )
    assert (valid, mode & 0o170000, uid, gid, links, size) == (0x7FF, 0o100000, 0, 0, 1, 10_000)


@pytest.mark.parametrize("body", [b"", b"\0", b"\xff\xff\xff\xff"])
@pytest.mark.parametrize("kind", [6, 8, 12, 22, 24, 30, 40, 50, 100, 104, 110, 116, 120, 255])
def test_message_that_is_cut_off_is_an_error_of_the_guest(p9: Driver, kind: int, body: bytes) -> None:
    client = Client(p9)
    with pytest.raises(OSError, match="server"):
        client.call(kind, body)


@pytest.mark.parametrize(
    "names", [pack("<H", 0xFFFF), pack("<HH", 1, 500) + b"file", pack("<H", 17) + bytes(34)]
)
def test_walk_over_names_that_are_not_there_is_an_error_of_the_guest(p9: Driver, names: bytes) -> None:
    client = Client(p9)
    with pytest.raises(OSError, match="server") as refused:
        client.call(110, pack("<II", 0, 1) + names)
    assert refused.value.errno == errno.EINVAL


def test_number_of_files_in_hand_is_limited(p9: Driver) -> None:
    client = Client(p9)
    with pytest.raises(OSError, match="server") as refused:
        for new in range(1, 5000):
            client.walk(new=new)
    assert refused.value.errno == errno.EMFILE


def test_files_in_hand_are_state(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"file")
    client.open()
    saved, revert = p9.device.save(), p9.device.capture()
    p9.device.reset()
    revert()
    p9.probe()
    client = Client(p9)
    p9.device.load(saved)
    p9.used[0] = p9.device.virtqueues[0].next_used
    p9.available[0] = p9.device.virtqueues[0].next_available
    assert client.read(offset=9995) == b"56789"


def test_answer_that_has_no_room_ends_in_no_host_error(p9: Driver) -> None:
    client = Client(p9)
    client.walk(b"file")
    client.open()
    with pytest.raises(OSError, match="server") as refused:
        client.call(24, pack("<IQ", 1, 0x7FF), room=11)
    assert refused.value.errno == errno.EMSGSIZE


def test_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing", "file"):
        with pytest.raises(OSError, match=name):
            VirtioP9(tmp_path / name)
