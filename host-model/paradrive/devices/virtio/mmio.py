# SPDX-License-Identifier: GPL-2.0-or-later
"""The transport "virtio,mmio" of virtio devices, version 2 (VIRTIO 1.2, 4.2).

A page of little-endian registers, and behind them the configuration space of the device. Driver and device
negotiate features; the driver says where its queues are, and notifies the device of what is in them.

What breaks the rules of the protocol is a guest error; what breaks those of a queue, and so leaves unclear
what the driver wants, ends in DEVICE_NEEDS_RESET. Source of names and numbers: VIRTIO 1.2, 2.1 and 4.2.2.
"""

from __future__ import annotations

from typing import ClassVar

from paradrive.devices.fields import Fields
from paradrive.devices.interrupt import Interrupt
from paradrive.devices.register_device import RegisterDevice
from paradrive.devices.registers import RO, RW, WO, Access, Register
from paradrive.devices.state import State
from paradrive.devices.virtio.queue import Queue, Virtqueues

#: Where the configuration space begins.
CONFIG = 0x100
#: Of no shared memory region (4.2.2).
NO_REGION = 0xFFFF_FFFF

# Features that do not depend on the kind of device (6).
RING_INDIRECT_DESC = 1 << 28
RING_EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
RING_PACKED = 1 << 34
RING_RESET = 1 << 40


class Status(Fields):
    """How far the driver has come (2.1)."""

    ACKNOWLEDGE = 1 << 0
    DRIVER = 1 << 1
    DRIVER_OK = 1 << 2
    FEATURES_OK = 1 << 3
    DEVICE_NEEDS_RESET = 1 << 6
    FAILED = 1 << 7


class InterruptReason(Fields):
    """What the device interrupts for."""

    USED_BUFFER = 1 << 0
    CONFIGURATION_CHANGE = 1 << 1


class ConfigField(Register):
    """A field of the configuration space, ``offset`` bytes behind its beginning, in any of its widths."""

    def __init__(
        self,
        offset: int,
        width: int,
        access: Access,
        doc: str,
        *,
        reset: int = 0,
        constant: bool = False,
    ) -> None:
        widths = tuple(size for size in (1, 2, 4, 8) if size <= width)
        super().__init__(
            CONFIG + offset, access, doc, width=width, widths=widths, reset=reset, constant=constant
        )


