# SPDX-License-Identifier: GPL-2.0-or-later
"""The module that Kbuild makes of the driver, and how it meets a machine without the device."""

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from paradrive.isa.disassembler import disassemble
from paradrive_tools.guest_build import GuestFiles, ensure_guest

#: Section flag (System V gABI): the section holds instructions.
SHF_EXECINSTR = 4
#: All that the driver takes from the kernel.
IMPORTED = {
    "__devm_add_action",
    "__platform_driver_register",
    "_dev_emerg",
    "_dev_err",
    "_dev_info",
    "atomic_notifier_chain_register",
    "atomic_notifier_chain_unregister",
    "dev_err_probe",
    "device_property_read_u32_array",
    "devm_kmalloc",
    "devm_platform_ioremap_resource",
    "devm_register_sys_off_handler",
    "devm_request_threaded_irq",
    "flush_work",
    "kstrtouint",
    "orderly_poweroff",
    "orderly_reboot",
    "panic",
    "panic_notifier_list",
    "platform_driver_unregister",
    "platform_get_irq_optional",
    "queue_work_on",
    "sysfs_emit",
    "system_percpu_wq",
    "udelay",
}
#: Where the initramfs lies in guest RAM, away from kernel and device tree.
INITRD_ADDRESS = 0x3000000


@pytest.fixture(scope="module")
def guest() -> GuestFiles:
    return ensure_guest("e500v2")


@pytest.fixture
def module(guest: GuestFiles) -> Iterator[ELFFile]:
    with guest.modules[0].open("rb") as file:
        yield ELFFile(file)


def test_the_module_is_big_endian_32_bit_powerpc(module: ELFFile) -> None:
    assert (module.get_machine_arch(), module.elfclass, module.little_endian) == ("PowerPC", 32, False)


def test_the_module_is_loaded_for_the_compatible_of_the_device(module: ELFFile) -> None:
    information = module.get_section_by_name(".modinfo").data().decode().split("\0")
    assert "alias=of:N*T*Cqemu,pvctl" in information
    assert "license=GPL" in information
    assert not [line for line in information if line.startswith("depends=") and line != "depends="]


def test_the_module_uses_only_what_any_kernel_offers_to_drivers(module: ELFFile) -> None:
    symbols = module.get_section_by_name(".symtab").iter_symbols()
    assert {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"} - {""} == IMPORTED


def calls_of_a_hypervisor(code: bytes) -> list[str]:
    """Return the instructions that leave the kernel for a hypervisor, or that are unknown.

    System calls and hypercalls are both "sc"; "ehpriv" (Power ISA 2.07, Book III-E) the core does not have.
    """
    words = struct.unpack(f">{len(code) // 4}I", code)
    instructions = [disassemble(word, "e500v2") for word in words]
    return [text for text in instructions if text.split()[0] in ("sc", ".long")]


def test_the_module_executes_no_instruction_that_calls_a_hypervisor(module: ELFFile) -> None:
    sections = [
        section for section in module.iter_sections("SHT_PROGBITS") if section["sh_flags"] & SHF_EXECINSTR
    ]
    assert ".text" in [section.name for section in sections]
    assert {section.name: calls_of_a_hypervisor(section.data()) for section in sections} == {
        section.name: [] for section in sections
    }


@pytest.mark.parametrize("word", [0x44000002, 0x44000022, 0x7C00021C], ids=["sc", "sc 1", "ehpriv"])
def test_a_call_of_a_hypervisor_is_found(word: int) -> None:
    no_operation = 0x60000000
    assert len(calls_of_a_hypervisor(struct.pack(">3I", no_operation, word, no_operation))) == 1


def run_in_qemu(guest: GuestFiles, arguments: str, directory: Path) -> str:
    tree = directory / "ppce500.dtb"
    tree.write_bytes(guest.dtb.read_bytes())
    end = INITRD_ADDRESS + guest.initrd.stat().st_size
    for kind, name, value in (
        ("s", "bootargs", f"console=ttyS0 panic=-1 {arguments}"),
        ("x", "linux,initrd-start", f"{INITRD_ADDRESS:x}"),
        ("x", "linux,initrd-end", f"{end:x}"),
    ):
        subprocess.run(["fdtput", "-t", kind, tree, "/chosen", name, value], check=True)
    machine = ["-M", "ppce500", "-cpu", "e500v2", "-m", "64", "-nic", "none", "-no-reboot"]
    output = ["-display", "none", "-serial", "stdio", "-monitor", "none"]
    files = ["-kernel", guest.kernel, "-dtb", tree]
    initrd = ["-device", f"loader,file={guest.initrd},addr={INITRD_ADDRESS:#x}"]
    command = ["qemu-system-ppc", *machine, *output, *files, *initrd]
    # The limit only ends a guest that hangs; a boot takes a second.
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_driver_refuses_a_machine_that_lacks_the_device(guest: GuestFiles, tmp_path: Path) -> None:
    console = run_in_qemu(guest, "act=restart", tmp_path)
    assert "pvctl f00000000.pvctl: error -19: unknown device ID 0x00000000" in console
    assert "init: /lib/modules/pvctl.ko loaded" in console
    assert "init: pvctl bound to nothing" in console
    assert "reboot: Restarting system" in console
