# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole machine with tiny guests: devices from the tree, the run loop, resets and all its outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from paradrive.devices.pvctl import BootReason, Pvctl
from paradrive.machine import machine as machine_module
from paradrive.machine.devicetree import DeviceTree, DeviceTreeError
from paradrive.machine.elf_kernel import load_kernel
from paradrive.machine.inputs import InputError
from paradrive.machine.machine import Configuration, Host, Machine
from paradrive.machine.outcome import Interrupted, NoProgress, Outcome, Panicked, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PVCTL = "/platform@f00000000/pvctl@0"


class Boot(Protocol):
    def __call__(self, program: str, tree: bytes | None = None, **options: object) -> Machine: ...


@pytest.fixture
def boot(assemble: Callable[[str], Path], map_devices: str, ppce500: bytes) -> Boot:
    """Return what makes a machine whose kernel is a program, with a list of what it prints in ``printed``."""

    def boot_program(program: str, tree: bytes | None = None, **options: object) -> Machine:
        printed = bytearray()
        configuration = Configuration(
            DeviceTree(tree or ppce500, "test.dtb"),
            load_kernel(str(assemble(map_devices + program))),
            engine="reference",
            **options,  # type: ignore[arg-type]
        )
        machine = Machine(configuration, printed.append)
        machine.printed = printed  # type: ignore[attr-defined]
        return machine

    return boot_program


def run(machine: Machine, *, budget: int = 20_000, reset_limit: int = 0, host: Host | None = None) -> Outcome:
    return machine.run(budget, reset_limit=reset_limit, host=host)


def printed_by(machine: Machine) -> bytes:
    return bytes(machine.printed)  # type: ignore[attr-defined]


# How a run ends


@pytest.mark.parametrize("code", [0, 3, 0xFFFF_FFFF])
def test_power_off_carries_the_guests_exit_code(boot: Boot, code: int) -> None:
    assert run(boot(f"shutdown {code} ; b .")) == PoweredOff(code)


def test_nothing_runs_after_the_power_off(boot: Boot) -> None:
    machine = boot("print 'a' ; shutdown 0 ; print 'b' ; b .")
    run(machine)
    assert printed_by(machine) == b"a"


def test_spinning_guest_makes_no_progress_and_is_told_where(boot: Boot) -> None:
    machine = boot("spin: b spin")
    outcome = run(machine, budget=1000)
    assert isinstance(outcome, NoProgress)
    kernel_end = machine.kernel.end
    assert outcome.pc == kernel_end - 4
    assert machine.vcpu.instructions == 1000


def test_guest_that_waits_for_nothing_makes_no_progress(boot: Boot) -> None:
    outcome = run(boot("lis 3, 4 ; mtmsr 3 ; isync ; b ."))
    assert isinstance(outcome, NoProgress)
    assert "idles" in outcome.reason


def test_guest_that_idles_without_a_word_makes_no_progress(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_module, "IDLE_LIMIT", 1_000_000)
    # The decrementer, reloading itself, goes off again and again; its handler waits for the next.
    outcome = run(boot(IDLE_FOR_EVER), budget=10_000_000)
    assert isinstance(outcome, NoProgress)
    assert "idled" in outcome.reason


IDLE_FOR_EVER = """
    lis 3, handler@h ; mtspr 63, 3 ; li 3, handler@l ; mtspr 410, 3
    lis 3, 1 ; mtspr 22, 3 ; mtspr 54, 3
    lis 3, 0x0440 ; mtspr 340, 3
    lis 3, 4 ; ori 3, 3, 0x8000 ; mtmsr 3 ; isync
again: b again
    .balign 16
handler: lis 3, 0x0800 ; mtspr 336, 3 ; rfi
"""


def test_user_interrupts(boot: Boot) -> None:
    machine = boot("spin: b spin")
    machine.clock.at(500, machine.interrupt)
    assert run(machine) == Interrupted()
    assert machine.vcpu.instructions < 1000


# Resets

COUNT_BOOTS = """
    lis 6, 0x20 ; lwz 7, 0(6) ; addi 7, 7, 1 ; stw 7, 0(6)
    cmpwi 7, 3 ; bne reset
    store32 pvctl + 0x0c, 0x1f
    lis 4, pvctl@ha ; lwz 8, pvctl + 0x24@l(4)
    store32 pvctl + 0x14, 42
    store32 pvctl + 0x10, 1
reset:
"""


