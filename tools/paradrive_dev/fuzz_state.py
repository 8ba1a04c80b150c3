# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m paradrive_dev.fuzz_state``: load thousands of damaged and forged files of saved machines.

Half of the files are damaged at random: each must be refused. The other half are forged: something in a part
is changed and the checksums are made right again, as by somebody who wants to harm the host. Those are
refused, or the guest runs on with whatever state it got, in the same way on both engines; nothing may raise
but the one error for users.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
import traceback
from collections import deque
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from paradrive.devices import RW, Fifo, Interrupt, Register, RegisterDevice, State, Timer, Window
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine import saved_machine, state_file
from paradrive.machine.elf_kernel import parse_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.state_file import Contents
from paradrive_tools.command_line import OneLineParser
from paradrive_tools.guest_build.progress import progress
from paradrive_tools.guest_build.trees import ensure_tree
from paradrive_tools.process import as_process

if TYPE_CHECKING:
    from paradrive.devices.device import Device

DEFAULT_COUNT = 10_000
MEMORY_SIZE = 1 << 20
#: Instructions of the guest before it is saved, and after it has been loaded.
BEFORE, AFTER = 100, 200
#: Accesses to each device of a guest that has been loaded.
ACCESSES = 32

ENGINES: tuple[Literal["compiled", "reference"], ...] = ("compiled", "reference")
#: loop: addi r4,r4,1 ; stw r4,0x2000(0) ; mtdec r4 ; lwarx r5,0,r6 ; b loop
_PROGRAM = struct.pack(">5I", 0x3884_0001, 0x9080_2000, 0x7C96_03A6, 0x7CA0_3028, 0x4BFF_FFF0)
_ELF_HEADER = struct.pack(">4s3B9x2H5I6H", b"\x7fELF", 1, 2, 1, 2, 20, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
_PROGRAM_HEADER = struct.pack(">8I", 1, 84, 0, 0, len(_PROGRAM), len(_PROGRAM), 7, 4)

_INTEGERS = (-1, 0, 1, 2, 0xFFF, 1 << 20, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 62, (1 << 64) - 1, 1 << 200)
_STRANGE: tuple[object, ...] = (
    None,
    True,
    0.5,
    float("nan"),
    "",
    "reset",
    "\n\0",
    [],
    {},
    [[]],
    {"version": 2},
)


class Job(NamedTuple):
    """What the device is yet to do."""

    address: int
    data: bytes


class Holder(RegisterDevice):
    """A device with state of every kind, that writes to guest memory from time to time."""

    irq = Interrupt()
    tick = Timer()
    jobs = State(deque, of=Job, limit=8)
    disk = State(bytearray, limit=1 << 12, default=bytearray(b"disk" * 64))
    name_of = State(dict, limit=8, default={1: "one", 2: "two"})
    seen = State(set, limit=8, default={1, 2})
    total = State(int, limit=1 << 16)
    LEVEL = Register(0x0, RW, "Whether the interrupt is raised.")
    INPUT = Fifo(0x4, RW, "Values.", depth=4)
    TABLE = Window(0x100, 64, RW, "Bytes.")

    @irq.level
    def _is_raised(self) -> bool:
        return bool(self.LEVEL and self.seen)

    @LEVEL.after_write
    def _begin(self, value: int) -> None:
        self.jobs.append(Job(value, bytes(self.TABLE)))
        self.tick.every(value % 100)

    @tick.expires
    def _work(self) -> None:
        self.total = (self.total + len(self.disk)) % (1 << 16)
        if self.jobs:
            job = self.jobs.popleft()
            self.memory.write(job.address, job.data + self.disk[:64])
            self.jobs.append(Job(job.address + self.total, job.data[1:] + b"x"))


#: It takes the place of the device that all guests have and none of these needs.
_MODELS = {"fsl,mpc8544-guts": Holder}


def main(arguments: list[str] | None = None) -> int:
    """Load ``--count`` files and return the exit status: 0 if all was as it should be, else 1."""
    parser = OneLineParser(prog="fuzz_state", description="Load damaged and forged saved machines.")
    parser.add_argument(
        "--count", type=int, default=DEFAULT_COUNT, help=f"how many (default: {DEFAULT_COUNT})"
    )
    parser.add_argument("--seed", type=int, default=0, help="where to begin (default: 0)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "state"
        saved = save_tiny_guest(path)
        with progress("loading damaged files", options.count) as advance:
            for seed in range(options.seed, options.seed + options.count):
                try:
                    check(saved, seed, path)
                except Exception:
                    traceback.print_exc()
                    print(f"paradrive: error: --seed {seed} --count 1 shows the problem", file=sys.stderr)
                    return 1
                advance(1)
    return 0


def save_tiny_guest(path: Path) -> bytes:
    """Return the file of a guest of three pages, having written it to ``path``."""
    machine = Machine(
        Configuration(
            DeviceTree(ensure_tree("ppce500").read_bytes(), "ppce500"),
            parse_kernel(_ELF_HEADER + _PROGRAM_HEADER + _PROGRAM, "tiny guest"),
            memory_size=MEMORY_SIZE,
            engine="reference",
            models=_MODELS,
        ),
        lambda byte: None,
    )
    (holder,) = (device for device in machine.devices.values() if isinstance(device, Holder))
    holder.write(0x100, 4, 0x1234_5678)
    holder.write(0x0, 4, 0x3003)
    holder.write(0x4, 4, 7)
    machine.run(BEFORE, reset_limit=0)
    saved_machine.save(machine, str(path))
    machine.destroy()
    return path.read_bytes()


def check(saved: bytes, seed: int, path: Path) -> None:
    """Load one file made of ``saved``; AssertionError, or whatever was raised, if that goes wrong."""
    random = Random(seed)
    if seed % 2:
        damaged = damage(saved, random)
        path.write_bytes(damaged)
        assert damaged == saved or is_refused(path), "a damaged file has been loaded"
        return
    path.write_bytes(saved)
    forge(path, random)
    ends = [end_of(path, engine, Random(seed)) for engine in ENGINES]
    assert ends[0] == ends[1], f"the engines differ:\n{ends[0]}\n{ends[1]}"


def is_refused(path: Path) -> bool:
    """Tell whether a file is refused, in one line."""
    try:
        saved_machine.load(str(path), lambda byte: None, engine="reference", models=_MODELS).destroy()
    except InputError as error:
        assert len(str(error).splitlines()) == 1, f"not one line: {error!r}"
        return True
    return False


def end_of(path: Path, engine: Literal["compiled", "reference"], random: Random) -> str:
    """Return with which line a file is refused; if it is not, what comes of its guest.

    The guest runs a little, then its devices are accessed, and it runs again.
    """
    sent = bytearray()
    try:
        machine = saved_machine.load(str(path), sent.append, engine=engine, models=_MODELS)
    except InputError as error:
        assert len(str(error).splitlines()) == 1, f"not one line: {error!r}"
        return str(error)
    outcomes = [machine.run(AFTER, reset_limit=1)]
    answers = [access(device, random) for device in machine.devices.values() for _ in range(ACCESSES)]
    outcomes.append(machine.run(AFTER, reset_limit=1))
    devices = [device.save() for device in machine.devices.values()]
    end = repr((outcomes, machine.vcpu.save(), devices, machine.progress, answers, bytes(sent)))
    machine.destroy()
    return end


def access(device: Device, random: Random) -> int:
    """Read and write any register of a device; return what was read."""
    offset, size = random.randrange(0, 0x1400, 4) + random.choice((0, 0, 1)), random.choice((1, 4))
    answer = device.read(offset, size)
    device.write(offset, size, random.getrandbits(32))
    return answer


def damage(file: bytes, random: Random) -> bytes:
    """Return a file with bits flipped, or a piece cut out, added, repeated or emptied."""
    start = random.randrange(len(file))
    end = min(len(file), start + random.choice((1, 4, 100, 4096)))
    kind = random.randrange(6)
    if kind == 0:
        return file[:start]
    if kind == 1:
        return file[:start] + file[end:]
    if kind == 2:
        return file[:start] + random.randbytes(end - start) + file[start:]
    if kind == 3:
        return file[:end] + file[start:]
    if kind == 4:
        return file[:start] + bytes(end - start) + file[end:]
    flipped = bytearray(file)
    for _ in range(random.choice((1, 1, 2, 8))):
        flipped[random.randrange(len(file))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def forge(path: Path, random: Random) -> None:
    """Change something in the parts of a file, and make its checksums right again."""
    contents = state_file.read(str(path))
    parts = dict(contents.parts)
    if random.random() < 0.8:
        state = json.loads(parts["state"])
        for _ in range(random.choice((1, 1, 2, 5))):
            change_value(state, random)
        parts["state"] = json.dumps(state).encode()
    else:
        name = random.choice(sorted(parts))
        if random.random() < 0.1:
            del parts[name]
        else:
            parts[name] = damage(parts[name], random)
    machine = random.choice(("", "mpc8544ds")) if random.random() < 0.02 else contents.machine
    cpu = random.choice(("", "e500mc")) if random.random() < 0.02 else contents.cpu
    size = random.choice((None, 0, 4096, 1 << 60)) if random.random() < 0.02 else contents.memory_size
    state_file.write(str(path), Contents(machine, cpu, size, parts))


def change_value(state: dict[str, object], random: Random) -> None:
    """Change one value somewhere in a state, or take it away."""
    container, key = _place(state, random)
    choice = random.random()
    if choice < 0.1:
        del container[key]
    elif choice < 0.4:
        container[key] = random.choice(_INTEGERS)
    elif choice < 0.8:
        container[key] = random.getrandbits(random.choice((1, 2, 4, 8, 16, 32, 64)))
    elif choice < 0.9:
        container[key] = random.choice(_STRANGE)
    else:
        other, other_key = _place(state, random)
        container[key] = json.loads(json.dumps(other[other_key]))  # a copy: it may contain the container


def _place(state: Any, random: Random) -> tuple[Any, Any]:
    """Choose where in a state something can be put: a container, and a key there.

    Descends from the top, so that a long list is as likely as a single number beside it.
    """
    container = state
    while True:
        key = random.choice(list(container) if isinstance(container, dict) else range(len(container)))
        value = container[key]
        if not isinstance(value, dict | list) or not value or random.random() < 0.1:
            return container, key
        container = value


if __name__ == "__main__":
    sys.exit(as_process(main))
