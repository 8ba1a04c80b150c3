# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine hands to its devices works in a running guest: memory, time, interrupts, the host."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paradrive.devices import RW, WO, Interrupt, Register, RegisterDevice, State, Timer
from paradrive.devices.pvctl import BootReason
from paradrive.host.inputs import InputError
from paradrive.machine import saved_machine
from paradrive.machine.outcome import NoProgress, PoweredOff, ResetLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from program_guest import Boot

    from paradrive.devices.services import Services
    from paradrive.machine.machine import Machine

ENGINES = ("compiled", "reference")
PLACE = "/platform@f00000000/engine@1000"
ENGINE = 0xF000_1000
RAM = 64 << 20


class Engine(RegisterDevice):
    """Copies and fills guest memory, at once or later."""

    compatible = ("acme,engine",)
    done = Interrupt()
    later = Timer()
    jobs = State(list, limit=8)
    ADDRESS = Register(0x00, RW, "Where.")
    VALUE = Register(0x04, RW, "What.")
    STORE = Register(0x08, WO, "Stores VALUE at ADDRESS.")
    LOAD = Register(0x08 + 4, RW, "Reads as what is at ADDRESS.")
    STORE_LATER = Register(0x10, WO, "Stores VALUE at ADDRESS after so many nanoseconds.")
    END = Register(0x14, WO, "Powers off, with this exit code.")
    RESET = Register(0x18, WO, "Resets.")

    @STORE.after_write
    def _store(self, value: int) -> None:
        self.memory.write_number(self.ADDRESS, 4, self.VALUE)

    @LOAD.on_read
    def _load(self) -> int:
        return self.memory.read_number(self.ADDRESS, 4)

    @STORE_LATER.after_write
    def _store_later(self, delay: int) -> None:
        self.jobs.append((self.ADDRESS, self.VALUE))
        self.later.after(delay)

    @later.expires
    def _store_now(self) -> None:
        for address, value in self.jobs:
            self.memory.write_number(address, 4, value)
        self.jobs.clear()
        self.done.pulse()

    @END.after_write
    def _end(self, code: int) -> None:
        self.host.power_off(code)

    @RESET.after_write
    def _reset(self, value: int) -> None:
        self.host.reset()


@pytest.fixture
def tree(compile_tree: Callable[[str], bytes]) -> Callable[..., bytes]:
    def make(more: str = "", bus: str = "") -> bytes:
        return compile_tree(
            f"""/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
            / {{ platform@f00000000 {{ {bus} engine@1000 {{
                compatible = "acme,engine"; reg = <0x1000 0x1000>; interrupts = <6 0>; {more}
            }}; }}; }};"""
        )

    return make


@pytest.fixture
def start(boot: Boot, tree: Callable[..., bytes]) -> Callable[..., tuple[Machine, Engine]]:
    """Return what makes a machine with an engine, about to execute a program."""

    def make(program: str, contents: bytes | None = None, **options: object) -> tuple[Machine, Engine]:
        symbols = f".set engine, {ENGINE} ; "
        machine = boot(symbols + program, contents or tree(), models={"acme,engine": Engine}, **options)
        device = machine.devices[PLACE]
        assert isinstance(device, Engine)
        return machine, device

    return make


#: RAM that no program of these tests is in.
DATA = 0x30_0000


def word(machine: Machine, address: int) -> int:
    return int.from_bytes(machine.memories[0].view[address : address + 4], "big")


@pytest.mark.parametrize("engine", ENGINES)
def test_device_writes_and_reads_memory(start: Callable[..., tuple[Machine, Engine]], engine: str) -> None:
    program = f"""store32 engine, {DATA} ; store32 engine + 4, 0x1234 ; store32 engine + 8, 1
        lis 4, engine@h ; ori 4, 4, engine@l ; lwz 5, 12(4) ; stw 5, 0x14(4) ; b ."""
    machine, _ = start(program, engine=engine)
    assert machine.run(1000, reset_limit=0) == PoweredOff(0x1234, through="engine")
    assert word(machine, DATA) == 0x1234
    assert machine.bus.guest_errors.count == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("address", [RAM - 2, RAM, 0xF000_0000, 0xFFFF_FFFF])
def test_memory_that_is_not_there_is_a_guest_error(
    start: Callable[..., tuple[Machine, Engine]], engine: str, address: int
) -> None:
    program = f"""store32 engine, {address} ; store32 engine + 4, -1 ; store32 engine + 8, 1
        lis 4, engine@h ; ori 4, 4, engine@l ; lwz 5, 12(4) ; stw 5, 0x14(4) ; b ."""
    machine, _ = start(program, engine=engine)
    assert machine.run(1000, reset_limit=0) == PoweredOff(0, through="engine")
    assert [str(error).partition(":")[0] for error in machine.bus.guest_errors.entries] == ["engine@1000"] * 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay", [1, 7, 100, 12_345])