@pytest.mark.parametrize(
    "reset",
    [
        "store32 rstcr, 2",
        "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, 0 ; store32 pvctl + 0x10, 2",
        "store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, 1 ; store32 pvctl + 0x10, 2",
    ],
)
def test_reset_boots_the_guest_again(boot: Boot, reset: str) -> None:
    machine = boot(COUNT_BOOTS + reset + "; b .")
    assert run(machine, reset_limit=2) == PoweredOff(42)
    assert machine.resets == 2


def test_reset_beyond_the_limit_ends_the_run(boot: Boot) -> None:
    machine = boot("store32 rstcr, 2 ; b .")
    assert run(machine, reset_limit=3) == ResetLimit(3)
    assert machine.resets == 3


def test_guest_learns_why_it_has_started(boot: Boot) -> None:
    machine = boot(COUNT_BOOTS + "store32 rstcr, 2 ; b .")
    pvctl = machine.devices[PVCTL]
    assert isinstance(pvctl, Pvctl)
    assert pvctl.boot_reason is BootReason.COLD
    run(machine, reset_limit=2)
    assert machine.vcpu.state.gpr[8] == BootReason.GUEST_RESET


def test_reset_restores_images_devices_and_core(boot: Boot) -> None:
    machine = boot(
        "lis 6, data@h ; li 7, 1 ; stw 7, data@l(6) ; store32 pvctl + 0x0c, 1 ; b . \n data: .long 0"
    )
    entered = machine.vcpu.state.pc, [machine.vcpu.state.gpr[number] for number in range(32)]
    memory = machine.bus.memory_at(0)
    assert memory is not None
    loaded = bytes(memory.view[: machine.kernel.end])
    run(machine, budget=1000)
    assert bytes(memory.view[: machine.kernel.end]) != loaded
    machine.reset(BootReason.HOST_RESET)
    assert (machine.vcpu.state.pc, machine.vcpu.state.gpr[3]) == (entered[0], entered[1][3])
    assert bytes(memory.view[: machine.kernel.end]) == loaded
    assert machine.devices[PVCTL].read(0x0C, 4) == 0


# Panics


def test_panicked_guest_that_spins_has_panicked(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "PANIC_GRACE", 2000)
    machine = boot("spin: b spin")
    machine.clock.at(500, lambda: machine.panicked("Kernel panic"))
    assert run(machine) == Panicked("Kernel panic")


@pytest.mark.parametrize(
    "end", ["store32 rstcr, 2 ; b .", "shutdown 0 ; b .", "lis 3, 4 ; mtmsr 3 ; isync ; b ."]
)
def test_panicked_guest_that_ends_has_panicked(boot: Boot, end: str) -> None:
    machine = boot(end)
    machine.clock.at(1, lambda: machine.panicked("Kernel panic"))
    assert run(machine, reset_limit=5) == Panicked("Kernel panic")
    assert machine.resets == 0


@pytest.mark.parametrize(
    ("argument", "outcome"), [(0, Panicked("reported through pvctl")), (1, PoweredOff(7))]
)
def test_crash_report_is_a_panic_unless_a_crash_kernel_takes_over(
    boot: Boot, argument: int, outcome: Outcome
) -> None:
    crash = f"store32 pvctl + 0x0c, 0x1f ; store32 pvctl + 0x14, {argument} ; store32 pvctl + 0x10, 3"
    assert run(boot(f"{crash} ; shutdown 7 ; b .")) == outcome


# Console input


class Typist:
    """A host that types ``poll`` at once, or ``wait`` after so many nanoseconds, and then nothing more."""

    def __init__(
        self, poll: bytes = b"", wait: bytes = b"", after: int = 0, *, always_open: bool = False
    ) -> None:
        self._poll, self._wait, self._after, self._always_open = poll, wait, after, always_open
        self.waits: list[int | None] = []

    def is_open(self) -> bool:
        return self._always_open or bool(self._poll or self._wait)

    def poll(self) -> bytes:
        text, self._poll = self._poll, b""
        return text

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        self.waits.append(nanoseconds)
        text, self._wait = self._wait, b""
        return text, self._after


