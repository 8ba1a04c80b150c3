# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock of Android's Goldfish: 64-bit times in halves, little-endian (drivers/rtc/rtc-goldfish.c)."""

from paradrive.devices import RO, RW, WO, Interrupt, Register, RegisterDevice, State, Timer

WORD = 0xFFFF_FFFF


class GoldfishRtc(RegisterDevice):
    """Counts nanoseconds since 1970; the alarm interrupts until the driver takes note."""

    compatible = ("google,goldfish-rtc",)
    byte_order = "little"
    irq = Interrupt()
    alarm = Timer()
    ahead = State(int)  # of guest time
    rings = State(bool)
    TIME_LOW = Register(0x00, RW, "The time; a read latches its high half, a write sets both.")
    TIME_HIGH = Register(0x04, RW, "The high half of the time.")
    ALARM_LOW = Register(0x08, RW, "When to ring; a write arms the alarm.")
    ALARM_HIGH = Register(0x0C, RW, "The high half of when to ring.")
    IRQ_ENABLED = Register(0x10, RW, "Bit 0: the alarm interrupts.")
    CLEAR_ALARM = Register(0x14, WO, "Disarms the alarm.")
    ALARM_STATUS = Register(0x18, RO, "Bit 0: the alarm is armed.")
    CLEAR_INTERRUPT = Register(0x1C, WO, "Ends the interrupt.")

    @irq.level
    def _rings(self) -> bool:
        return self.rings and self.IRQ_ENABLED == 1

    @TIME_LOW.on_read
    def _latch(self) -> int:
        now = self.clock.now() + self.ahead
        self.TIME_HIGH = now >> 32 & WORD
        return now & WORD

    @TIME_LOW.after_write
    def _set(self, low: int) -> None:
        self.ahead = (self.TIME_HIGH << 32 | low) - self.clock.now()

    @ALARM_LOW.after_write
    def _arm(self, low: int) -> None:
        self.ALARM_STATUS = 1
        self.alarm.at((self.ALARM_HIGH << 32 | low) - self.ahead)

    @alarm.expires
    def _ring(self) -> None:
        self.ALARM_STATUS, self.rings = 0, True

    @CLEAR_ALARM.after_write
    def _disarm(self, value: int) -> None:
        self.ALARM_STATUS = 0
        self.alarm.cancel()

    @CLEAR_INTERRUPT.after_write
    def _noted(self, value: int) -> None:
        self.rings = False