def test_timer_expires_at_the_instruction(
    start: Callable[..., tuple[Machine, Engine]], engine: str, delay: int
) -> None:
    machine, device = start(
        f"store32 engine, {DATA} ; store32 engine + 4, 5 ; store32 engine + 0x10, {delay} ; b .",
        engine=engine,
    )
    asked: list[int] = []
    machine.bus.trace = lambda access: (
        asked.append(machine.clock.now()) if access.address & 0xFF == 0x10 else None
    )
    for _ in range(100):
        machine.run(1, reset_limit=0)
        if asked:
            break
    # The access began at this time, and took a nanosecond.
    due = asked[0] + delay
    machine.run(max(due - 1 - machine.clock.now(), 0), reset_limit=0)
    assert (word(machine, DATA), device.later.is_running) == ((0, True) if delay > 1 else (5, False))
    machine.run(1, reset_limit=0)
    assert (word(machine, DATA), device.later.is_running) == (5, False)


@pytest.mark.parametrize("engine", ENGINES)
def test_restore_in_the_middle_of_a_request(
    start: Callable[..., tuple[Machine, Engine]], engine: str
) -> None:
    machine, device = start(
        f"store32 engine, {DATA} ; store32 engine + 4, 5 ; store32 engine + 0x10, 500 ; b .", engine=engine
    )
    machine.run(100, reset_limit=0)
    assert device.jobs == [(DATA, 5)]
    snapshot = machine.snapshot()
    for _ in range(3):
        machine.run(1000, reset_limit=0)
        assert (word(machine, DATA), device.jobs) == (5, [])
        machine.restore(snapshot)
        assert (word(machine, DATA), device.jobs) == (0, [(DATA, 5)])


@pytest.mark.parametrize(("saved_by", "loaded_by"), [ENGINES, ENGINES[::-1]])
def test_saved_file_in_the_middle_of_a_request(
    start: Callable[..., tuple[Machine, Engine]], tmp_path: Path, saved_by: str, loaded_by: str
) -> None:
    machine, _ = start(
        f"store32 engine, {DATA} ; store32 engine + 4, 5 ; store32 engine + 0x10, 500 ; b .", engine=saved_by
    )
    machine.run(100, reset_limit=0)
    file = str(tmp_path / "guest")
    saved_machine.save(machine, file)
    other = saved_machine.load(file, lambda byte: None, engine=loaded_by, models={"acme,engine": Engine})
    for each in (machine, other):
        each.run(1000, reset_limit=0)
    assert word(other, DATA) == word(machine, DATA) == 5
    assert other.clock.now() == machine.clock.now()


class Greeting(Engine):
    """Counts itself in at power-on, without a declared timer."""

    compatible = ("acme,engine",)

    def attach(self, services: Services) -> None:
        super().attach(services)
        self.clock.at(50, self._greet)

    def _greet(self) -> None:
        self.ADDRESS += 1


def test_what_a_device_schedules_at_power_on_does_not_come_again_in_a_loaded_machine(
    boot: Boot, tree: Callable[..., bytes], tmp_path: Path
) -> None:
    models = {"acme,engine": Greeting}
    machine = boot("b .", tree(), models=models)
    machine.run(100, reset_limit=0)
    file = str(tmp_path / "guest")
    saved_machine.save(machine, file)
    other = saved_machine.load(file, lambda byte: None, engine="reference", models=models)
    other.run(100, reset_limit=0)
    assert other.devices[PLACE].ADDRESS == machine.devices[PLACE].ADDRESS == 1  # type: ignore[attr-defined]


def test_file_of_a_device_without_a_model_names_its_class(
    start: Callable[..., tuple[Machine, Engine]], tmp_path: Path
) -> None:
    machine, _ = start("b .")
    file = str(tmp_path / "guest")
    saved_machine.save(machine, file)
    with pytest.raises(InputError, match=f"engine@1000.*{__name__}:Engine"):
        saved_machine.load(file, lambda byte: None)


def test_reset_by_a_device(start: Callable[..., tuple[Machine, Engine]]) -> None:
    machine, _ = start("store32 engine + 0x18, 1 ; b .")
    assert machine.run(1000, reset_limit=2) == ResetLimit(2)


def test_dma_ranges_translate(
    start: Callable[..., tuple[Machine, Engine]], tree: Callable[..., bytes]
) -> None:
    contents = tree(bus="dma-ranges = <0x80000000 0 0x00300000 0x1000>;")
    machine, device = start("b .", contents)
    assert device.memory.write_number(0x8000_0010, 4, 0xABCD)
    assert word(machine, DATA + 0x10) == 0xABCD
    for address in (DATA + 0x10, 0x8000_0FFE, 0x7FFF_FFFE):
        assert not device.memory.write_number(address, 4, 1)
    assert machine.bus.guest_errors.count == 3