ECHO = """
    lis 4, uart@ha ; li 5, 2 ; stb 5, uart + 4@l(4)
wait: lbz 5, uart + 5@l(4) ; andi. 5, 5, 1 ; beq wait
    lbz 5, uart@l(4) ; stb 5, uart@l(4) ; shutdown 0 ; b .
"""


def test_input_reaches_the_guest(boot: Boot) -> None:
    machine = boot(ECHO)
    assert run(machine, host=Typist(poll=b"x")) == PoweredOff(0)
    assert printed_by(machine) == b"x"


def test_budget_counts_from_the_last_byte_while_input_may_come(boot: Boot) -> None:
    machine = boot("lis 6, 1 ; mtctr 6 ; loop: bdnz loop ; print 'a' ; spin: b spin")
    assert isinstance(run(machine, budget=70_000, host=Typist(always_open=True)), NoProgress)
    assert 70_000 + 0x1_0000 <= machine.vcpu.instructions < 70_000 + 0x1_0000 + 100


def test_time_passes_while_the_host_waits(boot: Boot) -> None:
    machine = boot("lis 3, 4 ; mtmsr 3 ; isync ; b .")
    host = Typist(wait=b"x", after=123_456_789)
    run(machine, host=host)
    assert host.waits == [None]
    assert machine.clock.now() >= 123_456_789
    assert machine.vcpu.instructions < 1000


class Flood:
    """A host that always has more input; it fails the test when it is asked without end."""

    def __init__(self) -> None:
        self.given = 0

    def is_open(self) -> bool:
        return True

    def poll(self) -> bytes:
        assert self.given < 1 << 20
        self.given += 4096
        return bytes(4096)

    def wait(self, nanoseconds: int | None) -> tuple[bytes, int]:
        return self.poll(), 0


