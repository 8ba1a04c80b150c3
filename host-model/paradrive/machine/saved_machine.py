# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a machine to a file, and continuing from it in another process as if nothing had happened.

The file (`state_file`) is all that is needed. Its parts:

- ``state``, JSON: the core by the names of its registers (`paradrive.cpu.saved_core`), each device's state by
  the path of its node, the classes of the devices, and what the machine itself remembers of the guest
  (`Progress`);
- ``blobs``, where there are any: bytes in the states of devices, as one zlib stream; their sizes are in the
  state, and marks where they belong;
- ``kernel``, ``tree`` and, where there is one, ``initrd``: the images as they are booted, which every later
  reset loads again. The machine is built from this tree;
- ``pages``, 32-bit numbers, ascending: the physical pages which are not as the images leave an empty RAM,
  and ``ram``, their contents, as one zlib stream. A booted kernel has changed few pages besides its own.

Not in the file is what belongs to the host: the engine, device models besides the board's, what devices offer
(pvctl's features), the output so far, and the records of what the guest did wrong.
"""

from __future__ import annotations

import json
import struct
import zlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from paradrive.cpu.models import CPU_MODELS
from paradrive.cpu.ports import PAGE_SIZE
from paradrive.cpu.saved_core import MAX_TIME, integer
from paradrive.devices.device import are_integers
from paradrive.devices.pvctl import BootReason
from paradrive.devices.ram import Ram
from paradrive.devicetree.node import DeviceTree
from paradrive.host.inputs import InputError
from paradrive.machine.board import BOARDS
from paradrive.machine.boot import Initrd
from paradrive.machine.elf_kernel import parse_kernel
from paradrive.machine.machine import Configuration, Machine
from paradrive.machine.snapshot import EMPTY_PAGE, Progress, copy_pages, restore_pages
from paradrive.machine.state_file import Contents, parse_object, read, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paradrive.devices.device import Device
    from paradrive.machine.device_models import Model

#: Bounds of what a file may make the host allocate: 1 GiB of RAM that is not empty, and the text of states.
MAX_PAGES = 1 << 18
MAX_STATE_SIZE = 1 << 21
#: zlib's fastest: slower ones make the file a fifth smaller, and take five times as long.
_COMPRESSION_LEVEL = 1
_PAGE_NUMBER_SIZE = 4
#: Bytes that devices hold, such as what a guest has written to a disk.
MAX_BLOBS = 1 << 28
#: The key of the mark that stands for bytes in the state.
_BYTES = "$bytes"


def save(machine: Machine, path: str) -> None:
    """Save ``machine``, which is between two instructions, to a file that is complete or untouched.

    Raises InputError when that cannot be done.
    """
    progress = machine.progress
    state = {
        "cpu": machine.vcpu.save(),
        "devices": {node: _saved_device(path, node, device) for node, device in machine.devices.items()},
        "classes": {node: _class_name(device) for node, device in machine.devices.items()},
        "progress": progress._asdict()
        | {
            "console_line": progress.console_line.decode("latin-1"),
            "reset_requested": progress.reset_requested or 0,
        },
    }
    blobs: list[bytes] = []
    state = {name: _without_bytes(part, blobs) for name, part in state.items()}
    state["blobs"] = [len(blob) for blob in blobs]
    pages = _changed_pages(machine)
    images = machine.images
    parts = {
        "state": json.dumps(state).encode("ascii"),
        "tree": images.device_tree.contents,
        "kernel": images.kernel.contents,
        "pages": struct.pack(f">{len(pages)}I", *pages),
        "ram": zlib.compress(b"".join(pages.values()), _COMPRESSION_LEVEL),
    }
    if blobs:
        parts["blobs"] = zlib.compress(b"".join(blobs), _COMPRESSION_LEVEL)
    if images.initrd is not None:
        parts["initrd"] = images.initrd.contents
    too_much = len(parts["state"]) > MAX_STATE_SIZE or sum(map(len, blobs)) > MAX_BLOBS
    if len(pages) > MAX_PAGES or too_much:
        raise InputError(path, "the guest cannot be saved: its RAM or its devices hold too much")
    write(path, Contents(machine.name, machine.cpu_model.name, machine.memory_size, parts))


def _saved_device(path: str, node: str, device: Device) -> object:
    """Return the state of a device; InputError where there is something that no file can hold."""
    try:
        if device.deferred:
            raise ValueError(f"{device.name}: a fault delays what it does")
        return device.save()
    except ValueError as error:
        raise InputError(path, f"the guest cannot be saved: {node}: {error}") from error


def _class_name(device: Device) -> str:
    """Return what the device's model is, as ``paradrive run --device`` takes it."""
    return f"{type(device).__module__}:{type(device).__qualname__}"


def _without_bytes(value: object, blobs: list[bytes]) -> object:
    """Return a value with a mark in the place of all bytes in it, which are appended to ``blobs``."""
    if isinstance(value, bytes):
        blobs.append(value)
        return {_BYTES: len(blobs) - 1}
    if isinstance(value, dict):
        return {key: _without_bytes(part, blobs) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_bytes(part, blobs) for part in value]
    return value


def _with_bytes(value: object, blobs: list[bytes]) -> object:
    """Return a value with the bytes in the place of the marks; ValueError for a mark of none."""
    if isinstance(value, dict):
        if _BYTES in value:
            number = value[_BYTES]
            if type(number) is not int or not 0 <= number < len(blobs):
                raise ValueError("damaged: it refers to bytes that it does not have")
            return blobs[number]
        return {key: _with_bytes(part, blobs) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_bytes(part, blobs) for part in value]
    return value


def _saved_blobs(parts: Mapping[str, bytes], sizes: object) -> list[bytes]:
    """Return the bytes in device states, in their order; ValueError where they are not what is listed."""
    if not isinstance(sizes, list) or not are_integers(sizes, MAX_BLOBS + 1) or sum(sizes) > MAX_BLOBS:
        raise ValueError("damaged: it does not list the bytes of its devices")
    contents = inflate(parts.get("blobs", zlib.compress(b"")), sum(sizes))
    if contents is None:
        raise ValueError("damaged: the bytes of its devices are not those listed")
    blobs, place = [], 0
    for size in sizes:
        blobs.append(contents[place : place + size])
        place += size
    return blobs


def inflate(compressed: bytes, size: int) -> bytes | None:
    """Return the ``size`` bytes that a zlib stream holds; None where it is damaged, or holds more or less."""
    inflater = zlib.decompressobj()
    try:
        # A byte more than there should be shows that there is more.
        contents = inflater.decompress(compressed, size + 1)
    except zlib.error:
        return None
    return contents if len(contents) == size and inflater.eof and not inflater.unused_data else None


def load(
    path: str,
    transmit: Callable[[int], None],
    *,
    engine: Literal["compiled", "reference"] = "compiled",
    models: Mapping[str, Model] = MappingProxyType({}),
) -> Machine:
    """Return a machine that continues where one was saved, in whichever process and with either engine.

    ``transmit`` is as that of `Machine`. ``models`` are device models besides the board's, by what they
    model, or by whatever names where the file names the same classes. Nothing is imported because a file
    says so. Raises InputError when the file is damaged, newer than this version, or of a machine that cannot
    be made here.
    """
    contents = read(path)
    configuration = _configuration(path, contents, engine, models)
    state = parse_object(path, "state", _bounded_state(path, contents.parts))
    classes = state.get("classes")
    classes = classes if isinstance(classes, dict) else {}  # files of earlier versions have none
    configuration = configuration._replace(models={**_models_of_classes(classes, models), **models})
    # Before the machine enters its own: RAM in the file is the difference from the images at their places.
    initrd_start = configuration.tree.chosen().cells("linux,initrd-start")
    machine = Machine(configuration, transmit)
    try:
        if machine.images.initrd and initrd_start != (machine.images.initrd.address,):
            raise ValueError("its initrd is not where this version of paradrive puts it")
        _check_classes(machine, classes, models)
        _continue(machine, state, contents.parts)
    except RecursionError:
        machine.destroy()
        raise InputError(path, "damaged: its state nests too deep") from None
    except ValueError as error:
        machine.destroy()
        # What it quotes of the file may be of any length, and on several lines.
        raise InputError(path, " ".join(str(error).split())[:200]) from None
    except BaseException:
        machine.destroy()
        raise
    # The beginning of a line which the guest had begun: who waits for the whole line shall find it.
    for byte in machine.progress.console_line:
        transmit(byte)
    return machine


def _changed_pages(machine: Machine) -> dict[int, bytes]:
    """Return the pages which are not as a boot would leave them in an empty RAM, by ascending number."""
    memories = machine.memories
    present = copy_pages(memories)
    ram = machine.images.ram
    booted_ram = Ram(ram.base, ram.size)
    machine.images._replace(ram=booted_ram).load()
    booted = copy_pages([booted_ram])
    numbers = sorted(present.keys() | booted.keys())
    pages = {number: present.get(number, EMPTY_PAGE) for number in numbers}
    return {number: page for number, page in pages.items() if page != booted.get(number, EMPTY_PAGE)}


def _configuration(
    path: str, contents: Contents, engine: Literal["compiled", "reference"], models: Mapping[str, Model]
) -> Configuration:
    """Return what the machine is made of; InputError where this version cannot make it."""
    parts = contents.parts
    for kind, name, known in (("machine", contents.machine, BOARDS), ("CPU", contents.cpu, CPU_MODELS)):
        if name not in known:
            raise InputError(path, f"is of the {kind} {name!r:.40}; there are only {' and '.join(known)}")
    for name in ("state", "tree", "kernel", "pages", "ram"):
        if name not in parts:
            raise InputError(path, f"damaged: it has no part {name!r}")
    return Configuration(
        tree=DeviceTree(parts["tree"], f"{path}: tree"),
        kernel=parse_kernel(parts["kernel"], f"{path}: kernel"),
        initrd=Initrd(f"{path}: initrd", parts["initrd"]) if "initrd" in parts else None,
        machine=contents.machine,
        cpu=contents.cpu,
        memory_size=contents.memory_size,
        engine=engine,
        models=models,
    )


def _bounded_state(path: str, parts: Mapping[str, bytes]) -> bytes:
    if len(parts["state"]) > MAX_STATE_SIZE:
        raise InputError(path, "damaged: the state is too large")
    return parts["state"]


def _models_of_classes(classes: Mapping[str, object], models: Mapping[str, Model]) -> dict[str, Model]:
    """Return the user's models by the paths of the nodes of which a file says that they are of their classes.

    A class that only the file names is not looked for.
    """
    named = {
        f"{model.__module__}:{model.__qualname__}": model
        for model in models.values()
        if isinstance(model, type)
    }
    return {node: named[name] for node, name in classes.items() if isinstance(name, str) and name in named}


def _check_classes(machine: Machine, classes: Mapping[str, object], models: Mapping[str, Model]) -> None:
    """Raise ValueError where a device was of somebody's own class, and is none that the user names here."""
    for node, name in classes.items():
        device = machine.devices.get(node)
        own = str(name).partition(".")[0] != __name__.partition(".")[0]
        if own and (device is None or (_class_name(device) != name and type(device) not in models.values())):
            raise ValueError(f"its device {node} is a {name!r:.80}, which is not given (--device)")


def _continue(machine: Machine, state: Mapping[str, object], parts: Mapping[str, bytes]) -> None:
    """Give a new machine the state in a file; ValueError when the file does not have it."""
    pages = _saved_pages(parts)
    for number in pages:
        if machine.bus.memory_at(number * PAGE_SIZE) is None:
            raise ValueError(f"damaged: it has a page at {number * PAGE_SIZE:#x}, where there is no RAM")
    restore_pages(machine.bus, pages, pages)
    machine.clock.clear()
    core = _object(state, "cpu")
    try:
        machine.vcpu.load(core)
    except ValueError as error:
        raise ValueError(f"{machine.cpu_model.name}: {error}") from None
    devices = _with_bytes(_object(state, "devices"), _saved_blobs(parts, state.get("blobs", [])))
    _load_devices(machine, _object({"devices": devices}, "devices"))
    machine.progress = _progress(_object(state, "progress"), _boot_reason(state))


def _boot_reason(state: Mapping[str, object]) -> BootReason:
    """Return why the guest has started; in files of earlier versions pvctl has it."""
    kept: list[object] = [state.get("progress"), *_object(state, "devices").values()]
    reasons = [one["boot_reason"] for one in kept if isinstance(one, dict) and "boot_reason" in one]
    reason = reasons[0] if reasons else BootReason.COLD
    if not isinstance(reason, int) or reason not in list(BootReason):
        raise ValueError(f"damaged: boot_reason {reason!r:.40} is unknown")
    return BootReason(reason)


def _load_devices(machine: Machine, states: dict[str, object]) -> None:
    """Load the devices, interrupt controller first; one that was not there then stays as after power-on."""
    for node in states:
        if node not in machine.devices:
            raise ValueError(f"it has a device {node}, of which there is no model here")
    for node, device in machine.devices.items():
        if node in states:
            device.load(_object(states, node))


def _saved_pages(parts: Mapping[str, bytes]) -> dict[int, bytes]:
    """Return the pages by their numbers; ValueError when there are too many or the contents do not match."""
    count, rest = divmod(len(parts["pages"]), _PAGE_NUMBER_SIZE)
    if rest or count > MAX_PAGES:
        raise ValueError(f"damaged: it does not list 0 to {MAX_PAGES} pages")
    numbers = struct.unpack(f">{count}I", parts["pages"])
    size = count * PAGE_SIZE
    contents = inflate(parts["ram"], size)
    if contents is None:
        raise ValueError(f"damaged: its RAM is not {count} pages")
    return {
        number: contents[index * PAGE_SIZE : (index + 1) * PAGE_SIZE] for index, number in enumerate(numbers)
    }


def _progress(saved: dict[str, object], boot_reason: BootReason) -> Progress:
    message, line = saved.get("panic_message"), saved.get("console_line", "")
    if not isinstance(message, str | None) or not isinstance(line, str):
        raise ValueError("damaged: the panic or the console has no text")
    requested = integer(saved, "reset_requested", len(BootReason))
    # Neither of the two is in files of earlier versions.
    later = {"crashed": int(message is not None), "panics": int(message is not None)} | saved
    return Progress(
        resets=integer(saved, "resets", MAX_TIME),
        reset_requested=BootReason(requested) if requested else None,
        panic_message=message,
        panic_deadline=integer(saved, "panic_deadline", MAX_TIME),
        console_line=line.encode("latin-1", "replace"),
        crashed=bool(integer(later, "crashed", 2)),
        panics=integer(later, "panics", MAX_TIME),
        boot_reason=boot_reason,
    )


def _object(saved: Mapping[str, object], key: str) -> dict[str, object]:
    value = saved.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"damaged: {key!r:.40} is not an object")
    return value