class VirtioMmio(RegisterDevice):
    """The transport alone: a place without a device, which drivers leave in peace (4.2.2.2).

    `VirtioDevice` is the base of what is behind one.
    """

    compatible = ("virtio,mmio",)
    byte_order = "little"
    #: What kind of device it is (VIRTIO 1.2, 5); 0 is none.
    device_id: ClassVar[int] = 0
    #: The names of its queues, in the order of their numbers.
    queues: ClassVar[tuple[str, ...]] = ()
    #: The most descriptors of a queue, a power of 2.
    max_queue_size: ClassVar[int] = 128
    #: The features of its kind which the device offers.
    features: int = 0
    #: Whether it offers packed queues, which drivers take then.
    offers_packed: bool = False

    MAGIC_VALUE = Register(0x000, RO, 'The text "virt".', reset=int.from_bytes(b"virt", "little"))
    VERSION = Register(0x004, RO, "Of the transport.", reset=2)
    DEVICE_ID = Register(0x008, RO, "The kind of device, 0 for none.")
    VENDOR_ID = Register(0x00C, RO, 'The text "QEMU", which drivers show.', reset=0x554D4551)
    DEVICE_FEATURES = Register(0x010, RO, "32 of the features that the device offers.")
    DEVICE_FEATURES_SEL = Register(0x014, WO, "Which 32.")
    DRIVER_FEATURES = Register(0x020, WO, "32 of the features that the driver accepts.")
    DRIVER_FEATURES_SEL = Register(0x024, WO, "Which 32.")
    QUEUE_SEL = Register(0x030, WO, "The queue that the registers from here to STATUS are about.")
    QUEUE_NUM_MAX = Register(0x034, RO, "The most descriptors that it can have; 0: there is no such queue.")
    QUEUE_NUM = Register(0x038, WO, "How many it has.")
    QUEUE_READY = Register(0x044, RW, "1 while the device serves it.")
    QUEUE_NOTIFY = Register(0x050, WO, "The number of a queue in which the driver has put something.")
    INTERRUPT_STATUS = Register(0x060, RO, "The interrupt is raised while != 0.", fields=InterruptReason)
    INTERRUPT_ACK = Register(0x064, WO, "Clears bits of INTERRUPT_STATUS.", fields=InterruptReason)
    STATUS = Register(0x070, RW, "How far the driver has come; writing 0 resets.", fields=Status)
    QUEUE_DESC_LOW = Register(0x080, WO, "Address of the descriptor area.")
    QUEUE_DESC_HIGH = Register(0x084, WO, "Its upper half.")
    QUEUE_DRIVER_LOW = Register(0x090, WO, "Address of the driver area (available ring).")
    QUEUE_DRIVER_HIGH = Register(0x094, WO, "Its upper half.")
    QUEUE_DEVICE_LOW = Register(0x0A0, WO, "Address of the device area (used ring).")
    QUEUE_DEVICE_HIGH = Register(0x0A4, WO, "Its upper half.")
    SHM_SEL = Register(0x0AC, WO, "A region of shared memory; there is none.")
    SHM_LEN_LOW = Register(0x0B0, RO, "Its size.", reset=NO_REGION)
    SHM_LEN_HIGH = Register(0x0B4, RO, "Upper half.", reset=NO_REGION)
    SHM_BASE_LOW = Register(0x0B8, RO, "Its address.", reset=NO_REGION)
    SHM_BASE_HIGH = Register(0x0BC, RO, "Upper half.", reset=NO_REGION)
    QUEUE_RESET = Register(0x0C0, RW, "Writing 1 resets the queue; reads as 0 when that is done.")
    CONFIG_GENERATION = Register(0x0FC, RO, "Another one whenever the configuration space has changed.")

    irq = Interrupt()
    virtqueues = Virtqueues()
    #: What the driver has accepted of the features that are offered.
    driver_features = State(int)

    # What a device does

    @property
    def offered_features(self) -> int:
        """All features that the device offers."""
        packed = RING_PACKED if self.offers_packed else 0
        return self.features | VERSION_1 | RING_INDIRECT_DESC | RING_EVENT_IDX | RING_RESET | packed

    def has_feature(self, feature: int) -> bool:
        """Tell whether driver and device have agreed on a feature."""
        return bool(self.driver_features & feature)

    def check_queue(self, queue: Queue) -> bool:
        """Tell whether a queue can be enabled; a transport alone has none."""
        return False

    def notified(self, number: int) -> None:
        """Look into a queue."""
        return

    def queue_stopped(self, number: int) -> None:
        """Forget what is in a queue."""
        return

    def config_changed(self) -> None:
        """Tell the driver that the host has changed the configuration space."""
        self.CONFIG_GENERATION = self.CONFIG_GENERATION + 1 & 0xFFFF_FFFF
        if self.STATUS & Status.DRIVER_OK:
            self.INTERRUPT_STATUS |= InterruptReason.CONFIGURATION_CHANGE

    def needs_reset(self, problem: str) -> None:
        """Stop, as the driver has broken the rules (2.1.2); it is told, and the guest error says how."""
        self.refuse(problem)
        if not self.STATUS & Status.DEVICE_NEEDS_RESET:
            self.STATUS |= Status.DEVICE_NEEDS_RESET
            if self.STATUS & Status.DRIVER_OK:
                self.INTERRUPT_STATUS |= InterruptReason.CONFIGURATION_CHANGE

    @property
    def is_working(self) -> bool:
        """Whether the driver has set the device up, and not broken it."""
        return self.STATUS & (Status.DRIVER_OK | Status.DEVICE_NEEDS_RESET) == Status.DRIVER_OK

    @irq.level
    def _has_reason(self) -> bool:
        return self.INTERRUPT_STATUS != 0

    # What the driver does

    @DEVICE_ID.on_read
    def _read_device_id(self) -> int:
        return self.device_id

    @DEVICE_FEATURES.on_read
    def _read_features(self) -> int:
        selected = self.DEVICE_FEATURES_SEL
        return self.offered_features >> 32 * selected & 0xFFFF_FFFF if selected < 2 else 0

    @DRIVER_FEATURES.after_write
    def _write_features(self, value: int) -> None:
        selected = self.DRIVER_FEATURES_SEL
        if self.STATUS & Status.FEATURES_OK:
            self.refuse("features after FEATURES_OK")
        elif selected < 2:
            others = self.driver_features & ~(0xFFFF_FFFF << 32 * selected)
            self.driver_features = others | value << 32 * selected
        elif value:
            self.refuse(f"features {value:#x} from {32 * selected} on, which nobody offers")

    @STATUS.on_write
    def _write_status(self, value: int) -> None:
        value &= 0xFF
        if value == 0:
            self.reset()
            return
        old = self.STATUS
        if old & ~value & ~Status.DEVICE_NEEDS_RESET:
            self.refuse(f"status {value:#x} after {old:#x}: only a reset clears it")
        new = value & ~old
        if new & Status.FEATURES_OK and not self._accepts_features():
            value &= ~Status.FEATURES_OK
        self.STATUS = value & ~Status.DEVICE_NEEDS_RESET | old & Status.DEVICE_NEEDS_RESET
        if new & Status.DRIVER_OK:
            if not value & Status.FEATURES_OK:
                self.needs_reset("DRIVER_OK without FEATURES_OK")
            for number in range(len(self.queues)):
                self.notified(number)

    def _accepts_features(self) -> bool:
        unknown = self.driver_features & ~self.offered_features
        if unknown:
            self.refuse(f"features {unknown:#x}, which are not offered")
        elif not self.driver_features & VERSION_1:
            self.refuse("a driver of devices before VIRTIO 1.0")
        return not unknown and bool(self.driver_features & VERSION_1)

    @INTERRUPT_ACK.on_write
    def _acknowledge(self, value: int) -> None:
        self.INTERRUPT_STATUS &= ~value

    # Queues

    @property
    def _queue(self) -> Queue | None:
        """The queue that the driver has selected."""
        queues: list[Queue] = self.virtqueues
        return queues[self.QUEUE_SEL] if len(queues) > self.QUEUE_SEL else None

    @QUEUE_NUM_MAX.on_read
    def _read_queue_num_max(self) -> int:
        return 0 if self._queue is None else self.max_queue_size

    @QUEUE_READY.on_read
    def _read_queue_ready(self) -> int:
        return 0 if self._queue is None else int(self._queue.ready)

    @QUEUE_READY.on_write
    def _write_queue_ready(self, value: int) -> None:
        queue = self._queue
        if queue is None:
            self.refuse(f"there is no queue {self.QUEUE_SEL}")
        elif not value & 1:
            self._stop(self.QUEUE_SEL)
        elif not queue.ready and self.check_queue(queue):
            queue.ready = True
            self.notified(self.QUEUE_SEL)

    @QUEUE_RESET.on_write
    def _write_queue_reset(self, value: int) -> None:
        if not self.has_feature(RING_RESET) or self._queue is None or value != 1:
            self.refuse(f"a reset of queue {self.QUEUE_SEL}, by {value:#x}")
        else:
            self._stop(self.QUEUE_SEL)

    def _stop(self, number: int) -> None:
        self.virtqueues[number] = Queue(self.max_queue_size)
        self.queue_stopped(number)

    @QUEUE_NOTIFY.on_write
    def _notify(self, value: int) -> None:
        if value < len(self.queues):
            self.notified(value)
        else:
            self.refuse(f"there is no queue {value}")

    def _configure(self, name: str, mask: int, bits: int) -> None:
        """Set the bits of ``mask`` of what the selected queue has under this name."""
        queue = self._queue
        if queue is None or queue.ready:
            self.refuse(f"queue {self.QUEUE_SEL}, which is ready or does not exist, cannot be set up")
        else:
            setattr(queue, name, getattr(queue, name) & ~mask | bits)

    @QUEUE_NUM.on_write
    def _write_queue_num(self, value: int) -> None:
        self._configure("size", 0xFFFF_FFFF, value)

    @QUEUE_DESC_LOW.on_write
    def _write_desc_low(self, value: int) -> None:
        self._configure("descriptor_area", 0xFFFF_FFFF, value)

    @QUEUE_DESC_HIGH.on_write
    def _write_desc_high(self, value: int) -> None:
        self._configure("descriptor_area", 0xFFFF_FFFF << 32, value << 32)

    @QUEUE_DRIVER_LOW.on_write
    def _write_driver_low(self, value: int) -> None:
        self._configure("driver_area", 0xFFFF_FFFF, value)

    @QUEUE_DRIVER_HIGH.on_write
    def _write_driver_high(self, value: int) -> None:
        self._configure("driver_area", 0xFFFF_FFFF << 32, value << 32)

    @QUEUE_DEVICE_LOW.on_write
    def _write_device_low(self, value: int) -> None:
        self._configure("device_area", 0xFFFF_FFFF, value)

    @QUEUE_DEVICE_HIGH.on_write
    def _write_device_high(self, value: int) -> None:
        self._configure("device_area", 0xFFFF_FFFF << 32, value << 32)