def test_buffer_across_blocks_of_ram_that_meet_is_one(
    boot: Boot, compile_tree: Callable[[str], bytes]
) -> None:
    contents = compile_tree(
        """/dts-v1/; /include/ "ppce500.dtsi" /include/ "e500v2.dtsi"
        / { memory@0 { reg = <0 0 0 0x1000000>, <0 0x1000000 0 0x1000000>; };
            platform@f00000000 { engine@1000 { compatible = "acme,engine"; reg = <0x1000 0x1000>; }; }; };"""
    )
    machine = boot("b .", contents, models={"acme,engine": Engine})
    memory = machine.devices[PLACE].memory
    assert memory.write(0xFF_FFFE, b"abcd")
    assert memory.read(0xFF_FFFC, 8) == b"\0\0abcd\0\0"
    assert bytes(machine.memories[1].view[:2]) == b"cd"
    assert memory.gather([(0xFF_FFFE, 2), (0x100_0000, 2)]) == b"abcd"
    assert memory.scatter([(0, 2), (0x100_0000, 1), (0x200_0000, 1)], b"wxyz") == 3


STEPS = st.lists(st.sampled_from(["run", "dma", "code", "restore", "snapshot"]), max_size=12)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, seed=st.integers(0, 1 << 32))
def test_engines_agree_on_any_interleaving_of_stores_device_writes_and_restores(
    start: Callable[..., tuple[Machine, Engine]], steps: list[str], seed: int
) -> None:
    loop = f"""lis 3, {DATA}@h ; ori 3, 3, {DATA}@l ; li 5, 0
        1: addi 5, 5, 1 ; stw 5, 0(3) ; lwz 6, 4(3) ; stw 6, 0x1000(3) ; b 1b"""

    def act(engine: str) -> list[object]:
        source = random.Random(seed)
        machine, device = start(loop, engine=engine)
        code, snapshot, seen = machine.kernel.entry, machine.snapshot(), []
        for step in steps:
            if step == "run":
                machine.run(source.randrange(1, 40), reset_limit=0)
            elif step == "dma":
                device.memory.write_number(DATA + 4 * source.randrange(3), 4, source.getrandbits(32))
            elif step == "code":  # addi r5,r5,N
                device.memory.write_number(code + 12, 4, 0x38A5_0000 | source.randrange(1, 9))
            elif step == "snapshot":
                snapshot = machine.snapshot()
            else:
                machine.restore(snapshot)
            state = machine.vcpu.state.architectural()
            memory = machine.memories[0].view
            seen.append((state, bytes(memory[DATA : DATA + 0x2000]), bytes(memory[code : code + 32])))
        return seen

    assert act("compiled") == act("reference")


def test_change_of_what_a_device_does_not_declare_is_told(
    start: Callable[..., tuple[Machine, Engine]],
) -> None:
    machine, device = start("b .")
    snapshot = machine.snapshot()
    device.set_by_the_host = 5  # type: ignore[attr-defined]
    machine.run(10, reset_limit=0)
    assert machine.undeclared_changes() == []
    machine.call_at(machine.vcpu.instructions + 5, lambda: setattr(device, "forgotten", 5))
    for _ in range(2):
        machine.run(10, reset_limit=0)
    (change,) = machine.undeclared_changes()
    assert (change.path, change.name) == (PLACE, "forgotten")
    assert "forgotten = State(int)" in str(change)
    machine.restore(snapshot)
    assert machine.undeclared_changes() == []
    assert not {"forgotten", "set_by_the_host"} & vars(device).keys()


def test_guest_that_stops_time_makes_no_progress(start: Callable[..., tuple[Machine, Engine]]) -> None:
    machine, device = start("b .")
    device.later.every(0)
    assert isinstance(machine.run(1000, reset_limit=0), NoProgress)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("occasion", ["access", "timer", "breakpoint"])
@pytest.mark.parametrize("wish", ["reset", "snapshot", "restore", "save", "run"])
def test_what_ends_the_present_state_is_refused_while_the_guest_runs(
    start: Callable[..., tuple[Machine, Engine]], tmp_path: Path, engine: str, occasion: str, wish: str
) -> None:
    machine, device = start(f"store32 engine + 4, 5 ; 1: store32 engine, {DATA} ; b 1b", engine=engine)
    snapshot = machine.snapshot()
    wishes: dict[str, Callable[[], object]] = {
        "reset": lambda: machine.reset(BootReason.COLD),
        "snapshot": machine.snapshot,
        "restore": lambda: machine.restore(snapshot),
        "save": lambda: saved_machine.save(machine, str(tmp_path / "guest")),
        "run": lambda: machine.run(1, reset_limit=0),
    }
    if occasion == "access":
        machine.bus.trace = lambda access: wishes[wish]()
    elif occasion == "timer":
        machine.clock.at(machine.clock.now() + 5, wishes[wish])
    else:
        machine.vcpu.set_breakpoint(machine.kernel.entry + 8, wishes[wish])
    with pytest.raises(RuntimeError, match=wish if wish != "save" else "saving"):
        machine.run(200, reset_limit=0)
    machine.bus.trace = None
    machine.restore(snapshot)
    assert isinstance(machine.run(200, reset_limit=0), NoProgress)
    assert device.ADDRESS == DATA