@pytest.mark.parametrize(
    "program", ["spin: b spin", "lis 3, 4 ; mtmsr 3 ; isync ; b ."], ids=["spinning", "idle"]
)
def test_input_which_the_guest_does_not_take_stays_with_the_host(
    boot: Boot, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(machine_module, "SLICE", 10)
    machine = boot(program)
    assert isinstance(run(machine, host=Flood()), NoProgress)
    assert machine.console is not None
    assert 0 < machine.console.queued < 2 * machine_module.ENOUGH_INPUT


def test_input_without_a_console_stays_with_the_host(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    tree = compile_tree(
        '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &serial0 { status = "disabled"; };'
    )
    host = Flood()
    assert isinstance(run(boot("lis 3, 4 ; mtmsr 3 ; isync ; b .", tree), host=host), NoProgress)
    assert host.given == 0


# What the tree says


def warnings_of(boot: Boot, compile_tree: Callable[[str], bytes], addition: str) -> list[str]:
    source = f'/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" {addition}'
    return boot("b .", compile_tree(source)).warnings


def test_device_without_a_model_gives_a_warning_that_names_it(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    addition = '/ { soc@fe0000000 { i2c@3000 { compatible = "fsl-i2c"; rtc { compatible = "rtc"; }; }; }; };'
    warnings = warnings_of(boot, compile_tree, addition)
    assert len(warnings) == 1
    assert warnings[0].startswith("/soc@fe0000000/i2c@3000: ")
    assert "fsl-i2c" in warnings[0]


def test_disabled_device_is_left_out(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    machine = boot("b .", compile_tree(
        '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" &pvctl { status = "disabled"; };'
    ))  # fmt: skip
    assert PVCTL not in machine.devices
    assert machine.warnings == []


def test_second_cpu_gives_a_warning(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    addition = '/ { cpus { cpu@1 { device_type = "cpu"; reg = <1>; }; }; };'
    assert any("/cpus/cpu@1" in warning for warning in warnings_of(boot, compile_tree, addition))


def test_tree_of_another_core_gives_a_warning(boot: Boot, ppce500: bytes) -> None:
    assert "64" in boot("b .", ppce500, cpu="e500mc").warnings[0]


def test_mpc8544ds_is_the_chip_and_nothing_else(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    source = '/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi" / { compatible = "MPC8544DS"; };'
    machine = boot("b .", compile_tree(source), machine="mpc8544ds")
    assert PVCTL not in machine.devices
    assert PVCTL in machine.warnings[0]


def test_devices_move_with_the_tree(boot: Boot, compile_tree: Callable[[str], bytes]) -> None:
    source = """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
                &pvctl { reg = <0x3000 0x1000>; };"""
    assert run(boot(".set pvctl, 0xf0003000 ; shutdown 0 ; b .", compile_tree(source))) == PoweredOff(0)


def test_both_uarts_raise_the_interrupt_they_share(boot: Boot) -> None:
    machine = boot("b .")
    mpic = machine.devices["/soc@fe0000000/pic@40000"]
    mpic.write(0x20080, 4, 0)  # CTPR: let everything through
    mpic.write(0x10000 + 42 * 0x20, 4, 0x0005_0055)  # IVPR of source 42: priority 5, vector 0x55
    for name in ("serial@4500", "serial@4600"):
        uart = machine.devices[f"/soc@fe0000000/{name}"]
        assert mpic.read(0x200A0, 4) == 0xFFFF  # IACK: spurious
        uart.write(1, 1, 2)  # IER: transmitter empty, which it is
        assert mpic.read(0x200A0, 4) == 0x55
        uart.write(1, 1, 0)
        mpic.write(0x200B0, 4, 0)  # EOI


@pytest.mark.parametrize(
    ("addition", "reason"),
    [
        ('/ { compatible = "acme,board"; };', "is compatible with acme,board; ppce500 needs fsl,qemu-e500"),
        ("&pvctl { reg = <0x8000000 0x1000>; };", "outside its ranges"),
        ("&serial1 { reg = <0x4580 0x100>; };", "serial@4600.*overlaps"),
        ("&serial1 { interrupts = <300 2>; };", "serial@4600.*300"),
        ("&serial1 { interrupt-parent = <&serial0>; };", "is not an interrupt controller"),
        ('&mpic { compatible = "acme,pic"; };', "interrupt parent /soc@fe0000000/pic@40000 has no model"),
        ("/ { memory@0 { reg = <0 0 0 0x1234>; }; };", "RAM"),
        ("/ { memory@0 { reg = <0 0 0x7fffffff 0xfffff000>; }; };", "RAM"),
        ('/ { cpus { PowerPC,8544@0 { device_type = "fpu"; }; }; };', "no CPU node"),
        ("/ { cpus { PowerPC,8544@0 { timebase-frequency = <0>; }; }; };", "timebase-frequency is 0"),
        ("/ { cpus { PowerPC,8544@0 { /delete-property/ timebase-frequency; }; }; };", "is missing"),
    ],
)
def test_tree_no_machine_can_be_built_from_is_an_error(
    boot: Boot, compile_tree: Callable[[str], bytes], addition: str, reason: str
) -> None:
    with pytest.raises(DeviceTreeError, match=reason) as error:
        warnings_of(boot, compile_tree, addition)
    assert str(error.value).startswith("test.dtb: ")


@pytest.mark.parametrize(("option", "source"), [({"machine": "pc"}, "--machine"), ({"cpu": "z80"}, "--cpu")])
def test_unknown_name_is_an_error(boot: Boot, option: dict[str, str], source: str) -> None:
    with pytest.raises(InputError, match=f"^{source}: .* only ") as error:
        boot("b .", **option)
    assert error.value.source == source


def test_memory_size_overrides_the_trees(boot: Boot) -> None:
    machine = boot("b .", memory_size=16 << 20)
    assert machine.bus.memory_at((16 << 20) - 1) is not None
    assert machine.bus.memory_at(16 << 20) is None


def test_two_runs_are_identical(boot: Boot) -> None:
    def fingerprint() -> tuple[object, ...]:
        machine = boot("print 'a' ; spin: mfspr 9, 268 ; cmplwi 9, 500 ; blt spin ; shutdown 1 ; b .")
        outcome = run(machine)
        memory = machine.bus.memory_at(0)
        assert memory is not None
        return outcome, machine.vcpu.instructions, machine.clock.now(), hash(bytes(memory.view))

    assert fingerprint() == fingerprint()
