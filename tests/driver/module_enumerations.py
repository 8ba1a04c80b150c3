# SPDX-License-Identifier: GPL-2.0-or-later
"""The enumerations of a module, out of its debugging information (DWARF 5)."""

from __future__ import annotations

import io

from elftools.elf.elffile import ELFFile

#: Relocation type of the Power ISA's ELF ABI: the 32-bit word becomes symbol + addend.
R_PPC_ADDR32 = 1


def enumerations(elf: bytes) -> dict[str, dict[str, int]]:
    """Return the values of all named enumerations by name."""
    found = {}
    # Not by pyelftools: it does not know the relocations of 32-bit Power.
    information = ELFFile(io.BytesIO(_relocate(elf))).get_dwarf_info(relocate_dwarf_sections=False)
    for unit in information.iter_CUs():
        for entry in unit.iter_DIEs():
            if entry.tag == "DW_TAG_enumeration_type" and "DW_AT_name" in entry.attributes:
                name = entry.attributes["DW_AT_name"].value.decode()
                found[name] = {
                    member.attributes["DW_AT_name"].value.decode(): member.attributes[
                        "DW_AT_const_value"
                    ].value
                    for member in entry.iter_children()
                }
    return found


def _relocate(elf: bytes) -> bytes:
    """Return a relocatable file whose debugging information refers to itself as the linker would have it."""
    relocated = bytearray(elf)
    file = ELFFile(io.BytesIO(elf))
    symbols = file.get_section_by_name(".symtab")
    for section in file.iter_sections("SHT_RELA"):
        target = file.get_section(section["sh_info"])
        if not target.name.startswith(".debug"):
            continue
        for relocation in section.iter_relocations():
            assert relocation["r_info_type"] == R_PPC_ADDR32
            symbol = symbols.get_symbol(relocation["r_info_sym"])
            value = symbol["st_value"] + relocation["r_addend"] & 0xFFFF_FFFF
            place = target["sh_offset"] + relocation["r_offset"]
            relocated[place : place + 4] = value.to_bytes(4, "big")
    return bytes(relocated)
