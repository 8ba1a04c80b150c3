# SPDX-License-Identifier: GPL-2.0-or-later
"""From a program to an image: LLVM compiles it, and the object file's sections are linked to run anywhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection
from llvmlite import binding as llvm

from paradrive.cpu.compiled.image import ENTRIES, pack_image
from paradrive.cpu.compiled.program import Program

if TYPE_CHECKING:
    from paradrive.cpu.models import CpuModel

SHF_ALLOC = 2
#: Kinds of relocation that a 32-bit distance from its own place satisfies, by machine.
RELATIVE_32 = {"EM_X86_64": {2, 4}, "EM_AARCH64": {261}}


class LinkError(Exception):
    """The object file needs something of a linker that this one does not do."""


def compile_image(model: CpuModel) -> bytes:
    """Compile the program of ``model`` for this processor; LinkError if its object file is not understood."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(str(Program(model).module))
    module.verify()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), opt=2, reloc="pic", codemodel="small"
    )
    passes = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=2))
    passes.getModulePassManager().run(module, passes)
    return link(target.emit_object(module))


def link(object_file: bytes) -> bytes:
    """Lay the allocated sections out one behind the other and resolve the distances between them."""
    elf = ELFFile(io.BytesIO(object_file))
    places: dict[int, int] = {}
    code = bytearray()
    for number, section in enumerate(elf.iter_sections()):
        if section["sh_flags"] & SHF_ALLOC and section["sh_type"] in ("SHT_PROGBITS", "SHT_NOBITS"):
            code += bytes(-len(code) % max(64, section["sh_addralign"]))
            places[number] = len(code)
            code += section.data()  # zeroes where the file has none
    symbols = elf.get_section_by_name(".symtab")
    if not isinstance(symbols, SymbolTableSection):
        raise LinkError("the object file has no symbols")
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection) and section["sh_info"] in places:
            _relocate(elf, code, places, section, symbols)
    entries = {
        symbol.name: places[symbol["st_shndx"]] + symbol["st_value"]
        for symbol in symbols.iter_symbols()
        if symbol["st_info"]["bind"] == "STB_GLOBAL" and symbol["st_shndx"] in places
    }
    return pack_image(bytes(code), [entries[name] for name in ENTRIES])


def _relocate(
    elf: ELFFile,
    code: bytearray,
    places: dict[int, int],
    section: RelocationSection,
    symbols: SymbolTableSection,
) -> None:
    base = places[section["sh_info"]]
    for relocation in section.iter_relocations():
        if relocation["r_info_type"] not in RELATIVE_32.get(elf["e_machine"], ()):
            raise LinkError(f"relocation type {relocation['r_info_type']} of {elf['e_machine']}")
        symbol = symbols.get_symbol(relocation["r_info_sym"])
        if symbol["st_shndx"] not in places:
            raise LinkError(f"undefined symbol {symbol.name}")
        place = base + relocation["r_offset"]
        target = places[symbol["st_shndx"]] + symbol["st_value"] + relocation["r_addend"]
        code[place : place + 4] = (target - place).to_bytes(4, "little", signed=True)
